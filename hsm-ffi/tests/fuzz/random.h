/* Random numbers from a seed, a trace of every call, and the end of a run that failed. */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t random_state;

static uint64_t random_number(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * UINT64_C(2685821657736338717);
}

/* A number from 0 to `limit` - 1. */
static size_t below(size_t limit)
{
    return (size_t)((random_number() >> 16) % limit);
}

static int chance(unsigned percent)
{
    return below(100) < percent;
}

#define ONE_OF(array) ((array)[below(sizeof(array) / sizeof *(array))])

/* Every call is written here before it is made, so that a crash can be read afterwards. */
static FILE *trace_file;

/* 1 while a callback makes calls of its own. */
static int is_nested;

static void trace(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(trace_file, format, arguments);
    va_end(arguments);
}

static void trace_bytes(const void *bytes, size_t length)
{
    const uint8_t *at = bytes;
    size_t shown = length < 40 ? length : 40;
    trace("\"");
    for (size_t i = 0; i < shown; i++)
        trace(at[i] < 32 || at[i] > 126 || at[i] == '"' || at[i] == '\\' ? "\\%03o" : "%c", at[i]);
    trace(shown < length ? "\"..." : "\"");
}

/* Ends the run. */
static void fail(const char *format, ...)
{
    va_list arguments;
    fflush(trace_file);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    _exit(1);
}

#endif
