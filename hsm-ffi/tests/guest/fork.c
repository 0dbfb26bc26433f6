/* A forked child hears that the handle is not its own, and whatever it does, the parent's store is as it was. */
#define _GNU_SOURCE
#include "guest.h"

#include <sys/wait.h>
#include <unistd.h>

/* What the child does with what it inherited. It frees everything, or leaves without a word. */
static void child(hsm_store *store, hsm_cursor *cursor, int frees)
{
    const hsm_object *object = NULL;
    const uint8_t *key = NULL;
    size_t key_length = 0;
    hsm_id dataset;
    CHECK_STATUS(hsm_store_sync(store, NULL, &error), HSM_STATUS_FORKED);
    CHECK_STATUS(hsm_dataset_create(store, "x", 1, NULL, &dataset, &error), HSM_STATUS_FORKED);
    CHECK_STATUS(hsm_cursor_next(cursor, &object, &key, &key_length, &error), HSM_STATUS_FORKED);
    CHECK_STATUS(hsm_store_close(store, &error), HSM_STATUS_FORKED);
    if (frees) {
        hsm_cursor_free(cursor);
        hsm_store_free(store);
        exit(0);
    }
    _exit(0);
}

int main(int count, char **arguments)
{
    const char *path = store_path(count, arguments);
    hsm_store *store = open_store(path);
    hsm_id kept, found;
    CHECK_OK(hsm_dataset_create(store, "kept", SIZE_MAX, NULL, &kept, &error));

    for (int frees = 0; frees < 2; frees++) {
        hsm_cursor *cursor = NULL;
        CHECK_OK(hsm_cursor_open(store, NULL, &cursor, &error));
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0)
            child(store, cursor, frees);
        int ended = 0;
        CHECK(waitpid(pid, &ended, 0) == pid);
        CHECK(WIFEXITED(ended) && WEXITSTATUS(ended) == 0);

        /* The parent goes on, with its handle and with a new one beside it. */
        hsm_cursor_free(cursor);
        use_store(store, "after a fork");
        hsm_store *beside = open_store(path);
        use_store(beside, "beside");
        close_store(beside);
    }

    /* A child may open the store for itself, with the parent's handle open. */
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        hsm_store *own = open_store(path);
        use_store(own, "in the child");
        close_store(own);
        _exit(0);
    }
    int ended = 0;
    CHECK(waitpid(pid, &ended, 0) == pid);
    CHECK(WIFEXITED(ended) && WEXITSTATUS(ended) == 0);

    close_store(store);
    store = open_store(path);
    CHECK_OK(hsm_dataset_find(store, "kept", SIZE_MAX, &found, &error));
    CHECK(memcmp(&found, &kept, sizeof kept) == 0);
    close_store(store);
    return 0;
}
