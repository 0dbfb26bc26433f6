/*
 * What every part of the sync tool knows: what was asked for, the store, and what was done so far.
 */
#ifndef TOOL_H
#define TOOL_H

#include "say.h"

struct counts {
    uint64_t entries;   /* Looked at. */
    uint64_t unchanged;
    uint64_t sent;      /* Files whose bytes were sent, or written. */
    uint64_t sent_bytes;
    uint64_t made;      /* Directories, symbolic links and fifos that were new. */
    uint64_t updated;   /* Only what is known about them changed. */
    uint64_t linked;    /* Further names of a file. */
    uint64_t removed;
    uint64_t passed_over; /* Could not be read, changed all the time, or cannot be kept. */
};

struct tool {
    /* Asked for. */
    const char *command, *store_path, *dataset_name, *tree;
    int32_t tier; /* -1: any. */
    int dry_run, json, verbose, quiet, compare, owner, delete_others;
    /* Open. */
    hsm_store *store;
    hsm_id dataset;
    int root; /* The directory of the tree. */
    char partial[64]; /* What a file is called while a restore writes it. */
    void *buffer;     /* RUN_BYTES of room for data. */
    struct counts counts;
};

/* Bytes that are read and written at once. */
#define RUN_BYTES ((size_t)1 << 20)

/* Says what is wrong with one entry, counts it, and lets the rest go on. */
static inline void pass_over(struct tool *tool, const char *key, size_t length, const char *format, ...)
{
    va_list arguments;
    tool->counts.passed_over++;
    va_start(arguments, format);
    say_about(key, length, format, arguments);
    va_end(arguments);
}

/* The same with an error of the store, which is freed. */
static inline void pass_over_error(struct tool *tool, const char *key, size_t length, hsm_error *error)
{
    pass_over(tool, key, length, "%s", hsm_error_message(error));
    hsm_error_free(error);
}

/* Says what is done to an entry, with --verbose. */
static inline void note(const struct tool *tool, const char *what, const char *key, size_t length)
{
    if (!tool->verbose)
        return;
    progress_clear();
    printf("%-7s ", what);
    print_name(stdout, key, length);
    putchar('\n');
}

/* Counts an entry. */
static inline void count_entry(struct tool *tool)
{
    tool->counts.entries++;
    progress_show(tool->command, tool->counts.entries, tool->counts.sent_bytes);
}

#endif
