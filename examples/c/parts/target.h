/*
 * The tree that a restore writes: where its entries go, and how they get owner, mode and time.
 *
 * Nothing here is about hsm.
 */
#ifndef TARGET_H
#define TARGET_H

#include "place.h"
#include "stored.h"
#include "tool.h"

/* Without --owner a file belongs to who restores it, and set-user-id would mean something else. */
#define MODE_MASK 01777u

struct restore {
    struct tool *tool;
    struct place place;
    struct place other; /* Where a further name's first one lies. */
    struct stored stored;
    struct names names;
    /* The key that has the file of which the current entry is a further name. */
    char leader[KEY_LENGTH_MAX];
    size_t leader_length;
    int has_late_names;
};

static inline unsigned mode_wanted(const struct tool *tool, const struct entry *entry)
{
    return tool->owner ? entry->mode : entry->mode & MODE_MASK;
}

/* Says why an entry was not restored. Returns 0: the others go on. */
static inline int not_restored(struct restore *restore, const char *what)
{
    pass_over(restore->tool, restore->stored.key, restore->stored.length, "cannot %s: %s", what, strerror(errno));
    return 0;
}

/* The name of the current entry in its directory, ended by a NUL. */
static inline const char *entry_name(const struct restore *restore, char name[KEY_LENGTH_MAX + 1])
{
    const struct stored *stored = &restore->stored;
    size_t parent = parent_length(stored->key, stored->length);
    size_t at = parent == 0 ? 0 : parent + 1;
    memcpy(name, stored->key + at, stored->length - at);
    name[stored->length - at] = 0;
    return name;
}

/* Opens the directory that a key is in, and makes it if need be. -1: it cannot be, and errno says why. */
static inline int open_parent(struct restore *restore, const char *key, size_t length, int make)
{
    struct place *place = make ? &restore->place : &restore->other;
    int before = place->fd;
    int fd = place_go(place, key, parent_length(key, length), make);
    if (make && fd >= 0 && fd != before)
        unlinkat(fd, restore->tool->partial, 0); /* Left by a restore that was killed here. */
    return fd;
}

/* Gives what lies at the temporary name its owner, mode and time. Returns -1 and errno. */
static inline int finish_metadata(const struct tool *tool, int parent, const char *name, const struct entry *entry)
{
    struct timespec times[2];
    if (tool->owner && fchownat(parent, name, (uid_t)entry->uid, (gid_t)entry->gid, AT_SYMLINK_NOFOLLOW) != 0)
        return -1;
    /* Behind the owner: to change that takes set-user-id away. A symbolic link has no mode. */
    if (entry->kind != KIND_SYMLINK && fchmodat(parent, name, (mode_t)mode_wanted(tool, entry), AT_SYMLINK_NOFOLLOW) != 0)
        return -1;
    times[0].tv_sec = times[1].tv_sec = (time_t)entry->mtime_s;
    times[0].tv_nsec = times[1].tv_nsec = entry->mtime_ns;
    return utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW);
}

#endif
