/*
 * Directories below a root that nothing leads out of.
 *
 * A path is opened name by name, and no name may be a symbolic link: whatever a key or a tree says, and whoever
 * puts links in the way meanwhile, what is opened lies below the root. One directory is open at a time, so that
 * a path of two thousand directories needs no two thousand descriptors; the next path begins from there where
 * it can.
 *
 * Nothing here is about hsm.
 */
#ifndef PLACE_H
#define PLACE_H

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* The longest key of a dataset, in bytes. */
#define KEY_LENGTH_MAX 4096

#define OPEN_DIRECTORY (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

struct place {
    int root; /* The directory that all is below. */
    int fd;   /* The directory at `path`; -1: none is open. */
    size_t length;
    char path[KEY_LENGTH_MAX + 1];
};

static inline void place_init(struct place *place, int root)
{
    place->root = root;
    place->fd = -1;
    place->length = 0;
}

static inline void place_leave(struct place *place)
{
    if (place->fd >= 0 && place->fd != place->root)
        close(place->fd);
    place->fd = -1;
}

/* Whether a key names something below a directory: no name in it is empty, "." or "..". */
static inline int is_key_below(const char *key, size_t length)
{
    if (length == 0 || length > KEY_LENGTH_MAX || memchr(key, 0, length) != NULL)
        return 0;
    for (size_t at = 0; at <= length;) {
        const char *slash = memchr(key + at, '/', length - at);
        size_t name = slash != NULL ? (size_t)(slash - key) - at : length - at;
        if (name == 0 || (name == 1 && key[at] == '.') || (name == 2 && key[at] == '.' && key[at + 1] == '.'))
            return 0;
        at += name + 1;
    }
    return 1;
}

/* Length of the directory part of a key; 0: the root. */
static inline size_t parent_length(const char *key, size_t length)
{
    while (length > 0 && key[length - 1] != '/')
        length--;
    return length > 0 ? length - 1 : 0;
}

/* Opens one more name below `fd`; where `make` says so, a missing directory is made. */
static inline int open_below(int fd, const char *name, int make)
{
    int next = openat(fd, name, OPEN_DIRECTORY);
    if (next < 0 && errno == ENOENT && make && mkdirat(fd, name, 0777) == 0)
        next = openat(fd, name, OPEN_DIRECTORY);
    return next;
}

/*
 * Opens the directory at `path` (empty: the root) and returns its descriptor, which belongs to the place; -1
 * and errno otherwise. `path` holds no name that is empty, "." or "..".
 */
static inline int place_go(struct place *place, const char *path, size_t length, int make)
{
    if (place->fd >= 0 && place->length == length && memcmp(place->path, path, length) == 0)
        return place->fd;
    if (length > KEY_LENGTH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    /* From where we are, if the path goes on from there. */
    size_t at = 0;
    if (place->fd >= 0 && place->length > 0 && length > place->length && path[place->length] == '/' &&
        memcmp(place->path, path, place->length) == 0) {
        at = place->length + 1;
    } else {
        place_leave(place);
        place->fd = place->root;
    }
    memcpy(place->path + at, path + at, length - at);
    place->path[length] = 0;
    while (at < length) {
        char *slash = memchr(place->path + at, '/', length - at);
        size_t end = slash != NULL ? (size_t)(slash - place->path) : length;
        place->path[end] = 0;
        int next = open_below(place->fd, place->path + at, make);
        int reason = errno;
        place_leave(place);
        if (next < 0) {
            errno = reason;
            return -1;
        }
        place->fd = next;
        if (slash != NULL)
            *slash = '/';
        at = end + 1;
    }
    place->length = length;
    return place->fd;
}

#endif
