/* What the programs of a host's view share: a store, and a use of it. */
#ifndef GUEST_H
#define GUEST_H

#include "../c/check.h"

/* The path of a store in the directory that the program was given. */
static inline const char *store_path(int count, char **arguments)
{
    static char path[4096];
    CHECK(count == 2);
    snprintf(path, sizeof path, "%s/store", arguments[1]);
    return path;
}

static inline hsm_store *open_store(const char *path)
{
    hsm_store *store = NULL;
    CHECK_OK(hsm_store_open(path, SIZE_MAX, NULL, &store, &error));
    return store;
}

static inline void close_store(hsm_store *store)
{
    CHECK_OK(hsm_store_close(store, &error));
    hsm_store_free(store);
}

/* Puts, moves, gets and purges. */
static inline void use_objects(const hsm_store *store, const hsm_id *dataset)
{
    static const char content[] = "some bytes";
    char buffer[sizeof content];
    size_t read = 0;
    hsm_put_result put;
    CHECK_OK(hsm_object_put(store, content, sizeof content, NULL, &put, sizeof put, &error));
    CHECK_OK(hsm_key_add(store, dataset, "key", SIZE_MAX, &put.id, NULL, &error));
    CHECK_OK(hsm_object_move(store, &put.id, 0, 2, NULL, &error));
    CHECK_OK(hsm_object_get(store, &put.id, -1, 0, buffer, sizeof buffer, &read, &error));
    CHECK(read == sizeof content && memcmp(buffer, content, read) == 0);
    CHECK_OK(hsm_object_purge(store, &put.id, NULL, &error));
    CHECK_STATUS(hsm_object_get(store, &put.id, -1, 0, buffer, sizeof buffer, &read, &error),
                 HSM_STATUS_NOT_FOUND);
}

/* Changes, lists and follows; a dataset of this name comes and goes. */
static inline void use_store(const hsm_store *store, const char *name)
{
    hsm_id dataset;
    CHECK_OK(hsm_dataset_create(store, name, SIZE_MAX, NULL, &dataset, &error));
    use_objects(store, &dataset);

    hsm_cursor *cursor = NULL;
    const hsm_object *object = NULL;
    const uint8_t *key = NULL;
    size_t key_length = 0;
    CHECK_OK(hsm_cursor_open(store, NULL, &cursor, &error));
    hsm_status status = hsm_cursor_next(cursor, &object, &key, &key_length, &error);
    CHECK(status == HSM_STATUS_OK || status == HSM_STATUS_END);
    hsm_cursor_free(cursor);

    hsm_feed *feed = NULL;
    const hsm_event *event = NULL;
    CHECK_OK(hsm_feed_open(store, NULL, &feed, &error));
    CHECK_OK(hsm_feed_next(feed, &event, &error));
    hsm_feed_free(feed);

    CHECK_OK(hsm_dataset_remove(store, &dataset, NULL, &error));
    CHECK_OK(hsm_store_sync(store, NULL, &error));
    CHECK_OK(hsm_store_maintain(store, NULL, 0, &error));
}

#endif
