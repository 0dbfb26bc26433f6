/*
 * Changes that are gathered and sent to the store together.
 *
 * Of hsm it shows batches and put options. A durable change costs a sync of the disk; thousands of them in one
 * batch cost one. This batch is not atomic: each change stands for itself, so a kill loses whole changes and
 * never halves. A batch takes each object and each key once, so the further names of a file wait for the batch
 * that makes it.
 *
 * A commit waits for the disk, so a thread of its own does it while the next batch is gathered. One is on its way at
 * most: batches are committed in the order in which they were gathered. A batch may be used by one thread at a time;
 * the store by both. What came of a commit is said by the thread that gathers, when it needs the next one.
 */
#ifndef PENDING_H
#define PENDING_H

#include "entry.h"
#include "tool.h"

#include <pthread.h>
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

/* A batch and the keys of its changes, in their order. */
struct gathered {
    hsm_batch *batch;
    uint64_t bytes;
    struct waiting changes[BATCH_CHANGES];
    size_t count;
    /* How its commit went. */
    hsm_status status;
    size_t refused;
    hsm_error *error;
};

struct pending {
    struct tool *tool;
    /* One is gathered, the other is empty or on its way. */
    struct gathered batches[2];
    int now;
    int is_under_way;
    pthread_t committer;
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

/* Commits a batch: what the other thread does. It says nothing and leaves the outcome in `gathered`. */
static inline void *gathered_commit(void *gathered_to_commit)
{
    struct gathered *gathered = gathered_to_commit;
    gathered->status = hsm_batch_commit(gathered->batch, &gathered->refused, &gathered->error);
    return NULL;
}

/* Forgets a batch. What was not committed of it does not happen. */
static inline void gathered_drop(struct gathered *gathered)
{
    for (size_t at = 0; at < gathered->count; at++)
        free(gathered->changes[at].key);
    hsm_batch_free(gathered->batch);
    gathered->batch = NULL;
    gathered->count = 0;
    gathered->bytes = 0;
    gathered->refused = 0;
}

/* Says what came of a commit, change by change where some were refused. Returns 0 when all of it happened. */
static inline int pending_judge(struct pending *pending, struct gathered *gathered)
{
    int outcome = gathered->refused > 0 ? -1 : 0;
    if (gathered->status != HSM_STATUS_OK)
        outcome = failed(gathered->error, "commit a batch");
    for (size_t at = 0; at < gathered->count && gathered->refused > 0; at++) {
        /* After the commit the batch knows how each change went. */
        hsm_put_result result;
        hsm_error *error = NULL;
        if (hsm_batch_result(gathered->batch, at, &result, sizeof result, &error) != HSM_STATUS_OK)
            pass_over_error(pending->tool, gathered->changes[at].key, gathered->changes[at].length, error);
    }
    gathered_drop(gathered);
    return outcome;
}

/* Waits for the commit that is on its way, if one is. */
static inline int pending_wait(struct pending *pending)
{
    if (!pending->is_under_way)
        return 0;
    pending->is_under_way = 0;
    pthread_join(pending->committer, NULL);
    return pending_judge(pending, &pending->batches[!pending->now]);
}

/* Sends what was gathered on its way, behind what went before. Afterwards nothing is gathered. */
static inline int pending_send(struct pending *pending)
{
    struct gathered *gathered = &pending->batches[pending->now];
    if (pending_wait(pending) != 0)
        return -1;
    if (gathered->count == 0)
        return 0;
    if (pthread_create(&pending->committer, NULL, gathered_commit, gathered) != 0) {
        /* No thread is to be had: slower, and just as right. */
        gathered_commit(gathered);
        return pending_judge(pending, gathered);
    }
    pending->is_under_way = 1;
    pending->now = !pending->now;
    return 0;
}

/* Commits what was gathered, and waits for it. */
static inline int pending_commit(struct pending *pending)
{
    return pending_send(pending) == 0 ? pending_wait(pending) : -1;
}

/* Makes room for one more change of so many bytes, and begins a batch where there is none. */
static inline int pending_room(struct pending *pending, uint64_t bytes)
{
    hsm_error *error = NULL;
    uint64_t more = bytes + KEY_LENGTH_MAX + CHANGE_BYTES;
    struct gathered *gathered = &pending->batches[pending->now];
    if ((gathered->count == BATCH_CHANGES || gathered->bytes + more > BATCH_BYTES) && pending_send(pending) != 0)
        return -1;
    gathered = &pending->batches[pending->now];
    if (gathered->batch == NULL && hsm_batch_new(pending->tool->store, 0, HSM_DURABLE, &gathered->batch, &error) != HSM_STATUS_OK)
        return failed(error, "begin a batch");
    return 0;
}

/* Takes note of a change that the batch took, or says why it did not. */
static inline int pending_took(struct pending *pending, hsm_status status, hsm_error *error, const char *key, size_t length, uint64_t bytes)
{
    if (status != HSM_STATUS_OK)
        return failed(error, "add a change to a batch");
    struct gathered *gathered = &pending->batches[pending->now];
    gathered->bytes += bytes + length + CHANGE_BYTES;
    return waiting_set(&gathered->changes[gathered->count++], key, length);
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
    hsm_status status = data != NULL ? hsm_batch_put(pending->batches[pending->now].batch, data, entry->size, options, &error)
                                     : hsm_batch_put_empty(pending->batches[pending->now].batch, options, &error);
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
    hsm_status status = hsm_batch_set_attributes(pending->batches[pending->now].batch, object, attributes, &error);
    hsm_attributes_free(attributes);
    return pending_took(pending, status, error, key, length, entry->target_length);
}

/* Adds the removal of an object. */
static inline int pending_remove(struct pending *pending, const char *key, size_t length, const hsm_id *object)
{
    hsm_error *error = NULL;
    if (pending_room(pending, 0) != 0)
        return -1;
    hsm_status status = hsm_batch_remove(pending->batches[pending->now].batch, object, &error);
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
            if (outcome == 0)
                outcome = pending_wait(pending); /* What an object is called follows what it is called already. */
            hsm_status status = outcome != 0 ? HSM_STATUS_INTERNAL
                                             : hsm_batch_add_key(pending->batches[pending->now].batch, &pending->tool->dataset, name.key, name.length, &name.object, &error);
            if (status == HSM_STATUS_INVALID && pending->batches[pending->now].count > 0) {
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
    pending_wait(pending); /* An error was said before; what goes wrong here is said too. */
    gathered_drop(&pending->batches[pending->now]);
    for (size_t at = 0; at < pending->name_count; at++)
        free(pending->names[at].key);
}

#endif
