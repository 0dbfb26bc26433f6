/* Bad input: datasets and keys, objects, queries, cursors. */
#include "bad_input.h"

static hsm_id zero;

static void datasets(void)
{
    const hsm_store *store = world.store, *closed = world.closed;
    const hsm_id *set = &world.dataset, *unknown = &world.unknown;
    hsm_attributes *some = NULL;
    hsm_dataset *dataset = NULL;
    char large[256];
    memset(large, 'n', sizeof large);
    CHECK_OK(hsm_attributes_new(&some, &error));
    CHECK_OK(hsm_attributes_set(some, "a", 1, "b", 1, &error));
    PLAIN(hsm_dataset_free, dataset, (hsm_dataset_free(NULL), 1));

    BAD(INVALID, hsm_dataset_create, store, (NULL, "new", 3, some, &out.id, &error));
    CLOSED(hsm_dataset_create, store, (closed, "new", 3, some, &out.id, &error));
    BAD(INVALID, hsm_dataset_create, name, (store, NULL, 3, some, &out.id, &error));
    BAD(EXISTS, hsm_dataset_create, name, (store, "set", 3, some, &out.id, &error));
    BAD(INVALID, hsm_dataset_create, name, (store, "n\0w", 3, some, &out.id, &error));
    UTF8(hsm_dataset_create, name, (store, NO_TEXT, SIZE_MAX, some, &out.id, &error));
    BAD(INVALID, hsm_dataset_create, name_length, (store, "new", 0, some, &out.id, &error));
    BAD(INVALID, hsm_dataset_create, name_length, (store, large, 256, some, &out.id, &error));
    BAD(INVALID, hsm_dataset_create, name_length, (store, "new", TOO_LONG, some, &out.id, &error));
    FINE(hsm_dataset_create, attributes, (store, "new", 3, NULL, &out.id, &error));
    BAD(INVALID, hsm_dataset_create, dataset_out, (store, "newer", 5, some, NULL, &error));
    BAD(INVALID, hsm_dataset_find, store, (NULL, "set", 3, &out.id, &error));
    CLOSED(hsm_dataset_find, store, (closed, "set", 3, &out.id, &error));
    BAD(INVALID, hsm_dataset_find, name, (store, NULL, 3, &out.id, &error));
    BAD(NOT_FOUND, hsm_dataset_find, name, (store, "none", 4, &out.id, &error));
    UTF8(hsm_dataset_find, name, (store, NO_TEXT, SIZE_MAX, &out.id, &error));
    BAD(NOT_FOUND, hsm_dataset_find, name_length, (store, "set", 2, &out.id, &error));
    BAD(INVALID, hsm_dataset_find, name_length, (store, "set", TOO_LONG, &out.id, &error));
    BAD(INVALID, hsm_dataset_find, dataset_out, (store, "set", 3, NULL, &error));
    BAD(INVALID, hsm_dataset_open, store, (NULL, set, &made.dataset, &error));
    CLOSED(hsm_dataset_open, store, (closed, set, &made.dataset, &error));
    BAD(INVALID, hsm_dataset_open, dataset, (store, NULL, &made.dataset, &error));
    BAD(INVALID, hsm_dataset_open, dataset, (store, &zero, &made.dataset, &error));
    BAD(NOT_FOUND, hsm_dataset_open, dataset, (store, unknown, &made.dataset, &error));
    BAD(INVALID, hsm_dataset_open, dataset_out, (store, set, NULL, &error));
    BAD(INVALID, hsm_dataset_next, store, (NULL, NULL, 0, &made.dataset, &error));
    CLOSED(hsm_dataset_next, store, (closed, NULL, 0, &made.dataset, &error));
    FINE(hsm_dataset_next, after, (store, NULL, 9, &made.dataset, &error));
    BAD(END, hsm_dataset_next, after, (store, "zzz", 3, &made.dataset, &error));
    UTF8(hsm_dataset_next, after, (store, NO_TEXT, SIZE_MAX, &made.dataset, &error));
    BAD(INVALID, hsm_dataset_next, after_length, (store, "a", TOO_LONG, &made.dataset, &error));
    BAD(INVALID, hsm_dataset_next, dataset_out, (store, NULL, 0, NULL, &error));

    CHECK_OK(hsm_dataset_open(store, set, &dataset, &error));
    BAD(INVALID, hsm_dataset_stat, dataset, (NULL, &out.dataset, sizeof out.dataset, &error));
    BAD(INVALID, hsm_dataset_stat, info_out, (dataset, NULL, sizeof out.dataset, &error));
    BAD(INVALID, hsm_dataset_stat, info_size, (dataset, &out.dataset, 0, &error));
    BAD(INVALID, hsm_dataset_stat, info_size, (dataset, &out.dataset, TOO_LONG, &error));
    BAD(INVALID, hsm_dataset_name, dataset, (NULL, &out.text, &out.length, &error));
    BAD(INVALID, hsm_dataset_name, name_out, (dataset, NULL, &out.length, &error));
    FINE(hsm_dataset_name, name_length_out, (dataset, &out.text, NULL, &error));
    BAD(INVALID, hsm_dataset_attributes, dataset, (NULL, &out.attributes, &error));
    BAD(INVALID, hsm_dataset_attributes, attributes_out, (dataset, NULL, &error));
    hsm_dataset_free(dataset);

    BAD(INVALID, hsm_dataset_set_attributes, store, (NULL, set, some, &out.position, &error));
    CLOSED(hsm_dataset_set_attributes, store, (closed, set, some, &out.position, &error));
    BAD(INVALID, hsm_dataset_set_attributes, dataset, (store, NULL, some, &out.position, &error));
    BAD(INVALID, hsm_dataset_set_attributes, dataset, (store, &zero, some, &out.position, &error));
    BAD(NOT_FOUND, hsm_dataset_set_attributes, dataset, (store, unknown, some, &out.position, &error));
    BAD(INVALID, hsm_dataset_set_attributes, attributes, (store, set, NULL, &out.position, &error));
    FINE(hsm_dataset_set_attributes, position_out, (store, set, some, NULL, &error));
    BAD(INVALID, hsm_dataset_remove, store, (NULL, set, &out.position, &error));
    CLOSED(hsm_dataset_remove, store, (closed, set, &out.position, &error));
    BAD(INVALID, hsm_dataset_remove, dataset, (store, NULL, &out.position, &error));
    BAD(EXISTS, hsm_dataset_remove, dataset, (store, set, &out.position, &error));
    BAD(NOT_FOUND, hsm_dataset_remove, dataset, (store, unknown, &out.position, &error));
    hsm_attributes_free(some);
}

static void keys(void)
{
    const hsm_store *store = world.store, *closed = world.closed;
    const hsm_id *set = &world.dataset, *unknown = &world.unknown, *id = &world.object;
    hsm_id new_set;
    char large[4097];
    memset(large, 'k', sizeof large);
    BAD(INVALID, hsm_key_add, store, (NULL, set, "new", 3, id, &out.position, &error));
    CLOSED(hsm_key_add, store, (closed, set, "new", 3, id, &out.position, &error));
    BAD(INVALID, hsm_key_add, dataset, (store, NULL, "new", 3, id, &out.position, &error));
    BAD(INVALID, hsm_key_add, dataset, (store, &zero, "new", 3, id, &out.position, &error));
    BAD(NOT_FOUND, hsm_key_add, dataset, (store, unknown, "new", 3, id, &out.position, &error));
    BAD(INVALID, hsm_key_add, key, (store, set, NULL, 3, id, &out.position, &error));
    BAD(INVALID, hsm_key_add, key, (store, set, "n\0w", 3, id, &out.position, &error));
    BAD(EXISTS, hsm_key_add, key, (store, set, "key", 3, id, &out.position, &error));
    BAD(INVALID, hsm_key_add, key_length, (store, set, "new", 0, id, &out.position, &error));
    BAD(INVALID, hsm_key_add, key_length, (store, set, large, 4097, id, &out.position, &error));
    BAD(INVALID, hsm_key_add, key_length, (store, set, "new", TOO_LONG, id, &out.position, &error));
    BAD(INVALID, hsm_key_add, object, (store, set, "new", 3, NULL, &out.position, &error));
    BAD(INVALID, hsm_key_add, object, (store, set, "new", 3, &zero, &out.position, &error));
    BAD(NOT_FOUND, hsm_key_add, object, (store, set, "new", 3, unknown, &out.position, &error));
    FINE(hsm_key_add, position_out, (store, set, "new", 3, id, NULL, &error));
    BAD(INVALID, hsm_key_remove, store, (NULL, set, "new", 3, &out.position, &error));
    CLOSED(hsm_key_remove, store, (closed, set, "new", 3, &out.position, &error));
    BAD(INVALID, hsm_key_remove, dataset, (store, NULL, "new", 3, &out.position, &error));
    BAD(NOT_FOUND, hsm_key_remove, dataset, (store, unknown, "new", 3, &out.position, &error));
    BAD(INVALID, hsm_key_remove, key, (store, set, NULL, 3, &out.position, &error));
    BAD(NOT_FOUND, hsm_key_remove, key, (store, set, "none", 4, &out.position, &error));
    BAD(INVALID, hsm_key_remove, key_length, (store, set, "new", TOO_LONG, &out.position, &error));
    FINE(hsm_key_remove, position_out, (store, set, "new", 3, NULL, &error));
    BAD(INVALID, hsm_key_find, store, (NULL, set, "key", 3, &out.id, &error));
    CLOSED(hsm_key_find, store, (closed, set, "key", 3, &out.id, &error));
    BAD(INVALID, hsm_key_find, dataset, (store, NULL, "key", 3, &out.id, &error));
    BAD(NOT_FOUND, hsm_key_find, dataset, (store, unknown, "key", 3, &out.id, &error));
    BAD(INVALID, hsm_key_find, key, (store, set, NULL, 3, &out.id, &error));
    BAD(NOT_FOUND, hsm_key_find, key_length, (store, set, "key", 2, &out.id, &error));
    BAD(INVALID, hsm_key_find, key_length, (store, set, "key", TOO_LONG, &out.id, &error));
    BAD(INVALID, hsm_key_find, object_out, (store, set, "key", 3, NULL, &error));

    CHECK_OK(hsm_dataset_find(store, "new", 3, &new_set, &error));
    FINE(hsm_dataset_remove, position_out, (store, &new_set, NULL, &error));
}

static int32_t take(void *user_data, const hsm_id *dataset, const void *key, size_t key_length)
{
    (void)user_data;
    (void)dataset;
    (void)key;
    (void)key_length;
    return 0;
}

static void objects(void)
{
    const hsm_store *store = world.store, *closed = world.closed;
    const hsm_id *unknown = &world.unknown, *id = &world.object;
    const hsm_name_callback none = {NULL, NULL, NULL}, name = {take, NULL, NULL};
    hsm_attributes *some = NULL;
    hsm_object *object = NULL;
    CHECK_OK(hsm_attributes_new(&some, &error));
    CHECK_OK(hsm_attributes_set(some, "a", 1, "b", 1, &error));
    PLAIN(hsm_object_free, object, (hsm_object_free(NULL), 1));
    BAD(INVALID, hsm_object_open, store, (NULL, id, &made.object, &error));
    CLOSED(hsm_object_open, store, (closed, id, &made.object, &error));
    BAD(INVALID, hsm_object_open, id, (store, NULL, &made.object, &error));
    BAD(INVALID, hsm_object_open, id, (store, &zero, &made.object, &error));
    BAD(NOT_FOUND, hsm_object_open, id, (store, unknown, &made.object, &error));
    BAD(INVALID, hsm_object_open, object_out, (store, id, NULL, &error));
    CHECK_OK(hsm_object_open(store, id, &object, &error));
    BAD(INVALID, hsm_object_stat, object, (NULL, &out.object, sizeof out.object, &error));
    BAD(INVALID, hsm_object_stat, info_out, (object, NULL, sizeof out.object, &error));
    BAD(INVALID, hsm_object_stat, info_size, (object, &out.object, 0, &error));
    BAD(INVALID, hsm_object_stat, info_size, (object, &out.object, TOO_LONG, &error));
    BAD(INVALID, hsm_object_copy_at, object, (NULL, 0, &out.copy, sizeof out.copy, &error));
    BAD(END, hsm_object_copy_at, index, (object, 1, &out.copy, sizeof out.copy, &error));
    BAD(END, hsm_object_copy_at, index, (object, SIZE_MAX, &out.copy, sizeof out.copy, &error));
    BAD(INVALID, hsm_object_copy_at, copy_out, (object, 0, NULL, sizeof out.copy, &error));
    BAD(INVALID, hsm_object_copy_at, copy_size, (object, 0, &out.copy, 0, &error));
    BAD(INVALID, hsm_object_digest_at, object, (NULL, 0, out.buffer, 99, &out.length, &error));
    BAD(END, hsm_object_digest_at, index, (object, SIZE_MAX, out.buffer, 99, &out.length, &error));
    BAD(INVALID, hsm_object_digest_at, buffer, (object, 0, NULL, 99, &out.length, &error));
    BAD(BUFFER_TOO_SMALL, hsm_object_digest_at, buffer_size, (object, 0, out.buffer, 3, &out.length, &error));
    FINE(hsm_object_digest_at, length_out, (object, 0, out.buffer, 99, NULL, &error));
    BAD(INVALID, hsm_object_attributes, object, (NULL, &out.attributes, &error));
    BAD(INVALID, hsm_object_attributes, attributes_out, (object, NULL, &error));
    BAD(INVALID, hsm_object_key, object, (NULL, &out.bytes, &out.length, &error));
    BAD(INVALID, hsm_object_key, key_out, (object, NULL, &out.length, &error));
    BAD(INVALID, hsm_object_key, key_length_out, (object, &out.bytes, NULL, &error));
    hsm_object_free(object);
    BAD(INVALID, hsm_object_names, store, (NULL, id, name, &error));
    CLOSED(hsm_object_names, store, (closed, id, name, &error));
    BAD(INVALID, hsm_object_names, id, (store, NULL, name, &error));
    BAD(NOT_FOUND, hsm_object_names, id, (store, unknown, name, &error));
    BAD(INVALID, hsm_object_names, name, (store, id, none, &error));
    BAD(INVALID, hsm_object_set_attributes, store, (NULL, id, some, &out.position, &error));
    CLOSED(hsm_object_set_attributes, store, (closed, id, some, &out.position, &error));
    BAD(INVALID, hsm_object_set_attributes, id, (store, NULL, some, &out.position, &error));
    BAD(NOT_FOUND, hsm_object_set_attributes, id, (store, unknown, some, &out.position, &error));
    BAD(INVALID, hsm_object_set_attributes, attributes, (store, id, NULL, &out.position, &error));
    FINE(hsm_object_set_attributes, position_out, (store, id, some, NULL, &error));
    hsm_attributes_free(some);
}

static void queries(hsm_cursor *cursor, hsm_cursor *closed)
{
    hsm_query *query = NULL;
    CHECK_OK(hsm_query_new(&query, &error));
    PLAIN(hsm_query_free, query, (hsm_query_free(NULL), 1));
    BAD(INVALID, hsm_query_new, query_out, (NULL, &error));
    BAD(INVALID, hsm_query_set_dataset, query, (NULL, &world.dataset, &error));
    FINE(hsm_query_set_dataset, dataset, (query, NULL, &error));
    BAD(INVALID, hsm_query_set_key_prefix, query, (NULL, "k", 1, &error));
    BAD(INVALID, hsm_query_set_key_prefix, prefix, (query, NULL, 1, &error));
    BAD(INVALID, hsm_query_set_key_prefix, prefix_length, (query, "k", TOO_LONG, &error));
    BAD(INVALID, hsm_query_set_changed_after, query, (NULL, 0, &error));
    FINE(hsm_query_set_changed_after, number, (query, UINT64_MAX, &error));
    BAD(INVALID, hsm_query_set_tier, query, (NULL, 0, &error));
    BAD(INVALID, hsm_query_set_tier, tier, (query, -2, &error));
    BAD(INVALID, hsm_query_set_tier, tier, (query, 256, &error));
    BAD(INVALID, hsm_query_set_not_on_tier, query, (NULL, 0, &error));
    BAD(INVALID, hsm_query_set_not_on_tier, tier, (query, 256, &error));
    BAD(INVALID, hsm_query_set_size_range, query, (NULL, 0, 1, &error));
    SAYS(INVALID, "range", hsm_query_set_size_range, min_bytes, (query, 2, 1, &error));
    SAYS(INVALID, "range", hsm_query_set_size_range, max_bytes, (query, UINT64_MAX, 0, &error));
    BAD(INVALID, hsm_query_set_created_range_ns, query, (NULL, 0, 1, &error));
    SAYS(INVALID, "range", hsm_query_set_created_range_ns, from_ns, (query, 2, 1, &error));
    SAYS(INVALID, "range", hsm_query_set_created_range_ns, before_ns, (query, 0, INT64_MIN, &error));
    BAD(INVALID, hsm_query_set_modified_range_ns, query, (NULL, 0, 1, &error));
    SAYS(INVALID, "range", hsm_query_set_modified_range_ns, from_ns, (query, 2, 1, &error));
    SAYS(INVALID, "range", hsm_query_set_modified_range_ns, before_ns, (query, INT64_MAX, 0, &error));
    BAD(INVALID, hsm_query_set_accessed_range_ns, query, (NULL, 0, 1, &error));
    SAYS(INVALID, "range", hsm_query_set_accessed_range_ns, from_ns, (query, 2, 1, &error));
    SAYS(INVALID, "range", hsm_query_set_accessed_range_ns, before_ns, (query, INT64_MAX, 0, &error));
    BAD(INVALID, hsm_query_set_attribute, query, (NULL, "a", 1, "b", 1, &error));
    FINE(hsm_query_set_attribute, name, (query, NULL, 1, "b", 1, &error));
    UTF8(hsm_query_set_attribute, name, (query, NO_TEXT, SIZE_MAX, "b", 1, &error));
    BAD(INVALID, hsm_query_set_attribute, name_length, (query, "a", TOO_LONG, "b", 1, &error));
    FINE(hsm_query_set_attribute, value, (query, "a", 1, NULL, TOO_LONG, &error));
    BAD(INVALID, hsm_query_set_attribute, value_length, (query, "a", 1, "b", TOO_LONG, &error));
    BAD(INVALID, hsm_query_set_removed, query, (NULL, 1, &error));
    BAD(INVALID, hsm_query_set_removed, removed, (query, -7, &error));

    PLAIN(hsm_cursor_free, cursor, (hsm_cursor_free(NULL), 1));
    BAD(INVALID, hsm_cursor_open, store, (NULL, query, &made.cursor, &error));
    CLOSED(hsm_cursor_open, store, (world.closed, query, &made.cursor, &error));
    FINE(hsm_cursor_open, query, (world.store, NULL, &made.cursor, &error));
    BAD(INVALID, hsm_cursor_open, cursor_out, (world.store, query, NULL, &error));
    CHECK_OK(hsm_query_set_dataset(query, &world.unknown, &error));
    BAD(NOT_FOUND, hsm_cursor_open, query, (world.store, query, &made.cursor, &error));
    CHECK_OK(hsm_query_set_dataset(query, NULL, &error));
    CHECK_OK(hsm_query_set_key_prefix(query, "k", 1, &error));
    SAYS(INVALID, "dataset", hsm_cursor_open, query, (world.store, query, &made.cursor, &error));
    BAD(INVALID, hsm_cursor_next, cursor, (NULL, &out.lent, &out.bytes, &out.length, &error));
    CLOSED(hsm_cursor_next, cursor, (closed, &out.lent, &out.bytes, &out.length, &error));
    BAD(INVALID, hsm_cursor_next, object_out, (cursor, NULL, &out.bytes, &out.length, &error));
    FINE(hsm_cursor_next, key_out, (cursor, &out.lent, NULL, &out.length, &error));
    BAD(END, hsm_cursor_next, key_length_out, (cursor, &out.lent, &out.bytes, NULL, &error));
    hsm_query_free(query);
}

int main(int argc, char **argv)
{
    hsm_cursor *cursor = NULL, *closed = NULL;
    open_world(argc, argv);
    CHECK_OK(hsm_cursor_open(world.store, NULL, &cursor, &error));
    CHECK_OK(hsm_cursor_open(world.closed, NULL, &closed, &error));
    close_the_other();
    datasets();
    keys();
    objects();
    queries(cursor, closed);
    hsm_cursor_free(cursor);
    hsm_cursor_free(closed);
    close_world();
    return 0;
}
