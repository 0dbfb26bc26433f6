/*
 * The dataset becomes a tree again: restore.
 *
 * The store is not trusted. A key is refused unless each of its names is one; a directory on the way is opened
 * without following links (place.h); so nothing is written outside the target, whatever the keys and links say.
 *
 * Whatever is made gets its bytes, mode and time under a temporary name and is then renamed, so that a kill
 * leaves the old entry or the new. What is there already and equal is left alone: a restore that was killed is
 * run again. The passes over the dataset, each in the order of keys and in little memory:
 *
 *   1. with --delete: what the dataset does not have goes (delete.h);
 *   2. directories, writable for now, files, links and fifos;
 *   3. names of files whose first name came behind them, if there were any;
 *   4. modes and times of directories, the deepest first (finish.h).
 *
 * Of hsm it shows how an object that has several keys is met: a cursor shows it once for each, and its first name
 * tells them apart.
 */
#ifndef RESTORE_H
#define RESTORE_H

#include "bytes.h"
#include "delete.h"
#include "finish.h"

/* Zeros at least so long become a hole. */
#define HOLE_BYTES ((size_t)4096)

/* Renames the temporary name to what it is for. Returns -1 and errno. */
static inline int put_in_place(struct restore *restore, int parent, const char *name, const struct stat *there)
{
    if (there != NULL && S_ISDIR(there->st_mode) && unlinkat(parent, name, AT_REMOVEDIR) != 0)
        return -1; /* A directory that is not empty stays; --delete empties it before. */
    return renameat(parent, restore->tool->partial, parent, name);
}

/* Writes bytes, and leaves holes where there are only zeros. */
static inline int write_run(int fd, const char *bytes, size_t size)
{
    static const char zeros[HOLE_BYTES];
    while (size > 0) {
        size_t step = size < HOLE_BYTES ? size : HOLE_BYTES;
        if (step == HOLE_BYTES && memcmp(bytes, zeros, HOLE_BYTES) == 0) {
            if (lseek(fd, (off_t)step, SEEK_CUR) < 0)
                return -1;
        } else {
            /* All up to the next zeros in one write. */
            while (step < size && (size - step < HOLE_BYTES || memcmp(bytes + step, zeros, HOLE_BYTES) != 0))
                step += size - step < HOLE_BYTES ? size - step : HOLE_BYTES;
            ssize_t done = write(fd, bytes, step);
            if (done < 0 && errno == EINTR)
                continue;
            if (done < 0)
                return -1;
            step = (size_t)done;
        }
        bytes += step;
        size -= step;
    }
    return 0;
}

/* Writes the current object's bytes to a file. Returns 0, or -1 after it said what went wrong. */
static inline int write_bytes(struct restore *restore, int fd)
{
    struct tool *tool = restore->tool;
    struct stored *stored = &restore->stored;
    hsm_error *error = NULL;
    hsm_reader *reader = NULL;
    uint64_t size = 0;
    hsm_status status = hsm_reader_open(tool->store, &stored->info.id, tool->tier, &reader, &error);
    while (status == HSM_STATUS_OK) {
        size_t got = 0;
        status = hsm_reader_read(reader, tool->buffer, RUN_BYTES, &got, &error);
        if (status != HSM_STATUS_OK)
            break;
        if (write_run(fd, tool->buffer, got) != 0) {
            not_restored(restore, "write");
            hsm_reader_free(reader);
            return -1;
        }
        size += got;
        progress_show(tool->command, tool->counts.entries, tool->counts.sent_bytes + size);
    }
    hsm_reader_free(reader);
    if (status != HSM_STATUS_END) {
        pass_over_error(tool, stored->key, stored->length, error);
        return -1;
    }
    if (ftruncate(fd, (off_t)size) != 0) { /* It may end with a hole. */
        not_restored(restore, "write");
        return -1;
    }
    tool->counts.sent++;
    tool->counts.sent_bytes += size;
    return 0;
}

/* Makes a file with its bytes, a symbolic link or a fifo at the temporary name. -1: it cannot be; that was said. */
static inline int make_partial(struct restore *restore, int parent)
{
    struct tool *tool = restore->tool;
    const struct entry *entry = &restore->stored.entry;
    char target[KEY_LENGTH_MAX + 1];
    if (entry->kind == KIND_FILE) {
        int fd = openat(parent, tool->partial, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
            return not_restored(restore, "create"), -1;
        int outcome = write_bytes(restore, fd);
        if (close(fd) != 0 && outcome == 0) {
            not_restored(restore, "write");
            outcome = -1;
        }
        return outcome;
    }
    if (entry->kind == KIND_FIFO)
        return mkfifoat(parent, tool->partial, 0600) == 0 ? 0 : (not_restored(restore, "make a fifo"), -1);
    errno = ENAMETOOLONG;
    if (entry->target_length < sizeof target) {
        memcpy(target, entry->target, entry->target_length);
        target[entry->target_length] = 0;
        if (symlinkat(target, parent, tool->partial) == 0)
            return 0;
    }
    return not_restored(restore, "make a symbolic link"), -1;
}

/* Whether a symbolic link points to where the entry says. */
static inline int has_target(int parent, const char *name, const struct entry *entry)
{
    char target[KEY_LENGTH_MAX + 1];
    ssize_t length = readlinkat(parent, name, target, sizeof target);
    return length >= 0 && (size_t)length == entry->target_length && memcmp(target, entry->target, entry->target_length) == 0;
}

/* What differs between what is there and the entry, as far as a restore cares. */
static inline int differs_from(const struct restore *restore, int parent, const char *name, const struct stat *there)
{
    struct entry found, wanted = restore->stored.entry;
    if (entry_of_stat(&found, there) != 0)
        return DIFFERS_KIND;
    found.target = wanted.target;
    found.target_length = wanted.target_length;
    wanted.mode = mode_wanted(restore->tool, &wanted);
    int differs = entry_differs(&found, &wanted);
    if (!restore->tool->owner)
        differs &= ~DIFFERS_OWNER;
    if ((differs & DIFFERS_KIND) == 0 && wanted.kind == KIND_SYMLINK && !has_target(parent, name, &wanted))
        differs |= DIFFERS_TARGET;
    return differs;
}

/*
 * Whether the file that is there has more names than the dataset gives it, or is about to be changed and has more
 * than one. Then it is written anew, so that what happens to it happens to no file but this.
 */
static inline int is_linked_elsewhere(struct restore *restore, const struct stat *there, int differs)
{
    struct tool *tool = restore->tool;
    if (!S_ISREG(there->st_mode) || there->st_nlink < 2)
        return 0;
    return differs != 0 || names_find(&restore->names, tool->store, &tool->dataset, &restore->stored) != 0 ||
           there->st_nlink > restore->names.count;
}

/* A directory, writable for now. Returns 0: what goes wrong with one entry is said, and the others go on. */
static inline int restore_directory(struct restore *restore, int parent, const char *name, const struct stat *there)
{
    struct tool *tool = restore->tool;
    if (there != NULL && S_ISDIR(there->st_mode)) {
        tool->counts.unchanged++;
        if ((there->st_mode & 0700) != 0700 && fchmodat(parent, name, 0700, AT_SYMLINK_NOFOLLOW) != 0)
            return not_restored(restore, "open the directory");
        return 0;
    }
    note(tool, "make", restore->stored.key, restore->stored.length);
    tool->counts.made++;
    if (tool->dry_run)
        return 0;
    if ((there != NULL && unlinkat(parent, name, 0) != 0) || mkdirat(parent, name, 0700) != 0)
        return not_restored(restore, "make the directory");
    return 0;
}

/* A file, a symbolic link or a fifo. */
static inline int restore_other(struct restore *restore, int parent, const char *name, const struct stat *there)
{
    struct tool *tool = restore->tool;
    const struct stored *stored = &restore->stored;
    int differs = there == NULL ? DIFFERS_KIND : differs_from(restore, parent, name, there);
    if ((differs & DIFFERS_KIND) == 0 && is_linked_elsewhere(restore, there, differs))
        differs |= DIFFERS_DATA;
    if ((differs & ~(DIFFERS_MODE | DIFFERS_OWNER)) == 0 && tool->compare && stored->entry.kind == KIND_FILE) {
        int same = has_same_bytes(tool, parent, name, stored);
        if (same < 0)
            return 0;
        differs |= same ? 0 : DIFFERS_DATA;
    }
    if (differs == 0) {
        tool->counts.unchanged++;
        return 0;
    }
    if ((differs & ~(DIFFERS_MODE | DIFFERS_OWNER)) == 0) {
        note(tool, "update", stored->key, stored->length);
        tool->counts.updated++;
        if (!tool->dry_run && finish_metadata(tool, parent, name, &stored->entry) != 0)
            return not_restored(restore, "set mode and owner");
        return 0;
    }
    note(tool, there == NULL ? "make" : "change", stored->key, stored->length);
    if (tool->dry_run || stored->entry.kind != KIND_FILE)
        *(stored->entry.kind == KIND_FILE ? &tool->counts.sent : &tool->counts.made) += 1;
    if (tool->dry_run)
        return 0;
    if (make_partial(restore, parent) == 0) {
        if (finish_metadata(tool, parent, tool->partial, &stored->entry) != 0)
            not_restored(restore, "set mode, owner and time");
        else if (put_in_place(restore, parent, name, there) != 0)
            not_restored(restore, "put it in place");
        else
            return 0;
    }
    unlinkat(parent, tool->partial, 0);
    return 0;
}

/*
 * A further name of a file. Returns 1 when it was linked, or was so already; 0 when it has to be written as a file of
 * its own, since the first name was not restored or cannot be linked to.
 */
static inline int restore_name(struct restore *restore, int parent, const char *name, const struct stat *there)
{
    struct tool *tool = restore->tool;
    const struct stored *stored = &restore->stored;
    char first_name[KEY_LENGTH_MAX + 1];
    struct stat first;
    const char *key = restore->leader;
    size_t length = restore->leader_length, parent_end = parent_length(key, length);
    if (!is_key_below(key, length))
        return 0;
    size_t at = parent_end == 0 ? 0 : parent_end + 1;
    memcpy(first_name, key + at, length - at);
    first_name[length - at] = 0;
    int other = open_parent(restore, key, length, 0);
    if (other < 0 || fstatat(other, first_name, &first, AT_SYMLINK_NOFOLLOW) != 0 ||
        (differs_from(restore, other, first_name, &first) & (DIFFERS_KIND | DIFFERS_DATA)) != 0)
        return 0;
    if (there != NULL && there->st_dev == first.st_dev && there->st_ino == first.st_ino) {
        tool->counts.unchanged++;
        return 1;
    }
    note(tool, "link", stored->key, stored->length);
    tool->counts.linked++;
    if (tool->dry_run)
        return 1;
    if (linkat(other, first_name, parent, tool->partial, 0) == 0 && put_in_place(restore, parent, name, there) == 0)
        return 1;
    tool->counts.linked--;
    if (errno == EMLINK || errno == EXDEV)
        return 0;
    not_restored(restore, "link it to its first name");
    unlinkat(parent, tool->partial, 0);
    return 1;
}

/*
 * Whether the current entry is a further name of a file, and of which: every name of an object but the first is a
 * link to that. Returns -1 when the store failed.
 */
static inline int is_further_name(struct restore *restore)
{
    const struct stored *stored = &restore->stored;
    const char *leader = stored->first;
    size_t length = stored->first_length;
    if (stored->flaw != NULL || stored->entry.kind != KIND_FILE || !stored->has_other_name)
        return 0;
    if (memcmp(&stored->info.dataset, &stored->dataset, sizeof stored->dataset) != 0) {
        /* Another dataset named it first. Here, the smallest of its keys is the first. */
        if (names_find(&restore->names, restore->tool->store, &stored->dataset, stored) != 0)
            return -1;
        leader = restore->names.first;
        length = restore->names.first_length;
    }
    if (length == 0 || length > sizeof restore->leader || compare_keys(leader, length, stored->key, stored->length) == 0)
        return 0;
    memcpy(restore->leader, leader, length);
    restore->leader_length = length;
    return 1;
}

/* Restores the current entry; in a late pass, only if it is a name whose first one comes behind it. */
static inline int restore_entry(struct restore *restore, int is_late)
{
    struct tool *tool = restore->tool;
    struct stored *stored = &restore->stored;
    char name[KEY_LENGTH_MAX + 1];
    struct stat found, *there = NULL;
    int is_further = is_further_name(restore);
    if (is_further < 0)
        return -1;
    int waits = is_further && compare_keys(stored->key, stored->length, restore->leader, restore->leader_length) < 0;
    restore->has_late_names |= waits;
    if (waits != is_late)
        return 0;
    count_entry(tool);
    if (!is_key_below(stored->key, stored->length)) {
        pass_over(tool, stored->key, stored->length, "refused: the key names nothing below a directory");
        return 0;
    }
    if (stored->flaw != NULL) {
        pass_over(tool, stored->key, stored->length, "refused: no entry of a tree, its attribute %s is missing or makes no sense", stored->flaw);
        return 0;
    }
    entry_name(restore, name);
    if (strcmp(name, tool->partial) == 0) {
        pass_over(tool, stored->key, stored->length, "refused: this tool writes files under that name");
        return 0;
    }
    int parent = open_parent(restore, stored->key, stored->length, !tool->dry_run);
    if (parent < 0 && tool->dry_run && errno == ENOENT) {
        note(tool, "make", stored->key, stored->length);
        *(stored->entry.kind == KIND_FILE ? &tool->counts.sent : &tool->counts.made) += 1;
        return 0;
    }
    if (parent < 0 && (errno == ENOTDIR || errno == ELOOP)) {
        pass_over(tool, stored->key, stored->length, "refused: its path leads through something that is no directory");
        return 0;
    }
    if (parent < 0)
        return not_restored(restore, "open its directory");
    if (fstatat(parent, name, &found, AT_SYMLINK_NOFOLLOW) == 0)
        there = &found;
    else if (errno != ENOENT)
        return not_restored(restore, "look at it");
    if (stored->entry.kind == KIND_DIRECTORY)
        return restore_directory(restore, parent, name, there);
    if (is_further && restore_name(restore, parent, name, there))
        return 0;
    return restore_other(restore, parent, name, there);
}

/* Goes through the dataset and restores each entry. */
static inline int restore_pass(struct restore *restore, int is_late)
{
    struct tool *tool = restore->tool;
    int outcome = stored_begin(&restore->stored, tool->store, &tool->dataset, NULL);
    while (outcome == 0 && !restore->stored.is_end) {
        outcome = restore_entry(restore, is_late);
        if (outcome == 0)
            outcome = stored_next(&restore->stored);
    }
    stored_finish(&restore->stored);
    return outcome;
}

/* Makes the tree what the dataset is. Returns 0, or -1 when it was stopped half-way; that was said. */
static inline int restore_tree(struct tool *tool)
{
    struct restore *restore = calloc(1, sizeof *restore); /* Too large for a small stack. */
    if (restore == NULL) {
        say("out of memory");
        return -1;
    }
    restore->tool = tool;
    place_init(&restore->place, tool->root);
    place_init(&restore->other, tool->root);
    int outcome = tool->delete_others ? delete_others(tool) : 0;
    if (outcome == 0)
        outcome = restore_pass(restore, 0);
    if (outcome == 0 && restore->has_late_names)
        outcome = restore_pass(restore, 1);
    if (outcome == 0 && !tool->dry_run)
        outcome = restore_directories(restore);
    if (outcome == 0 && !tool->dry_run)
        outcome = restore_root(restore);
    place_leave(&restore->place);
    place_leave(&restore->other);
    free(restore);
    return outcome;
}

#endif
