/*
 * Places for what calls put out, each between guards: written over, they end the run. What a place holds before a call
 * is known, so that a call which failed and wrote to it ends the run too.
 */
#ifndef PLACES_H
#define PLACES_H

#include "random.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

#define GUARD 16
#define FILL 0xA5

struct place {
    void *at;
    size_t size;
    uint8_t *block;
};

/* A place of a size, now and then NULL. */
static struct place place(size_t size)
{
    struct place place = {NULL, size, NULL};
    if (chance(2)) {
        trace("NULL");
        return place;
    }
    place.block = malloc(size + 2 * GUARD);
    memset(place.block, FILL, size + 2 * GUARD);
    place.at = place.block + GUARD;
    ASAN_POISON_MEMORY_REGION(place.block, GUARD);
    ASAN_POISON_MEMORY_REGION(place.block + GUARD + size, GUARD);
    trace("out[%zu]", size);
    return place;
}

/* Frees a place, after a look at its guards. */
static void leave_place(struct place *place)
{
    if (place->block == NULL)
        return;
    ASAN_UNPOISON_MEMORY_REGION(place->block, place->size + 2 * GUARD);
    for (size_t i = 0; i < GUARD; i++)
        if (place->block[i] != FILL || place->block[GUARD + place->size + i] != FILL)
            fail("written outside of a place of %zu bytes", place->size);
    free(place->block);
    place->block = NULL;
    place->at = NULL;
}

static void check_unwritten(const struct place *place)
{
    for (size_t i = 0; place->at != NULL && i < place->size; i++)
        if (place->block[GUARD + i] != FILL)
            fail("written to a place, though the call did not succeed");
}

/* Copies what a place for one value holds; 0 where there is none, or the caller gave it less room than that. */
static int read_place(const struct place *place, void *value, size_t size)
{
    if (place->at == NULL || place->size < size)
        return 0;
    memcpy(value, place->at, size);
    return 1;
}

/* The size that a record is said to have: mostly the right one, else that of an older or a newer header. */
static size_t record_size(size_t size)
{
    static const size_t others[] = {0, 1, 8, 24, 40, 200, 1000, 65536};
    return chance(94) ? size : ONE_OF(others);
}

/* Reads all bytes that were lent, so that a sanitizer sees whether they are there. */
static void touch(const void *bytes, size_t length)
{
    static volatile uint8_t sum;
    const uint8_t *at = bytes;
    for (size_t i = 0; i < length; i++)
        sum = (uint8_t)(sum + at[i]);
}

#endif
