/* A removed object comes back with its key until it is purged. */
#include "check.h"

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    hsm_store *store = NULL;
    CHECK_OK(hsm_store_open(argv[1], SIZE_MAX, NULL, &store, &error));
    hsm_id dataset, found;
    hsm_put_options *options = NULL;
    hsm_put_result put, other;
    hsm_position position = {0, 0};
    CHECK_OK(hsm_dataset_create(store, "data", SIZE_MAX, NULL, &dataset, &error));
    CHECK_OK(hsm_put_options_new(&options, &error));
    CHECK_OK(hsm_put_options_set_key(options, &dataset, "a/b", SIZE_MAX, &error));
    CHECK_OK(hsm_object_put(store, "one", 3, options, &put, sizeof put, &error));

    CHECK_OK(hsm_object_remove(store, &put.id, &position, &error));
    CHECK(position.number == put.position.number + 1);
    CHECK_STATUS(hsm_object_remove(store, &put.id, NULL, &error), HSM_STATUS_NOT_FOUND);
    CHECK_STATUS(hsm_key_find(store, &dataset, "a/b", SIZE_MAX, &found, &error), HSM_STATUS_NOT_FOUND);
    char text[3];
    size_t read = 0;
    CHECK_STATUS(hsm_object_get(store, &put.id, -1, 0, text, 3, &read, &error), HSM_STATUS_NOT_FOUND);

    CHECK_OK(hsm_object_undelete(store, &put.id, &error));
    CHECK_STATUS(hsm_object_undelete(store, &put.id, &error), HSM_STATUS_NOT_FOUND);
    CHECK_OK(hsm_object_get(store, &put.id, -1, 0, text, 3, &read, &error));
    CHECK(read == 3 && memcmp(text, "one", 3) == 0);
    CHECK_OK(hsm_key_find(store, &dataset, "a/b", SIZE_MAX, &found, &error));
    CHECK(memcmp(&found, &put.id, sizeof found) == 0);

    /* Its key was given away meanwhile: it comes back without one. */
    CHECK_OK(hsm_object_remove(store, &put.id, NULL, &error));
    CHECK_OK(hsm_object_put(store, "two", 3, options, &other, sizeof other, &error));
    CHECK_OK(hsm_object_undelete(store, &put.id, &error));
    CHECK_OK(hsm_key_find(store, &dataset, "a/b", SIZE_MAX, &found, &error));
    CHECK(memcmp(&found, &other.id, sizeof found) == 0);
    hsm_object *object = NULL;
    const uint8_t *key;
    size_t key_length;
    CHECK_OK(hsm_object_open(store, &put.id, &object, &error));
    CHECK_STATUS(hsm_object_key(object, &key, &key_length, &error), HSM_STATUS_END);
    hsm_object_free(object);

    /* Purged, nothing brings it back: a live one, and one that was removed before. */
    CHECK_OK(hsm_object_purge(store, &put.id, &position, &error));
    CHECK_STATUS(hsm_object_undelete(store, &put.id, &error), HSM_STATUS_NOT_FOUND);
    CHECK_STATUS(hsm_object_purge(store, &put.id, NULL, &error), HSM_STATUS_NOT_FOUND);
    CHECK_OK(hsm_object_remove(store, &other.id, NULL, &error));
    CHECK_OK(hsm_object_purge(store, &other.id, NULL, &error));
    CHECK_STATUS(hsm_object_undelete(store, &other.id, &error), HSM_STATUS_NOT_FOUND);

    hsm_id zero = {{0}};
    CHECK_STATUS(hsm_object_remove(store, &zero, NULL, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_object_purge(NULL, &put.id, NULL, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_object_undelete(store, NULL, &error), HSM_STATUS_INVALID);
    hsm_put_options_free(options);
    CHECK_OK(hsm_store_close(store, &error));
    CHECK_STATUS(hsm_object_remove(store, &put.id, NULL, &error), HSM_STATUS_CLOSED);
    hsm_store_free(store);
    return 0;
}
