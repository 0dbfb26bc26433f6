/*
 * What the target has and the dataset has not: the first pass of a restore with --delete.
 *
 * Of hsm it shows how one key is looked up.
 */
#ifndef DELETE_H
#define DELETE_H

#include "stored.h"
#include "tool.h"
#include "walk.h"

/* The pass under way. */
struct deletion {
    struct tool *tool;
    struct stored stored;
    struct walk walk;
};

/* Whether the dataset has a directory at a key: 1, 0, or -1 when the store failed. */
static inline int is_stored_directory(const struct tool *tool, const char *key, size_t length)
{
    hsm_error *error = NULL;
    hsm_id id;
    hsm_object *object = NULL;
    const hsm_attributes *attributes = NULL;
    struct entry entry;
    hsm_status status = hsm_key_find(tool->store, &tool->dataset, key, length, &id, &error);
    if (status == HSM_STATUS_OK)
        status = hsm_object_open(tool->store, &id, &object, &error);
    if (status == HSM_STATUS_OK)
        status = hsm_object_attributes(object, &attributes, &error);
    int is_directory = status == HSM_STATUS_OK && entry_of_attributes(&entry, attributes) == NULL && entry.kind == KIND_DIRECTORY;
    hsm_object_free(object);
    if (status != HSM_STATUS_OK && status != HSM_STATUS_NOT_FOUND)
        return failed(error, "look up a key");
    hsm_error_free(error);
    return is_directory;
}

/* Removes an entry of the target. A directory goes if all that was in it has gone. */
static inline void delete_entry(struct deletion *deletion, int parent, const char *name, int is_directory)
{
    struct tool *tool = deletion->tool;
    const struct walk *walk = &deletion->walk;
    if (!tool->dry_run && unlinkat(parent, name, is_directory ? AT_REMOVEDIR : 0) != 0) {
        if (!is_directory || (errno != ENOTEMPTY && errno != EEXIST))
            pass_over(tool, walk->path, walk->length, "cannot delete it: %s", strerror(errno));
        return;
    }
    note(tool, "delete", walk->path, walk->length);
    tool->counts.removed++;
}

/* One step of the first pass. */
static inline int delete_step(struct deletion *deletion, enum step step)
{
    struct tool *tool = deletion->tool;
    struct stored *stored = &deletion->stored;
    struct walk *walk = &deletion->walk;
    if (step == STEP_FAILED) {
        say("out of memory");
        return -1;
    }
    if (step == STEP_TROUBLE)
        pass_over(tool, walk->path, walk->length, "%s", strerror(walk->trouble));
    if (step == STEP_LEAVE) {
        size_t end = parent_length(walk->path, walk->length);
        int parent = place_go(&walk->place, walk->path, end, 0);
        int stays = parent < 0 ? 1 : is_stored_directory(tool, walk->path, walk->length);
        if (stays == 0)
            delete_entry(deletion, parent, walk->path + (end == 0 ? 0 : end + 1), 1);
        return stays < 0 ? -1 : 0;
    }
    if (step != STEP_ENTRY)
        return 0;
    if (S_ISDIR(walk->stat.st_mode)) {
        /* One that was restored without permissions must be opened again; the last pass sets them. */
        if (!tool->dry_run && (walk->stat.st_mode & 0700) != 0700)
            fchmodat(walk->parent, walk->name, 0700, AT_SYMLINK_NOFOLLOW);
        return 0;
    }
    while (!stored->is_end && compare_keys(stored->key, stored->length, walk->path, walk->length) < 0)
        if (stored_next(stored) != 0)
            return -1;
    if (stored->is_end || compare_keys(stored->key, stored->length, walk->path, walk->length) != 0)
        delete_entry(deletion, walk->parent, walk->name, 0);
    return 0;
}

/*
 * The first pass, with --delete: target and dataset side by side, as when archiving. A directory that is in the way of
 * a file goes as well.
 */
static inline int delete_others(struct tool *tool)
{
    enum step step;
    struct deletion *deletion = calloc(1, sizeof *deletion); /* Too large for a small stack. */
    if (deletion == NULL) {
        say("out of memory");
        return -1;
    }
    deletion->tool = tool;
    if (walk_begin(&deletion->walk, tool->root) != 0) {
        say("cannot read %s: %s", tool->tree, strerror(errno));
        free(deletion);
        return -1;
    }
    int outcome = stored_begin(&deletion->stored, tool->store, &tool->dataset, NULL);
    while (outcome == 0 && (step = walk_next(&deletion->walk)) != STEP_END)
        outcome = delete_step(deletion, step);
    walk_end(&deletion->walk);
    stored_finish(&deletion->stored);
    free(deletion);
    return outcome;
}

#endif
