/*
 * What a run leaves behind is clean: each store opens and takes changes, its own check finds nothing, every copy on a
 * disk is whole, every object is read, the feed goes to its end, and an index that is made anew from the journal says
 * the same.
 */
#ifndef STORES_H
#define STORES_H

#include "values.h"

static void check_ok(hsm_status status, hsm_error **error, const char *call, int line)
{
    if (status != HSM_STATUS_OK)
        fail("afterwards, stores.h:%d: %s answered %s: %s", line, call, hsm_status_name(status),
             hsm_error_message(*error));
    if (*error != NULL)
        fail("afterwards, stores.h:%d: %s answered HSM_STATUS_OK with an error", line, call);
}

/* The call ends with `&error`. */
#define DO(call) check_ok((call), &error, #call, __LINE__)

/* Mixes what was found into one number. */
static void mix(uint64_t *sum, const void *bytes, size_t length)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < length; i++)
        *sum = (*sum ^ at[i]) * UINT64_C(1099511628211);
}

static int is_on_disk(const hsm_store *store, int32_t tier)
{
    hsm_error *error = NULL;
    hsm_tier_info info;
    DO(hsm_tier_stat(store, tier, &info, sizeof info, &error));
    return info.backend == HSM_BACKEND_POSIX && info.is_online;
}

/* Whether a copy of a live object can be read without a recall. */
static int is_at_hand(const hsm_store *store, const hsm_id *id, int32_t tier)
{
    hsm_error *error = NULL;
    hsm_copy_state copy;
    DO(hsm_object_copy_state(store, id, tier, &copy, sizeof copy, &error));
    return copy.state == HSM_COPY_ONLINE || copy.state == HSM_COPY_READABLE;
}

/* Reads an object that is open, and each of its copies. */
static void check_object(const hsm_store *store, const hsm_object *object, int verifies, uint64_t *sum)
{
    hsm_error *error = NULL;
    hsm_object_info info;
    DO(hsm_object_stat(object, &info, sizeof info, &error));
    mix(sum, &info, sizeof info);
    int is_readable = 0;
    for (size_t i = 0; i < info.copies; i++) {
        hsm_copy_info copy;
        DO(hsm_object_copy_at(object, i, &copy, sizeof copy, &error));
        mix(sum, &copy, sizeof copy);
        if (info.removed_until_ns != 0 || !is_on_disk(store, copy.tier) || !is_at_hand(store, &info.id, copy.tier))
            continue;
        is_readable = 1;
        if (verifies)
            DO(hsm_object_verify(store, &info.id, copy.tier, NULL, &error));
    }
    if (is_readable) {
        uint8_t *bytes = malloc((size_t)info.size_bytes + 1);
        size_t size = 0;
        DO(hsm_object_get(store, &info.id, -1, 0, bytes, (size_t)info.size_bytes + 1, &size, &error));
        if (size != info.size_bytes)
            fail("afterwards, an object of %llu bytes gave %zu", (unsigned long long)info.size_bytes, size);
        mix(sum, bytes, size);
        free(bytes);
    }
    const hsm_attributes *attributes;
    DO(hsm_object_attributes(object, &attributes, &error));
    for (size_t i = 0; i < info.attributes; i++) {
        const uint8_t *name, *value;
        size_t name_length, value_length;
        DO(hsm_attributes_at(attributes, i, &name, &name_length, &value, &value_length, &error));
        mix(sum, name, name_length);
        mix(sum, value, value_length);
    }
}

/* Lists what a query finds, and reads it; returns how many there were. */
static uint64_t check_listing(const hsm_store *store, const hsm_query *query, int verifies, uint64_t *sum)
{
    hsm_error *error = NULL;
    hsm_cursor *cursor;
    const hsm_object *object;
    const uint8_t *key;
    size_t key_length;
    hsm_status status;
    uint64_t count = 0;
    DO(hsm_cursor_open(store, query, &cursor, &error));
    while ((status = hsm_cursor_next(cursor, &object, &key, &key_length, &error)) == HSM_STATUS_OK) {
        mix(sum, key, key_length);
        check_object(store, object, verifies, sum);
        count++;
    }
    if (status != HSM_STATUS_END)
        DO(status);
    hsm_cursor_free(cursor);
    return count;
}

static void check_datasets(const hsm_store *store, hsm_query *query, int verifies, uint64_t *sum)
{
    hsm_error *error = NULL;
    hsm_dataset *dataset;
    char name[256] = "";
    hsm_status status;
    while ((status = hsm_dataset_next(store, name[0] ? name : NULL, SIZE_MAX, &dataset, &error)) == HSM_STATUS_OK) {
        hsm_dataset_info info;
        const char *its_name;
        DO(hsm_dataset_stat(dataset, &info, sizeof info, &error));
        DO(hsm_dataset_name(dataset, &its_name, NULL, &error));
        strncpy(name, its_name, sizeof name - 1);
        mix(sum, &info, sizeof info);
        mix(sum, name, strlen(name));
        DO(hsm_query_set_dataset(query, &info.id, &error));
        uint64_t keys = check_listing(store, query, verifies, sum);
        if (keys != info.keys)
            fail("afterwards, a dataset of %llu keys lists %llu", (unsigned long long)info.keys,
                 (unsigned long long)keys);
        hsm_dataset_free(dataset);
    }
    if (status != HSM_STATUS_END)
        DO(status);
    DO(hsm_query_set_dataset(query, NULL, &error));
}

/*
 * Looks at all there is in an open store, and returns what that comes to. It `verifies` copies as well: they are noted
 * as verified then.
 */
static uint64_t check_open_store(const hsm_store *store, int verifies)
{
    hsm_error *error = NULL;
    uint64_t sum = UINT64_C(14695981039346656037);
    char reason[1000] = "";
    size_t length;
    hsm_status status = hsm_store_read_only_reason(store, reason, sizeof reason, &length, &error);
    if (status != HSM_STATUS_END)
        fail("afterwards, a store takes no changes: %s", reason);
    hsm_query *query;
    DO(hsm_query_new(&query, &error));
    check_listing(store, query, verifies, &sum);
    check_datasets(store, query, verifies, &sum);
    DO(hsm_query_set_removed(query, 1, &error));
    check_listing(store, query, verifies, &sum);
    hsm_query_free(query);

    hsm_subscription *feed;
    const hsm_event *event;
    DO(hsm_store_sync(store, NULL, &error));
    DO(hsm_subscription_follow(store, NULL, &feed, &error));
    /* The beginning may have been dropped. */
    status = hsm_subscription_next(feed, 0, &event, &error);
    while (status == HSM_STATUS_OK || status == HSM_STATUS_GAP) {
        status = hsm_subscription_next(feed, 0, &event, &error);
        if (status == HSM_STATUS_GAP)
            fail("%s", "afterwards, there is a gap in the feed");
    }
    if (status != HSM_STATUS_TIMEOUT)
        DO(status);
    hsm_subscription_free(feed);
    return sum;
}

/* What is not as it should be, but on tiers that are not there, or went with their process. */
static int32_t look_at_finding(void *user_data, const hsm_finding *finding, size_t size)
{
    (void)size;
    if (finding->kind != HSM_FINDING_OUT_OF_REACH && (finding->tier < 0 || is_on_disk(user_data, finding->tier)))
        fail("afterwards, a check finds on tier %d: %s (kind %d, fault %d)", (int)finding->tier, finding->detail,
             (int)finding->kind, (int)finding->fault);
    return 0;
}

/* Checks the store in a directory. */
static void check_store(const char *path)
{
    hsm_error *error = NULL;
    hsm_store_options *options;
    hsm_store *store;
    DO(hsm_store_options_new(&options, &error));
    DO(hsm_store_options_set_create(options, HSM_CREATE_NEVER, &error));
    DO(hsm_store_open(path, SIZE_MAX, options, &store, &error));
    /* What is read here is no access: the second look would find the first. */
    DO(hsm_store_set_access_staleness(store, UINT64_MAX, NULL, &error));
    check_open_store(store, 1);
    DO(hsm_store_maintain(store, NULL, 0, &error));
    hsm_finding_callback found = {look_at_finding, store, NULL};
    DO(hsm_store_check(store, NULL, 0, found, NULL, 0, &error));
    uint64_t sum = check_open_store(store, 0);
    DO(hsm_store_close(store, &error));
    hsm_store_free(store);

    DO(hsm_store_options_set_index_in_memory(options, &error));
    DO(hsm_store_open(path, SIZE_MAX, options, &store, &error));
    if (check_open_store(store, 0) != sum)
        fail("afterwards, an index made from the journal of %s says something else", path);
    DO(hsm_store_close(store, &error));
    hsm_store_free(store);
    hsm_store_options_free(options);
}

#endif
