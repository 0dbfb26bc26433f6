/* Descriptors and memory return to where they were, a thousand times over. */
#define _GNU_SOURCE
#include "guest.h"

#include <dirent.h>
#include <malloc.h>

enum {
    ROUNDS = 1000,
    /* SQLite and the standard library keep what they need once. */
    WARM_UP = 20,
    /* Far less than a byte for each object, name or page that a round could leave behind. */
    BYTES_MAX = 1024,
};

static int descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;
    CHECK(directory != NULL);
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

int main(int count, char **arguments)
{
    const char *path = store_path(count, arguments);
    int descriptors_before = 0;
    size_t bytes_before = 0;
    for (int round = 0; round < WARM_UP + ROUNDS; round++) {
        if (round == WARM_UP) {
            descriptors_before = descriptors();
            bytes_before = mallinfo2().uordblks;
        }
        hsm_store *store = open_store(path);
        if (round % 10 == 0)
            use_store(store, "name");
        /* What is freed only is closed too. */
        if (round % 2 == 0)
            CHECK_OK(hsm_store_close(store, &error));
        hsm_store_free(store);
    }
    CHECK(descriptors() == descriptors_before);
    size_t bytes = mallinfo2().uordblks;
    if (bytes > bytes_before + BYTES_MAX) {
        fprintf(stderr, "%zu bytes in use before, %zu after\n", bytes_before, bytes);
        return 1;
    }
    return 0;
}
