/* A query narrows a listing to what holds all that was set. */
#include "check.h"

/* How many objects a query finds. */
static int found(const hsm_store *store, const hsm_query *query)
{
    hsm_cursor *cursor = NULL;
    const hsm_object *object;
    hsm_status status;
    int count = 0;
    CHECK_OK(hsm_cursor_open(store, query, &cursor, &error));
    while ((status = hsm_cursor_next(cursor, &object, NULL, NULL, &error)) == HSM_STATUS_OK)
        count++;
    CHECK_STATUS(status, HSM_STATUS_END);
    hsm_cursor_free(cursor);
    return count;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    hsm_store *store = NULL;
    CHECK_OK(hsm_store_open(argv[1], SIZE_MAX, NULL, &store, &error));
    hsm_put_result put[3];
    for (int index = 0; index < 3; index++)
        CHECK_OK(hsm_object_put(store, "xxx", (size_t)index + 1, NULL, &put[index], sizeof put[0], &error));
    hsm_id dataset;
    CHECK_OK(hsm_dataset_create(store, "set", SIZE_MAX, NULL, &dataset, &error));
    CHECK_OK(hsm_key_add(store, &dataset, "a/1", SIZE_MAX, &put[0].id, NULL, &error));
    CHECK_OK(hsm_key_add(store, &dataset, "a/2", SIZE_MAX, &put[0].id, NULL, &error));
    CHECK_OK(hsm_key_add(store, &dataset, "b/1", SIZE_MAX, &put[1].id, NULL, &error));
    hsm_attributes *attributes = NULL;
    CHECK_OK(hsm_attributes_new(&attributes, &error));
    CHECK_OK(hsm_attributes_set(attributes, "owner", SIZE_MAX, "ada", SIZE_MAX, &error));
    CHECK_OK(hsm_object_set_attributes(store, &put[2].id, attributes, NULL, &error));
    hsm_attributes_free(attributes);

    CHECK(found(store, NULL) == 3);
    hsm_query *query = NULL;
    CHECK_OK(hsm_query_new(&query, &error));
    CHECK(found(store, query) == 3);

    CHECK_OK(hsm_query_set_size_range(query, 2, 2, &error));
    CHECK(found(store, query) == 1);
    CHECK_OK(hsm_query_set_size_range(query, 2, UINT64_MAX, &error));
    CHECK(found(store, query) == 2);
    CHECK_STATUS(hsm_query_set_size_range(query, 2, 1, &error), HSM_STATUS_INVALID);
    CHECK_OK(hsm_query_set_size_range(query, 0, UINT64_MAX, &error));

    hsm_object *object = NULL;
    hsm_object_info info;
    CHECK_OK(hsm_object_open(store, &put[1].id, &object, &error));
    CHECK_OK(hsm_object_stat(object, &info, sizeof info, &error));
    hsm_object_free(object);
    CHECK_OK(hsm_query_set_created_range_ns(query, info.created_ns, info.created_ns + 1, &error));
    CHECK(found(store, query) == 1);
    CHECK_OK(hsm_query_set_created_range_ns(query, INT64_MIN, info.created_ns, &error));
    CHECK(found(store, query) == 1);
    CHECK_OK(hsm_query_set_created_range_ns(query, INT64_MIN, INT64_MAX, &error));
    CHECK_OK(hsm_query_set_modified_range_ns(query, info.modified_ns, INT64_MAX, &error));
    CHECK(found(store, query) == 2);
    CHECK_STATUS(hsm_query_set_modified_range_ns(query, 2, 1, &error), HSM_STATUS_INVALID);
    CHECK_OK(hsm_query_set_modified_range_ns(query, INT64_MIN, INT64_MAX, &error));

    /* None was read: each counts from its last change. */
    CHECK_OK(hsm_query_set_accessed_range_ns(query, info.modified_ns, INT64_MAX, &error));
    CHECK(found(store, query) == 2);
    CHECK_OK(hsm_query_set_accessed_range_ns(query, INT64_MIN, info.modified_ns, &error));
    CHECK(found(store, query) == 1);
    CHECK_STATUS(hsm_query_set_accessed_range_ns(query, 2, 1, &error), HSM_STATUS_INVALID);
    CHECK_OK(hsm_query_set_accessed_range_ns(query, INT64_MIN, INT64_MAX, &error));

    CHECK_OK(hsm_query_set_attribute(query, "owner", SIZE_MAX, NULL, 0, &error));
    CHECK(found(store, query) == 1);
    CHECK_OK(hsm_query_set_attribute(query, "owner", SIZE_MAX, "ada", 3, &error));
    CHECK(found(store, query) == 1);
    CHECK_OK(hsm_query_set_attribute(query, "owner", SIZE_MAX, "", 0, &error));
    CHECK(found(store, query) == 0);
    CHECK_OK(hsm_query_set_attribute(query, NULL, 0, NULL, 0, &error));

    CHECK_OK(hsm_query_set_tier(query, 0, &error));
    CHECK(found(store, query) == 3);
    CHECK_OK(hsm_query_set_tier(query, 4, &error));
    CHECK(found(store, query) == 0);
    CHECK_OK(hsm_query_set_tier(query, -1, &error));
    CHECK_OK(hsm_query_set_not_on_tier(query, 0, &error));
    CHECK(found(store, query) == 0);
    CHECK_OK(hsm_query_set_not_on_tier(query, -1, &error));
    CHECK_STATUS(hsm_query_set_tier(query, 256, &error), HSM_STATUS_INVALID);

    /* In a dataset, once for each key. */
    hsm_cursor *cursor = NULL;
    CHECK_OK(hsm_query_set_key_prefix(query, "a/", 2, &error));
    CHECK_STATUS(hsm_cursor_open(store, query, &cursor, &error), HSM_STATUS_INVALID);
    CHECK_OK(hsm_query_set_dataset(query, &dataset, &error));
    CHECK(found(store, query) == 2);
    CHECK_OK(hsm_query_set_key_prefix(query, NULL, 0, &error));
    CHECK(found(store, query) == 3);
    CHECK_OK(hsm_query_set_removed(query, 1, &error));
    CHECK(found(store, query) == 0);
    CHECK_OK(hsm_query_set_removed(query, 0, &error));
    CHECK_OK(hsm_query_set_dataset(query, &put[0].id, &error));
    CHECK_STATUS(hsm_cursor_open(store, query, &cursor, &error), HSM_STATUS_NOT_FOUND);
    CHECK(cursor == NULL);
    CHECK_OK(hsm_query_set_dataset(query, NULL, &error));
    CHECK(found(store, query) == 3);

    hsm_query_free(query);
    hsm_query_free(NULL);
    CHECK_OK(hsm_store_close(store, &error));
    hsm_store_free(store);
    return 0;
}
