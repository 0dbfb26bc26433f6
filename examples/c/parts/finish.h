/*
 * Modes and times of directories: the last pass of a restore, since what is made in a directory changes its time.
 *
 * Of hsm it shows a query for an attribute.
 */
#ifndef FINISH_H
#define FINISH_H

#include "target.h"

#include <stdlib.h>

/* A directory whose mode and time wait for what is below it. */
struct open_directory {
    struct open_directory *above;
    struct entry entry;
    size_t length;
    char key[];
};

/* Whether a key is behind all that can be in a directory: behind its key with a slash, and not below it. */
static inline int is_behind(const struct open_directory *directory, const char *key, size_t length)
{
    size_t common = length < directory->length ? length : directory->length;
    int order = memcmp(key, directory->key, common);
    if (order != 0 || length <= directory->length)
        return order > 0;
    return (unsigned char)key[directory->length] > '/';
}

/* Gives the innermost directory that waits its mode and time. */
static inline void finish_directory(struct restore *restore, struct open_directory **innermost)
{
    struct tool *tool = restore->tool;
    struct open_directory *directory = *innermost;
    struct stat stat;
    size_t parent_end = parent_length(directory->key, directory->length);
    const char *name = directory->key + (parent_end == 0 ? 0 : parent_end + 1);
    int parent = open_parent(restore, directory->key, directory->length, 0);
    /* What is not there or is something else was spoken of before. */
    if (parent >= 0 && fstatat(parent, name, &stat, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(stat.st_mode) &&
        finish_metadata(tool, parent, name, &directory->entry) != 0)
        pass_over(tool, directory->key, directory->length, "cannot set mode, owner and time: %s", strerror(errno));
    *innermost = directory->above;
    free(directory);
}

/*
 * The last pass. Directories come in order of their keys; one waits until a key comes that is behind all that can
 * be in it. So no more of them wait than there are on the way to one entry.
 */
static inline int restore_directories(struct restore *restore)
{
    struct tool *tool = restore->tool;
    struct stored *stored = &restore->stored;
    struct open_directory *innermost = NULL;
    int outcome = stored_begin(stored, tool->store, &tool->dataset, kind_names[KIND_DIRECTORY]);
    while (outcome == 0 && !stored->is_end) {
        while (innermost != NULL && is_behind(innermost, stored->key, stored->length))
            finish_directory(restore, &innermost);
        if (stored->flaw == NULL && is_key_below(stored->key, stored->length)) {
            struct open_directory *directory = malloc(sizeof *directory + stored->length + 1);
            if (directory == NULL) {
                say("out of memory");
                outcome = -1;
                break;
            }
            directory->above = innermost;
            directory->entry = stored->entry;
            directory->length = stored->length;
            memcpy(directory->key, stored->key, stored->length);
            directory->key[stored->length] = 0;
            innermost = directory;
        }
        outcome = stored_next(stored);
    }
    while (innermost != NULL)
        finish_directory(restore, &innermost);
    stored_finish(stored);
    return outcome;
}

/* The root has the mode and the time that the dataset's own attributes say. */
static inline int restore_root(struct restore *restore)
{
    struct tool *tool = restore->tool;
    hsm_error *error = NULL;
    hsm_dataset *dataset = NULL;
    const hsm_attributes *attributes = NULL;
    struct entry entry;
    memset(&entry, 0, sizeof entry);
    entry.kind = KIND_DIRECTORY;
    if (hsm_dataset_open(tool->store, &tool->dataset, &dataset, &error) != HSM_STATUS_OK ||
        hsm_dataset_attributes(dataset, &attributes, &error) != HSM_STATUS_OK) {
        hsm_dataset_free(dataset);
        return failed(error, "read the attributes of the dataset");
    }
    /* An archive that was never finished has none of them. */
    if (get_common(attributes, &entry) == NULL && finish_metadata(tool, tool->root, ".", &entry) != 0)
        say("cannot set mode, owner and time of %s: %s", tool->tree, strerror(errno));
    hsm_dataset_free(dataset);
    return 0;
}

#endif
