/* A store is created, closed, opened again, and tells what it is. */
#include "check.h"

static hsm_store *open_store(const char *path, const hsm_store_options *options)
{
    hsm_store *store = NULL;
    CHECK_OK(hsm_store_open(path, SIZE_MAX, options, &store, &error));
    CHECK(store != NULL);
    return store;
}

int main(int count, char **arguments)
{
    CHECK(count == 2);
    char path[4096];
    snprintf(path, sizeof path, "%s/store", arguments[1]);

    /* A store that must be there is not made. */
    hsm_store_options *options = NULL;
    CHECK_OK(hsm_store_options_new(&options, &error));
    CHECK_OK(hsm_store_options_set_create(options, HSM_CREATE_NEVER, &error));
    hsm_store *store = (hsm_store *)path;
    CHECK_STATUS(hsm_store_open(path, SIZE_MAX, options, &store, &error), HSM_STATUS_INVALID);
    CHECK(store == NULL);

    /* A new one has an id and stands before its first change. */
    store = open_store(path, NULL);
    hsm_id id;
    CHECK_OK(hsm_store_id(store, &id, &error));
    hsm_position position;
    CHECK_OK(hsm_store_position(store, &position, &error));
    /* A length is written with HSM_STATUS_OK, and when the buffer is too small; not otherwise. */
    size_t length = 77;
    CHECK_STATUS(hsm_store_read_only_reason(store, NULL, 0, &length, &error), HSM_STATUS_END);
    CHECK_STATUS(hsm_store_directory(store, NULL, 4096, &length, &error), HSM_STATUS_INVALID);
    CHECK(length == 77);

    /* Its directory comes back whole or not at all. */
    length = 0;
    CHECK_STATUS(hsm_store_directory(store, NULL, 0, &length, &error), HSM_STATUS_BUFFER_TOO_SMALL);
    CHECK(length >= strlen("/store"));
    char *directory = malloc(length + 1);
    CHECK(directory != NULL);
    CHECK_STATUS(hsm_store_directory(store, directory, length, NULL, &error), HSM_STATUS_BUFFER_TOO_SMALL);
    CHECK_OK(hsm_store_directory(store, directory, length + 1, NULL, &error));
    CHECK(strlen(directory) == length);
    CHECK(strcmp(directory + length - strlen("/store"), "/store") == 0);
    free(directory);

    hsm_maintained did;
    CHECK_OK(hsm_store_maintain(store, &did, sizeof did, &error));
    CHECK(did.purged == 0);
    CHECK_OK(hsm_store_sync(store, &position, &error));
    CHECK_OK(hsm_store_close(store, &error));
    CHECK_STATUS(hsm_store_close(store, &error), HSM_STATUS_CLOSED);
    CHECK_STATUS(hsm_store_sync(store, NULL, &error), HSM_STATUS_CLOSED);
    hsm_store_free(store);

    /* It is the same one when it is opened again, now that it is there. */
    store = open_store(path, options);
    hsm_id again;
    CHECK_OK(hsm_store_id(store, &again, &error));
    CHECK(memcmp(&id, &again, sizeof id) == 0);
    hsm_store_free(store);
    hsm_store_options_free(options);
    hsm_store_free(NULL);
    hsm_store_options_free(NULL);
    return 0;
}
