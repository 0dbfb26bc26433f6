/*
 * A tree of the file system, entry by entry, in the order in which a dataset lists its keys.
 *
 * Keys are ordered by their bytes. That is not the order of a plain walk: '/' stands between '.' and '0', so
 * "a.txt" comes between the directory "a" and what is in it, "a/b". The walk gets it right by listing each
 * directory twice in the directory that holds it: as "a", which is the entry, and as "a/", where its contents
 * belong. Sorted by bytes, both stand where they should.
 *
 * What is in memory is the names of the directories on the way to the current entry, not the tree.
 *
 * Nothing here is about hsm but the order.
 */
#ifndef WALK_H
#define WALK_H

#include "place.h"

#include <dirent.h>
#include <stdlib.h>

/* What a step of the walk came to. */
enum step {
    STEP_ENTRY,   /* An entry: path, name, parent, stat. */
    STEP_LEAVE,   /* All of the directory at path was walked. */
    STEP_TROUBLE, /* errno in `trouble`. Path: the entry that could not be looked at, or a directory and '/'. */
    STEP_END,
    STEP_FAILED /* Out of memory. */
};

/* A directory on the way. */
struct level {
    char **names;
    size_t count, next;
    size_t path_length;
};

struct walk {
    struct place place;
    struct level *levels;
    size_t depth, room;
    /* A directory to pass over: the store, where that lies in the tree. */
    int has_skip;
    dev_t skip_device;
    ino_t skip_inode;
    /* Of the current step. */
    char path[2 * KEY_LENGTH_MAX + 3];
    size_t length;
    const char *name;
    int parent;
    struct stat stat;
    int trouble;
};

static inline int compare_names(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right); /* By bytes, as unsigned. */
}

static inline void level_free(struct level *level)
{
    for (size_t at = 0; at < level->count; at++)
        free(level->names[at]);
    free(level->names);
}

/* Adds a name, with '/' behind it where that is asked for. */
static inline int level_add(struct level *level, size_t *room, const char *name, int slash)
{
    if (level->count == *room) {
        size_t more = *room == 0 ? 64 : *room * 2;
        char **names = realloc(level->names, more * sizeof *names);
        if (names == NULL)
            return -1;
        level->names = names;
        *room = more;
    }
    size_t length = strlen(name);
    char *copy = malloc(length + 2);
    if (copy == NULL)
        return -1;
    memcpy(copy, name, length);
    copy[length] = '/';
    copy[length + (slash != 0)] = 0;
    level->names[level->count++] = copy;
    return 0;
}

/* Whether an entry of the directory `fd` is one itself. What cannot be looked at may be: the walk will say what is wrong. */
static inline int may_be_directory(int fd, const struct dirent *found)
{
#ifdef DT_UNKNOWN
    /* POSIX leaves it out, most systems say it, and it saves a call a file. */
    if (found->d_type != DT_UNKNOWN)
        return found->d_type == DT_DIR;
#endif
    struct stat stat;
    return fstatat(fd, found->d_name, &stat, AT_SYMLINK_NOFOLLOW) != 0 || S_ISDIR(stat.st_mode);
}

/* Lists the directory `fd`. */
static inline int level_fill(struct level *level, int fd)
{
    /* A descriptor of its own, since reading a directory moves it. */
    int own = openat(fd, ".", OPEN_DIRECTORY);
    DIR *directory = own < 0 ? NULL : fdopendir(own);
    if (directory == NULL) {
        int reason = errno;
        if (own >= 0)
            close(own);
        errno = reason;
        return -1;
    }
    size_t room = 0;
    struct dirent *found;
    int reason = 0;
    while (errno = 0, (found = readdir(directory)) != NULL) {
        if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0)
            continue;
        if (level_add(level, &room, found->d_name, 0) != 0 ||
            (may_be_directory(fd, found) && level_add(level, &room, found->d_name, 1) != 0)) {
            reason = ENOMEM;
            break;
        }
    }
    if (reason == 0)
        reason = errno;
    closedir(directory);
    if (reason == 0 && level->count > 1)
        qsort(level->names, level->count, sizeof *level->names, compare_names);
    errno = reason;
    return reason == 0 ? 0 : -1;
}

/* Goes into the directory `fd`, which is at the current path. */
static inline int walk_enter(struct walk *walk, int fd)
{
    if (walk->depth == walk->room) {
        size_t more = walk->room == 0 ? 16 : walk->room * 2;
        struct level *levels = realloc(walk->levels, more * sizeof *levels);
        if (levels == NULL) {
            errno = ENOMEM;
            return -1;
        }
        walk->levels = levels;
        walk->room = more;
    }
    struct level level = {NULL, 0, 0, walk->length};
    if (level_fill(&level, fd) != 0) {
        int reason = errno;
        level_free(&level);
        errno = reason;
        return -1;
    }
    walk->levels[walk->depth++] = level;
    return 0;
}

/* Begins at the directory `root`, which stays the caller's. */
static inline int walk_begin(struct walk *walk, int root)
{
    memset(walk, 0, sizeof *walk);
    place_init(&walk->place, root);
    return walk_enter(walk, root);
}

static inline void walk_end(struct walk *walk)
{
    place_leave(&walk->place);
    while (walk->depth > 0)
        level_free(&walk->levels[--walk->depth]);
    free(walk->levels);
    walk->levels = NULL;
}

static inline int walk_is_skipped(const struct walk *walk, const struct stat *stat)
{
    return walk->has_skip && stat->st_dev == walk->skip_device && stat->st_ino == walk->skip_inode;
}

/* The contents of a directory: `length` is that of its path, without the slash. */
static inline enum step walk_descend(struct walk *walk, size_t length)
{
    struct stat stat;
    int fd = place_go(&walk->place, walk->path, length, 0);
    walk->length = length;
    if (fd >= 0 && fstat(fd, &stat) == 0 && (walk_is_skipped(walk, &stat) || walk_enter(walk, fd) == 0))
        return STEP_END; /* No step of its own. */
    walk->trouble = errno;
    walk->length = length + 1;
    /* It is gone, or is no directory any more: whatever was in it is gone. */
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
        return STEP_END;
    return errno == ENOMEM ? STEP_FAILED : STEP_TROUBLE;
}

static inline enum step walk_next(struct walk *walk)
{
    while (walk->depth > 0) {
        struct level *level = &walk->levels[walk->depth - 1];
        if (level->next == level->count) {
            walk->length = level->path_length;
            walk->path[walk->length] = 0;
            level_free(level);
            walk->depth--;
            if (walk->depth == 0)
                return STEP_END;
            return STEP_LEAVE;
        }
        const char *name = level->names[level->next++];
        size_t name_length = strlen(name), at = level->path_length;
        if (name_length > KEY_LENGTH_MAX)
            continue; /* No system has such names. */
        if (at > 0)
            walk->path[at++] = '/';
        memcpy(walk->path + at, name, name_length + 1);
        walk->length = at + name_length;
        int is_contents = name[name_length - 1] == '/';
        if (walk->length - (size_t)is_contents > KEY_LENGTH_MAX) {
            if (is_contents)
                continue; /* Said of the directory itself. */
            walk->trouble = ENAMETOOLONG;
            return STEP_TROUBLE;
        }
        if (is_contents) {
            enum step step = walk_descend(walk, walk->length - 1);
            if (step != STEP_END)
                return step;
            continue;
        }
        walk->name = walk->path + at;
        walk->parent = place_go(&walk->place, walk->path, level->path_length, 0);
        if (walk->parent < 0 || fstatat(walk->parent, walk->name, &walk->stat, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
                continue; /* It went while we walked. */
            walk->trouble = errno;
            return STEP_TROUBLE;
        }
        if (!walk_is_skipped(walk, &walk->stat))
            return STEP_ENTRY;
    }
    return STEP_END;
}

#endif
