/* A cursor lists every object once, across pages, and notices that its store was closed or its process forked. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <sys/wait.h>
#include <unistd.h>

enum { OBJECTS = 1003 };

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    hsm_store *store = NULL;
    hsm_cursor *cursor = NULL;
    const hsm_object *object;
    CHECK_OK(hsm_store_open(argv[1], SIZE_MAX, NULL, &store, &error));
    CHECK_OK(hsm_cursor_open(store, NULL, &cursor, &error));
    CHECK_STATUS(hsm_cursor_next(cursor, &object, NULL, NULL, &error), HSM_STATUS_END);
    CHECK_STATUS(hsm_cursor_next(cursor, &object, NULL, NULL, &error), HSM_STATUS_END);
    hsm_cursor_free(cursor);

    hsm_id dataset;
    CHECK_OK(hsm_dataset_create(store, "set", SIZE_MAX, NULL, &dataset, &error));
    hsm_put_result put;
    CHECK_OK(hsm_object_put(store, "first", 5, NULL, &put, sizeof put, &error));
    char key[16];
    for (int index = 0; index < OBJECTS; index++) {
        snprintf(key, sizeof key, "%04d", index);
        CHECK_OK(hsm_key_add(store, &dataset, key, SIZE_MAX, &put.id, NULL, &error));
    }
    hsm_query *query = NULL;
    CHECK_OK(hsm_query_new(&query, &error));
    CHECK_OK(hsm_query_set_dataset(query, &dataset, &error));
    CHECK_OK(hsm_cursor_open(store, query, &cursor, &error));
    hsm_query_free(query);

    const uint8_t *at;
    size_t length;
    for (int index = 0; index < OBJECTS; index++) {
        CHECK_OK(hsm_cursor_next(cursor, &object, &at, &length, &error));
        snprintf(key, sizeof key, "%04d", index);
        CHECK(length == strlen(key) && memcmp(at, key, length) == 0);
        hsm_object_info info;
        CHECK_OK(hsm_object_stat(object, &info, sizeof info, &error));
        CHECK(memcmp(&info.id, &put.id, sizeof info.id) == 0 && info.size_bytes == 5);
        CHECK_OK(hsm_object_key(object, &at, &length, &error));
        CHECK(length == 4 && memcmp(at, "0000", 4) == 0);
    }
    CHECK_STATUS(hsm_cursor_next(cursor, &object, &at, &length, &error), HSM_STATUS_END);
    hsm_cursor_free(cursor);
    hsm_cursor_free(NULL);

    /* In a child, and after a close, also within a page. */
    CHECK_OK(hsm_object_put(store, "second", 6, NULL, &put, sizeof put, &error));
    CHECK_OK(hsm_cursor_open(store, NULL, &cursor, &error));
    CHECK_OK(hsm_cursor_next(cursor, &object, NULL, NULL, &error));
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK_STATUS(hsm_cursor_next(cursor, &object, NULL, NULL, &error), HSM_STATUS_FORKED);
        _exit(0);
    }
    int ended;
    CHECK(waitpid(child, &ended, 0) == child && WIFEXITED(ended) && WEXITSTATUS(ended) == 0);
    CHECK_OK(hsm_store_close(store, &error));
    CHECK_STATUS(hsm_cursor_next(cursor, &object, NULL, NULL, &error), HSM_STATUS_CLOSED);
    hsm_store_free(store);
    CHECK_STATUS(hsm_cursor_next(cursor, &object, NULL, NULL, &error), HSM_STATUS_CLOSED);
    hsm_cursor_free(cursor);
    return 0;
}
