/*
 * A table from 16 bytes to 16 bytes: which object an inode became, and the other way round.
 *
 * It holds files with several names only, so it is the one thing that grows with a tree: by 64 bytes or so for
 * each of them.
 */
#ifndef MAP_H
#define MAP_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct words {
    uint64_t a, b;
};

struct map {
    struct {
        struct words key, value;
        int is_used;
    } *slots;
    size_t count, room; /* The room is a power of two. */
};

static inline size_t map_slot(const struct map *map, struct words key)
{
    uint64_t hash = (key.a ^ (key.b * UINT64_C(0x9e3779b97f4a7c15))) * UINT64_C(0xd6e8feb86659fd93);
    size_t at = (size_t)(hash >> 32) & (map->room - 1);
    while (map->slots[at].is_used && (map->slots[at].key.a != key.a || map->slots[at].key.b != key.b))
        at = (at + 1) & (map->room - 1);
    return at;
}

/* The value of a key; NULL where it has none. */
static inline const struct words *map_find(const struct map *map, struct words key)
{
    if (map->count == 0)
        return NULL;
    size_t at = map_slot(map, key);
    return map->slots[at].is_used ? &map->slots[at].value : NULL;
}

/* Gives a key a value. Returns -1 when memory is out. */
static inline int map_set(struct map *map, struct words key, struct words value)
{
    if (map->count * 2 >= map->room) {
        struct map more = {NULL, map->count, map->room == 0 ? 64 : map->room * 2};
        more.slots = calloc(more.room, sizeof *more.slots);
        if (more.slots == NULL)
            return -1;
        for (size_t at = 0; at < map->room; at++)
            if (map->slots[at].is_used)
                more.slots[map_slot(&more, map->slots[at].key)] = map->slots[at];
        free(map->slots);
        *map = more;
    }
    size_t at = map_slot(map, key);
    map->count += !map->slots[at].is_used;
    map->slots[at].key = key;
    map->slots[at].value = value;
    map->slots[at].is_used = 1;
    return 0;
}

static inline void map_free(struct map *map)
{
    free(map->slots);
    memset(map, 0, sizeof *map);
}

#endif
