/*
 * Changes that are gathered and sent to the store together.
 *
 * Of hsm it shows batches and put options. A durable change costs a sync of the disk; thousands of them in one
 * batch cost one. This batch is not atomic: each change stands for itself, so a kill loses whole changes and
 * never halves. A batch takes each object and each key once, so the further names of a file wait for the batch
 * that makes it.
 */
#ifndef PENDING_H
#define PENDING_H

#include "entry.h"
#include "tool.h"

#include <stdlib.h>

/* A batch is committed when it holds so many changes, or so many bytes. Up to 4096 are synced with their commit. */
#define BATCH_CHANGES 4000
#define BATCH_BYTES ((uint64_t)15 << 20)

/* What a change takes beside its data, its key and the target of its link, all attributes of an entry included. */
#define CHANGE_BYTES 512

/* A key whose change waits. */
struct waiting {
    char *key;
    size_t length;
    hsm_id object; /* Of a further name. */
};

struct pending {
    struct tool *tool;
    hsm_batch *batch;
    uint64_t bytes;
    struct waiting changes[BATCH_CHANGES];
    size_t count;
    struct waiting names[BATCH_CHANGES];
    size_t name_count;
};

static inline int waiting_set(struct waiting *waiting, const char *key, size_t length)
{
    waiting->key = malloc(length + 1);
    if (waiting->key == NULL) {
        say("out of memory");
        return -1;
    }
    memcpy(waiting->key, key, length);
    waiting->key[length] = 0;
    waiting->length = length;
    return 0;
}

/* Commits the batch, and says which of its changes were refused, if any. */
static inline int pending_commit(struct pending *pending)
{
    hsm_error *error = NULL;
    int outcome = 0;
    size_t refused = 0;
    if (pending->count > 0) {
        if (hsm_batch_commit(pending->batch, &refused, &error) != HSM_STATUS_OK)
            outcome = failed(error, "commit a batch");
        else if (refused > 0)
            outcome = -1;
    }
    for (size_t at = 0; at < pending->count; at++) {
        /* After the commit the batch knows how each change went. */
        hsm_put_result result;
        if (refused > 0 && hsm_batch_result(pending->batch, at, &result, sizeof result, &error) != HSM_STATUS_OK) {
            pass_over_error(pending->tool, pending->changes[at].key, pending->changes[at].length, error);
        }
        free(pending->changes[at].key);
    }
    hsm_batch_free(pending->batch);
    pending->batch = NULL;
    pending->count = 0;
    pending->bytes = 0;
    return outcome;
}

/* Makes room for one more change of so many bytes, and begins a batch where there is none. */
static inline int pending_room(struct pending *pending, uint64_t bytes)
{
    hsm_error *error = NULL;
    uint64_t more = bytes + KEY_LENGTH_MAX + CHANGE_BYTES;
    if ((pending->count == BATCH_CHANGES || pending->bytes + more > BATCH_BYTES) && pending_commit(pending) != 0)
        return -1;
    if (pending->batch == NULL && hsm_batch_new(pending->tool->store, 0, HSM_DURABLE, &pending->batch, &error) != HSM_STATUS_OK)
        return failed(error, "begin a batch");
    return 0;
}

/* Takes note of a change that the batch took, or says why it did not. */
static inline int pending_took(struct pending *pending, hsm_status status, hsm_error *error, const char *key, size_t length, uint64_t bytes)
{
    if (status != HSM_STATUS_OK)
        return failed(error, "add a change to a batch");
    pending->bytes += bytes + length + CHANGE_BYTES;
    return waiting_set(&pending->changes[pending->count++], key, length);
}

/* Where a put goes: options for a key, or for a new object with the id `object` too. NULL: said. */
static inline hsm_put_options *put_options(const struct tool *tool, const char *key, size_t length, const hsm_id *object, const struct entry *entry)
{
    hsm_error *error = NULL;
    hsm_put_options *options = NULL;
    hsm_attributes *attributes = entry_attributes(entry);
    if (attributes == NULL)
        return NULL;
    if (hsm_put_options_new(&options, &error) != HSM_STATUS_OK ||
        hsm_put_options_set_key(options, &tool->dataset, key, length, &error) != HSM_STATUS_OK ||
        hsm_put_options_set_attributes(options, attributes, &error) != HSM_STATUS_OK ||
        hsm_put_options_set_size_hint_bytes(options, entry->size, &error) != HSM_STATUS_OK ||
        (object != NULL && hsm_put_options_set_id(options, object, &error) != HSM_STATUS_OK) ||
        (tool->tier >= 0 && hsm_put_options_set_tier(options, tool->tier, &error) != HSM_STATUS_OK)) {
        failed(error, "prepare a put");
        hsm_put_options_free(options);
        options = NULL;
    }
    hsm_attributes_free(attributes);
    return options;
}

/* Adds a put: of data, or for an entry that has none with `data` NULL. */
static inline int pending_put(struct pending *pending, const char *key, size_t length, const hsm_id *object, const struct entry *entry, const void *data)
{
    hsm_error *error = NULL;
    hsm_put_options *options = put_options(pending->tool, key, length, object, entry);
    uint64_t bytes = (data != NULL ? entry->size : 0) + entry->target_length;
    if (options == NULL || pending_room(pending, bytes) != 0) {
        hsm_put_options_free(options);
        return -1;
    }
    hsm_status status = data != NULL ? hsm_batch_put(pending->batch, data, entry->size, options, &error)
                                     : hsm_batch_put_empty(pending->batch, options, &error);
    hsm_put_options_free(options); /* The batch has a copy. */
    return pending_took(pending, status, error, key, length, bytes);
}

/* Adds a change of what is known about an entry. */
static inline int pending_describe(struct pending *pending, const char *key, size_t length, const hsm_id *object, const struct entry *entry)
{
    hsm_error *error = NULL;
    hsm_attributes *attributes = entry_attributes(entry);
    if (attributes == NULL || pending_room(pending, entry->target_length) != 0) {
        hsm_attributes_free(attributes);
        return -1;
    }
    hsm_status status = hsm_batch_set_attributes(pending->batch, object, attributes, &error);
    hsm_attributes_free(attributes);
    return pending_took(pending, status, error, key, length, entry->target_length);
}

/* Adds the removal of an object. */
static inline int pending_remove(struct pending *pending, const char *key, size_t length, const hsm_id *object)
{
    hsm_error *error = NULL;
    if (pending_room(pending, 0) != 0)
        return -1;
    hsm_status status = hsm_batch_remove(pending->batch, object, &error);
    return pending_took(pending, status, error, key, length, 0);
}

/* Commits all that waits: first what makes objects, then their further names, each object once a batch. */
static inline int pending_flush(struct pending *pending)
{
    int outcome = pending_commit(pending);
    while (outcome == 0 && pending->name_count > 0) {
        size_t later = 0;
        for (size_t at = 0; at < pending->name_count && outcome == 0; at++) {
            struct waiting name = pending->names[at];
            hsm_error *error = NULL;
            outcome = pending_room(pending, 0);
            hsm_status status = outcome != 0 ? HSM_STATUS_INTERNAL
                                             : hsm_batch_add_key(pending->batch, &pending->tool->dataset, name.key, name.length, &name.object, &error);
            if (status == HSM_STATUS_INVALID && pending->count > 0) {
                hsm_error_free(error); /* The object is in this batch: the name goes into the next. */
                pending->names[at].key = NULL;
                pending->names[later++] = name;
                continue;
            }
            if (outcome == 0)
                outcome = pending_took(pending, status, error, name.key, name.length, 0);
            free(name.key);
            pending->names[at].key = NULL;
        }
        if (outcome == 0) {
            pending->name_count = later;
            outcome = pending_commit(pending);
        }
    }
    return outcome;
}

/* Adds a further name of an object, which may itself still wait. */
static inline int pending_name(struct pending *pending, const char *key, size_t length, const hsm_id *object)
{
    if (pending->name_count == BATCH_CHANGES && pending_flush(pending) != 0)
        return -1;
    struct waiting *name = &pending->names[pending->name_count];
    if (waiting_set(name, key, length) != 0)
        return -1;
    name->object = *object;
    pending->name_count++;
    return 0;
}

/* Forgets what still waits, after an error. */
static inline void pending_drop(struct pending *pending)
{
    for (size_t at = 0; at < pending->count; at++)
        free(pending->changes[at].key);
    for (size_t at = 0; at < pending->name_count; at++)
        free(pending->names[at].key);
    hsm_batch_free(pending->batch); /* It was not committed, so nothing of it happens. */
}

#endif
