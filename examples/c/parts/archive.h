/*
 * The tree goes into the dataset: archive, sync and check.
 *
 * Both are read in the same order, side by side, as one merges two sorted lists. What only the tree has is put,
 * what only the dataset has is removed, and what both have is compared. Whenever this is stopped, the next run
 * finds what is left to do by the same comparison; nothing else has to be remembered.
 *
 * Of hsm it shows writers (bytes that come piece by piece, and count only when they are committed), removal, and
 * objects with several keys.
 */
#ifndef ARCHIVE_H
#define ARCHIVE_H

#include "bytes.h"
#include "map.h"
#include "pending.h"
#include "stored.h"
#include "walk.h"

/* Files up to this size go through batches. It is what tiers pack by default. */
#define SMALL_BYTES ((uint64_t)64 << 10)

/* How often a file that changes while it is read is tried. */
#define ATTEMPTS 3

/* Two changes within one tick of the kernel's clock, 10 ms at most, give a file the same time. */
#define TICK_NS 20000000

struct archive {
    struct tool *tool;
    struct walk walk;
    struct stored stored;
    struct pending pending;
    struct names names;
    /* Files with several names: which object an inode became in this run, and which inode an object is. */
    struct map objects, inodes;
    /* Keys of the dataset that stay since the tree could not be looked at there: this one, or where it ends with
     * '/', those below it. */
    char keep[sizeof(((struct walk *)0)->path)];
    size_t keep_length;
};

static inline void wait_ns(long nanoseconds)
{
    struct timespec time = {nanoseconds / 1000000000, nanoseconds % 1000000000};
    nanosleep(&time, NULL);
}

/* Whether nothing happened to a file between two looks at it. */
static inline int is_same_state(const struct stat *one, const struct stat *other)
{
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino && one->st_size == other->st_size &&
           one->st_mtim.tv_sec == other->st_mtim.tv_sec && one->st_mtim.tv_nsec == other->st_mtim.tv_nsec &&
           one->st_ctim.tv_sec == other->st_ctim.tv_sec && one->st_ctim.tv_nsec == other->st_ctim.tv_nsec;
}

/* Waits until a later change of a file will show in its time. Returns 1 when it had to. */
static inline int let_a_tick_pass(const struct stat *stat)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t age_s = (int64_t)now.tv_sec - stat->st_mtim.tv_sec;
    if (age_s < 0 || age_s > 1)
        return 0;
    int64_t age_ns = age_s * 1000000000 + now.tv_nsec - stat->st_mtim.tv_nsec;
    if (age_ns < 0 || age_ns >= TICK_NS)
        return 0;
    wait_ns(TICK_NS);
    return 1;
}

/* How sending a file ended. */
enum sent { SENT, SENT_CHANGED, SENT_UNREADABLE, SENT_FAILED };

/* Reads a small file into memory, and adds it to the batch if it stood still meanwhile. */
static inline enum sent send_small(struct archive *archive, int fd, const struct stat *before, const hsm_id *object, const struct entry *entry)
{
    struct stat after;
    struct walk *walk = &archive->walk;
    ssize_t size = read_run(fd, archive->tool->buffer, SMALL_BYTES + 1);
    if (size < 0 || fstat(fd, &after) != 0)
        return SENT_UNREADABLE;
    if ((uint64_t)size != entry->size || !is_same_state(before, &after))
        return SENT_CHANGED;
    if (pending_put(&archive->pending, walk->path, walk->length, object, entry, archive->tool->buffer) != 0)
        return SENT_FAILED;
    return SENT;
}

/* Streams a large file into a writer, and commits that if the file stood still meanwhile. Else nothing is left. */
static inline enum sent send_large(struct archive *archive, int fd, const struct stat *before, const hsm_id *object, const struct entry *entry)
{
    struct tool *tool = archive->tool;
    hsm_error *error = NULL;
    hsm_writer *writer = NULL;
    hsm_put_result put;
    enum sent outcome = SENT_FAILED;
    uint64_t size = 0;
    struct stat after;
    hsm_put_options *options = put_options(tool, archive->walk.path, archive->walk.length, object, entry);
    if (options == NULL)
        return SENT_FAILED;
    if (hsm_writer_open(tool->store, options, &writer, &error) != HSM_STATUS_OK) {
        failed(error, "begin a put");
        goto done;
    }
    /* One byte more than there should be shows a file that grows, however fast. */
    while (size <= entry->size) {
        ssize_t run = read_run(fd, tool->buffer, RUN_BYTES);
        if (run < 0) {
            outcome = SENT_UNREADABLE;
            goto done;
        }
        if (run == 0)
            break;
        if (hsm_writer_write(writer, tool->buffer, (size_t)run, &error) != HSM_STATUS_OK) {
            failed(error, "write to the store");
            goto done;
        }
        size += (uint64_t)run;
        progress_show(tool->command, tool->counts.entries, tool->counts.sent_bytes + size);
    }
    if (fstat(fd, &after) != 0)
        outcome = SENT_UNREADABLE;
    else if (size != entry->size || !is_same_state(before, &after))
        outcome = SENT_CHANGED;
    else if (hsm_writer_commit(writer, &put, sizeof put, &error) != HSM_STATUS_OK)
        failed(error, "put a file");
    else
        outcome = SENT;
done:
    hsm_writer_free(writer); /* Not committed: then it leaves nothing behind. */
    hsm_put_options_free(options);
    return outcome;
}

/*
 * Sends a file's bytes. `entry` is brought to what they belong to. What changes while it is read is tried again,
 * and passed over in the end: a mixture of two states is never put, and what the dataset had before stays.
 * Returns 1 when it was sent, 0 when it was passed over, -1 when the store failed.
 */
static inline int send_file(struct archive *archive, const hsm_id *object, struct entry *entry)
{
    struct tool *tool = archive->tool;
    struct walk *walk = &archive->walk;
    enum sent outcome = SENT_CHANGED;
    int reason = 0;
    for (int attempt = 1; attempt <= ATTEMPTS && outcome == SENT_CHANGED; attempt++) {
        struct stat before;
        if (attempt > 1)
            wait_ns(50000000L * attempt);
        int fd = open_file(walk->parent, walk->name, &before);
        if (fd < 0 && (errno == ENOENT || errno == ESTALE || errno == ELOOP)) {
            pass_over(tool, walk->path, walk->length, "it went or was replaced while the tree was read");
            return 0;
        }
        if (fd < 0) {
            reason = errno;
            outcome = SENT_UNREADABLE;
            break;
        }
        if ((let_a_tick_pass(&before) && fstat(fd, &before) != 0) || entry_of_stat(entry, &before) != 0)
            outcome = SENT_UNREADABLE;
        else if (entry->size <= SMALL_BYTES)
            outcome = send_small(archive, fd, &before, object, entry);
        else
            outcome = send_large(archive, fd, &before, object, entry);
        reason = errno;
        close(fd);
    }
    if (outcome == SENT_CHANGED)
        pass_over(tool, walk->path, walk->length, "it changed each of %d times it was read", ATTEMPTS);
    if (outcome == SENT_UNREADABLE)
        pass_over(tool, walk->path, walk->length, "cannot read it: %s", strerror(reason));
    if (outcome == SENT) {
        tool->counts.sent++;
        tool->counts.sent_bytes += entry->size;
    }
    return outcome == SENT ? 1 : outcome == SENT_FAILED ? -1 : 0;
}

/* Takes a key off the object that has it, and removes the object with its last name. It can be brought back. */
static inline int detach(struct archive *archive, const struct stored *stored)
{
    struct tool *tool = archive->tool;
    hsm_error *error = NULL;
    if (tool->dry_run)
        return 0;
    if (names_find(&archive->names, tool->store, &tool->dataset, stored) != 0)
        return -1;
    hsm_status status = archive->names.count + archive->names.elsewhere > 1
                            ? hsm_key_remove(tool->store, &tool->dataset, stored->key, stored->length, NULL, &error)
                            : hsm_object_remove(tool->store, &stored->info.id, NULL, &error);
    return status == HSM_STATUS_OK ? 0 : failed(error, "remove an entry");
}

/* Removes what the tree has no more. */
static inline int remove_entry(struct archive *archive)
{
    struct tool *tool = archive->tool;
    struct stored *stored = &archive->stored;
    tool->counts.removed++;
    note(tool, "remove", stored->key, stored->length);
    if (tool->dry_run)
        return 0;
    if (names_find(&archive->names, tool->store, &tool->dataset, stored) != 0)
        return -1;
    if (archive->names.count == 1 && archive->names.elsewhere == 0)
        return pending_remove(&archive->pending, stored->key, stored->length, &stored->info.id);
    return archive->names.count == 0 ? 0 : detach(archive, stored);
}

/* Whether a key of the dataset stays although the walk did not come to it. */
static inline int is_kept(const struct archive *archive)
{
    const struct stored *stored = &archive->stored;
    size_t length = archive->keep_length;
    if (length == 0 || stored->length < length || memcmp(stored->key, archive->keep, length) != 0)
        return 0;
    return archive->keep[length - 1] == '/' || stored->length == length;
}

/* Removes the entries of the dataset before a key; of all that are left, where that is NULL. */
static inline int remove_before(struct archive *archive, const char *key, size_t length)
{
    struct stored *stored = &archive->stored;
    while (!stored->is_end && (key == NULL || compare_keys(stored->key, stored->length, key, length) < 0)) {
        if ((!is_kept(archive) && remove_entry(archive) != 0) || stored_next(stored) != 0)
            return -1;
    }
    return 0;
}

/* An id as the two words of a table, and back. */
static inline struct words words_of_id(const hsm_id *id)
{
    struct words words;
    memcpy(&words, id, sizeof words);
    return words;
}

/*
 * Whether the object at a key belongs to another file: one that it was linked to when it was put, and is not
 * any more. `inode` is the file of the tree.
 */
static inline int is_others(struct archive *archive, struct words inode, int *others)
{
    const struct stored *stored = &archive->stored;
    struct words id = words_of_id(&stored->info.id);
    const struct words *owner = map_find(&archive->inodes, id);
    *others = owner != NULL && (owner->a != inode.a || owner->b != inode.b);
    if (*others || !stored->has_other_name)
        return 0;
    if (names_find(&archive->names, archive->tool->store, &archive->tool->dataset, stored) != 0)
        return -1;
    *others = archive->names.has_earlier;
    if (!*others && archive->names.count > 1 && map_set(&archive->inodes, id, inode) != 0)
        return -1;
    return 0;
}

/* Whether another dataset shows the object at a key too. Such an object is never changed. Returns -1 on failure. */
static inline int is_shared(struct archive *archive, const struct stored *stored)
{
    if (names_find(&archive->names, archive->tool->store, &archive->tool->dataset, stored) != 0)
        return -1;
    return archive->names.elsewhere > 0;
}

/* Puts, updates or leaves one entry. `stored` is the dataset's entry with the same key; NULL: it has none. */
static inline int bring_entry(struct archive *archive, struct stored *stored)
{
    struct tool *tool = archive->tool;
    struct walk *walk = &archive->walk;
    struct entry entry;
    char target[KEY_LENGTH_MAX + 1];
    struct words inode = {(uint64_t)walk->stat.st_dev, (uint64_t)walk->stat.st_ino};
    int is_linked, others = 0;

    count_entry(tool);
    if (entry_of_stat(&entry, &walk->stat) != 0) {
        pass_over(tool, walk->path, walk->length, "sockets and devices are not archived");
        return stored != NULL ? remove_entry(archive) : 0;
    }
    if (entry.kind == KIND_SYMLINK) {
        ssize_t length = readlinkat(walk->parent, walk->name, target, sizeof target);
        if (length < 0) {
            pass_over(tool, walk->path, walk->length, "cannot read the link: %s", strerror(errno));
            return 0;
        }
        entry.target = target;
        entry.target_length = (size_t)length;
    }

    /* A further name of a file that was met before is a further key of its object. */
    is_linked = entry.kind == KIND_FILE && walk->stat.st_nlink > 1;
    const struct words *first = is_linked ? map_find(&archive->objects, inode) : NULL;
    if (first != NULL) {
        hsm_id object;
        memcpy(&object, first, sizeof object);
        if (stored != NULL && memcmp(&stored->info.id, &object, sizeof object) == 0) {
            tool->counts.unchanged++;
            return 0;
        }
        note(tool, "link", walk->path, walk->length);
        tool->counts.linked++;
        if (stored != NULL && detach(archive, stored) != 0)
            return -1;
        return tool->dry_run ? 0 : pending_name(&archive->pending, walk->path, walk->length, &object);
    }

    /* What became something else is removed and put anew: what it was can be brought back for a while. */
    if (stored != NULL && entry.kind == KIND_FILE && is_others(archive, inode, &others) != 0)
        return -1;
    int is_new = stored == NULL || stored->flaw != NULL || others || stored->entry.kind != entry.kind;
    int differs = is_new ? DIFFERS_KIND | DIFFERS_DATA : entry_differs(&stored->entry, &entry);
    if (!is_new && (differs & DIFFERS_DATA) == 0 && tool->compare && entry.kind == KIND_FILE && has_same_bytes(tool, walk->parent, walk->name, stored) == 0)
        differs |= DIFFERS_DATA;
    if (!is_new && differs != 0) {
        int shared = is_shared(archive, stored);
        if (shared < 0)
            return -1;
        is_new = shared;
        differs |= shared ? DIFFERS_KIND | DIFFERS_DATA : 0;
    }
    if (is_new && stored != NULL && detach(archive, stored) != 0)
        return -1;

    /* An id that is drawn now lets further names be given before the batch is committed. */
    hsm_id object;
    hsm_error *error = NULL;
    memset(&object, 0, sizeof object);
    if (!is_new)
        object = stored->info.id;
    else if (is_linked && !tool->dry_run && hsm_store_new_id(tool->store, &object, &error) != HSM_STATUS_OK)
        return failed(error, "draw an id");
    int done = 1;
    if (differs == 0) {
        tool->counts.unchanged++;
    } else if (entry.kind == KIND_FILE && (differs & DIFFERS_DATA) != 0) {
        note(tool, is_new ? "add" : "change", walk->path, walk->length);
        if (tool->dry_run) {
            tool->counts.sent++;
            tool->counts.sent_bytes += entry.size;
        } else {
            done = send_file(archive, is_new && is_linked ? &object : NULL, &entry);
        }
    } else if (is_new) {
        note(tool, "add", walk->path, walk->length);
        tool->counts.made++;
        if (!tool->dry_run)
            done = pending_put(&archive->pending, walk->path, walk->length, NULL, &entry, NULL) == 0 ? 1 : -1;
    } else {
        note(tool, "update", walk->path, walk->length);
        tool->counts.updated++;
        if (!tool->dry_run)
            done = pending_describe(&archive->pending, walk->path, walk->length, &object, &entry) == 0 ? 1 : -1;
    }
    if (done == 1 && is_linked &&
        (map_set(&archive->objects, inode, words_of_id(&object)) != 0 || map_set(&archive->inodes, words_of_id(&object), inode) != 0)) {
        say("out of memory");
        return -1;
    }
    return done < 0 ? -1 : 0;
}

/* The root directory has no key: its mode and time are attributes of the dataset. */
static inline int bring_root(struct archive *archive, const struct stat *stat)
{
    struct tool *tool = archive->tool;
    hsm_error *error = NULL;
    hsm_dataset *dataset = NULL;
    const hsm_attributes *found = NULL;
    hsm_attributes *attributes = NULL;
    struct entry now, before;
    int outcome = -1;
    if (entry_of_stat(&now, stat) != 0 || hsm_dataset_open(tool->store, &tool->dataset, &dataset, &error) != HSM_STATUS_OK ||
        hsm_dataset_attributes(dataset, &found, &error) != HSM_STATUS_OK) {
        failed(error, "read the attributes of the dataset");
        goto done;
    }
    memset(&before, 0, sizeof before);
    before.kind = KIND_DIRECTORY;
    if (get_common(found, &before) == NULL && entry_differs(&before, &now) == 0) {
        outcome = 0;
        goto done;
    }
    tool->counts.updated++;
    note(tool, "update", ".", 1);
    if (!tool->dry_run && (hsm_attributes_new(&attributes, &error) != HSM_STATUS_OK || set_common(attributes, &now, &error) != 0 ||
                           hsm_dataset_set_attributes(tool->store, &tool->dataset, attributes, NULL, &error) != HSM_STATUS_OK)) {
        failed(error, "set the attributes of the dataset");
        goto done;
    }
    outcome = 0;
done:
    hsm_attributes_free(attributes);
    hsm_dataset_free(dataset);
    return outcome;
}

/* The store may lie in the tree that is archived into it. It is passed over. */
static inline void skip_the_store(struct archive *archive)
{
    char path[KEY_LENGTH_MAX + 1];
    struct stat stat_of_store;
    struct walk *walk = &archive->walk;
    if (hsm_store_directory(archive->tool->store, path, sizeof path, NULL, NULL) == HSM_STATUS_OK && stat(path, &stat_of_store) == 0) {
        walk->has_skip = 1;
        walk->skip_device = stat_of_store.st_dev;
        walk->skip_inode = stat_of_store.st_ino;
    }
}

/* One step of the merge. Returns 1 at the end, -1 when the store failed. */
static inline int archive_step(struct archive *archive)
{
    struct walk *walk = &archive->walk;
    struct stored *stored = &archive->stored;
    enum step step = walk_next(walk);
    switch (step) {
    case STEP_LEAVE:
        return 0;
    case STEP_END:
        return remove_before(archive, NULL, 0) == 0 ? 1 : -1;
    case STEP_FAILED:
        say("out of memory");
        return -1;
    case STEP_TROUBLE:
        /* What the dataset has there stays as it is. */
        pass_over(archive->tool, walk->path, walk->length, "%s", strerror(walk->trouble));
        if (remove_before(archive, walk->path, walk->length) != 0)
            return -1;
        memcpy(archive->keep, walk->path, walk->length);
        archive->keep_length = walk->length;
        return 0;
    case STEP_ENTRY:
        break;
    }
    /* What a killed restore of this dataset left is no part of the tree. */
    if (strcmp(walk->name, archive->tool->partial) == 0)
        return 0;
    if (remove_before(archive, walk->path, walk->length) != 0)
        return -1;
    if (stored->is_end || compare_keys(stored->key, stored->length, walk->path, walk->length) != 0)
        return bring_entry(archive, NULL);
    return bring_entry(archive, stored) == 0 && stored_next(stored) == 0 ? 0 : -1;
}

/* Makes the dataset what the tree is. Returns 0, or -1 when it was stopped half-way; that was said. */
static inline int archive_tree(struct tool *tool)
{
    int outcome = -1;
    struct stat root;
    struct archive *archive = calloc(1, sizeof *archive); /* Too large for a small stack. */
    if (archive == NULL || fstat(tool->root, &root) != 0 || walk_begin(&archive->walk, tool->root) != 0) {
        say("cannot read %s: %s", tool->tree, strerror(errno));
        free(archive);
        return -1;
    }
    archive->tool = archive->pending.tool = tool;
    skip_the_store(archive);
    if (stored_begin(&archive->stored, tool->store, &tool->dataset, NULL) == 0) {
        do {
            outcome = archive_step(archive);
        } while (outcome == 0);
        if (outcome == 1)
            outcome = pending_flush(&archive->pending) == 0 ? bring_root(archive, &root) : -1;
    }
    pending_drop(&archive->pending);
    stored_finish(&archive->stored);
    walk_end(&archive->walk);
    map_free(&archive->objects);
    map_free(&archive->inodes);
    free(archive);
    return outcome;
}

#endif
