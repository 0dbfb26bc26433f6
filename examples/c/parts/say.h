/*
 * What these programs print: messages on stderr, names in a form that harms no terminal, JSON, progress.
 *
 * Of hsm it shows one thing, errors: a call that failed gives an error object with a message for people. It is
 * printed, then freed.
 */
#ifndef SAY_H
#define SAY_H

#include <hsm.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Begins every message. Each program sets it. */
static const char *program_name = "";

/* Progress on one line of a terminal; silent where stderr goes elsewhere. */
struct progress {
    int is_wanted;
    int is_shown;
    struct timespec shown;
};

static struct progress progress;

/* Takes the line of progress off the terminal, before something else is printed. */
static inline void progress_clear(void)
{
    if (progress.is_shown) {
        fputs("\r\033[K", stderr);
        progress.is_shown = 0;
    }
}

/* Whether a new line of progress is due: ten times a second at most. */
static inline int progress_is_due(void)
{
    if (!progress.is_wanted)
        return 0;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double since_s = (double)(now.tv_sec - progress.shown.tv_sec) + (double)(now.tv_nsec - progress.shown.tv_nsec) / 1e9;
    if (since_s < 0.1)
        return 0;
    progress.shown = now;
    return 1;
}

static inline void progress_show(const char *what, uint64_t entries, uint64_t bytes)
{
    if (!progress_is_due())
        return;
    fprintf(stderr, "\r%s: %llu entries, %.1f MiB\033[K", what, (unsigned long long)entries, (double)bytes / 1048576.0);
    progress.is_shown = 1;
}

/* Length of the UTF-8 sequence at `bytes`; 0 where there is none. */
static inline size_t utf8_length(const unsigned char *bytes, size_t left)
{
    size_t length = bytes[0] < 0x80 ? 1 : bytes[0] < 0xc2 ? 0 : bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : bytes[0] < 0xf5 ? 4 : 0;
    if (length > left)
        return 0;
    for (size_t at = 1; at < length; at++)
        if ((bytes[at] & 0xc0) != 0x80)
            return 0;
    if (length >= 3) {
        /* Too long a form, a surrogate, or beyond the last character. */
        if ((bytes[0] == 0xe0 && bytes[1] < 0xa0) || (bytes[0] == 0xed && bytes[1] > 0x9f) ||
            (bytes[0] == 0xf0 && bytes[1] < 0x90) || (bytes[0] == 0xf4 && bytes[1] > 0x8f))
            return 0;
    }
    return length;
}

static inline int is_utf8(const char *bytes, size_t length)
{
    for (size_t at = 0, step; at < length; at += step)
        if ((step = utf8_length((const unsigned char *)bytes + at, length - at)) == 0)
            return 0;
    return 1;
}

/* Prints a name: what could move a cursor, end a line or is no UTF-8 as \n, \\ or \x1b. */
static inline void print_name(FILE *out, const char *name, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)name;
    for (size_t at = 0; at < length;) {
        size_t step = utf8_length(bytes + at, length - at);
        int is_control = bytes[at] < 0x20 || bytes[at] == 0x7f || (step == 2 && bytes[at] == 0xc2 && bytes[at + 1] < 0xa0);
        if (bytes[at] == '\n')
            fputs("\\n", out);
        else if (bytes[at] == '\\')
            fputs("\\\\", out);
        else if (step == 0 || is_control)
            fprintf(out, "\\x%02x", bytes[at]);
        else
            fwrite(bytes + at, 1, step, out);
        at += step == 0 || is_control ? 1 : step;
    }
}

/* Prints bytes as a JSON member: text as "name", anything else in hexadecimal digits as "name_hex". */
static inline void print_json_bytes(FILE *out, const char *member, const char *value, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)value;
    int is_text = is_utf8(value, length);
    fprintf(out, "\"%s%s\":\"", member, is_text ? "" : "_hex");
    for (size_t at = 0; at < length; at++) {
        if (!is_text)
            fprintf(out, "%02x", bytes[at]);
        else if (bytes[at] < 0x20)
            fprintf(out, "\\u%04x", bytes[at]);
        else if (bytes[at] == '"' || bytes[at] == '\\')
            fprintf(out, "\\%c", bytes[at]);
        else
            putc(bytes[at], out);
    }
    putc('"', out);
}

/* Prints a message about `name`, or about nothing in particular where that is NULL. */
static inline void say_about(const char *name, size_t length, const char *format, va_list arguments)
{
    progress_clear();
    fprintf(stderr, "%s: ", program_name);
    if (name != NULL) {
        print_name(stderr, name, length);
        fputs(": ", stderr);
    }
    vfprintf(stderr, format, arguments);
    putc('\n', stderr);
}

static inline void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say_about(NULL, 0, format, arguments);
    va_end(arguments);
}

/* Says what failed and why, and frees the error. Returns -1, which is what the caller returns then. */
static inline int failed(hsm_error *error, const char *what)
{
    say("cannot %s: %s", what, hsm_error_message(error));
    hsm_error_free(error);
    return -1;
}

#endif
