/* Bytes come out as they went in, whichever way, and not at all where they are damaged. */
#define _XOPEN_SOURCE 700
#include "check.h"

#include <fcntl.h>
#include <ftw.h>
#include <unistd.h>

#define LARGE ((size_t)3 << 20)

static hsm_store *store = NULL;
static char *content;

struct target {
    char *data;
    size_t length;
    int stop_at_call; /* 0: never */
    int destroyed;
};

static int32_t take(void *user_data, const void *data, size_t size)
{
    struct target *target = user_data;
    if (target->stop_at_call != 0 && --target->stop_at_call == 0)
        return -5;
    CHECK(size <= (size_t)1 << 20 && target->length + size <= LARGE);
    memcpy(target->data + target->length, data, size);
    target->length += size;
    return 0;
}

static void destroy(void *user_data)
{
    ((struct target *)user_data)->destroyed++;
}

static void to_streams(const hsm_id *id, char *back)
{
    struct target target;
    hsm_write_callback callback;
    hsm_error *stopped = NULL;
    uint64_t size = 0;
    target.data = back;
    target.length = 0;
    target.stop_at_call = 0;
    target.destroyed = 0;
    callback.call = take;
    callback.user_data = &target;
    callback.destroy = destroy;
    CHECK_OK(hsm_object_get_stream(store, id, -1, callback, &size, &error));
    CHECK(size == LARGE && target.length == LARGE && memcmp(back, content, LARGE) == 0);
    CHECK(target.destroyed == 1);

    target.length = 0;
    target.stop_at_call = 2;
    CHECK(hsm_object_get_stream(store, id, -1, callback, NULL, &stopped) == HSM_STATUS_CANCELLED);
    CHECK(hsm_error_callback(stopped) == -5 && target.destroyed == 2 && target.length < LARGE);
    hsm_error_free(stopped);
    CHECK_STATUS(hsm_object_get_stream(store, id, 256, callback, NULL, &error), HSM_STATUS_INVALID);
    callback.call = NULL;
    CHECK_STATUS(hsm_object_get_stream(store, id, -1, callback, NULL, &error), HSM_STATUS_INVALID);
    CHECK(target.destroyed == 4);
}

static void to_files(const hsm_id *id, const char *directory, char *back)
{
    char path[4200];
    int fd, ends[2];
    uint64_t size = 0;
    hsm_put_result small;
    snprintf(path, sizeof path, "%s/target", directory);
    CHECK_OK(hsm_object_get_path(store, id, -1, path, SIZE_MAX, &size, &error));
    CHECK(size == LARGE);
    fd = open(path, O_RDWR);
    CHECK(fd >= 0 && read(fd, back, LARGE) == (ssize_t)LARGE && memcmp(back, content, LARGE) == 0);
    CHECK(read(fd, back, 1) == 0);
    CHECK_STATUS(hsm_object_get_path(store, id, -1, "/nowhere/at/all", SIZE_MAX, NULL, &error), HSM_STATUS_IO);

    /* A descriptor is neither moved nor closed. */
    CHECK(ftruncate(fd, 0) == 0 && lseek(fd, 7, SEEK_SET) == 7);
    CHECK_OK(hsm_object_get_fd(store, id, 0, fd, &size, &error));
    CHECK(size == LARGE && lseek(fd, 0, SEEK_CUR) == 7);
    memset(back, 0, LARGE);
    CHECK(pread(fd, back, LARGE, 0) == (ssize_t)LARGE && memcmp(back, content, LARGE) == 0);
    CHECK(close(fd) == 0);
    CHECK_STATUS(hsm_object_get_fd(store, id, -1, -1, NULL, &error), HSM_STATUS_INVALID);

    CHECK_OK(hsm_object_put(store, "through a pipe", 14, NULL, &small, sizeof small, &error));
    CHECK(pipe(ends) == 0);
    CHECK_OK(hsm_object_get_fd(store, &small.id, -1, ends[1], NULL, &error));
    CHECK(read(ends[0], back, LARGE) == 14 && memcmp(back, "through a pipe", 14) == 0);
    CHECK(close(ends[0]) == 0);
    /* SIGPIPE would end this program. */
    CHECK_STATUS(hsm_object_get_fd(store, &small.id, -1, ends[1], NULL, &error), HSM_STATUS_IO);
    CHECK(close(ends[1]) == 0);
}

/* Turns a byte in the middle of every large file of the tier. */
static int damage(const char *path, const struct stat *found, int kind, struct FTW *at)
{
    (void)at;
    if (kind == FTW_F && found->st_size > (off_t)LARGE) {
        char byte;
        int fd = open(path, O_RDWR);
        CHECK(fd >= 0 && pread(fd, &byte, 1, 1500000) == 1);
        byte ^= 1;
        CHECK(pwrite(fd, &byte, 1, 1500000) == 1 && close(fd) == 0);
    }
    return 0;
}

int main(int argc, char **argv)
{
    char directory[4096], tier[4200];
    char *back = malloc(LARGE);
    hsm_put_result put;
    hsm_id unknown, none = {{0}};
    size_t at, read;
    CHECK(argc == 2 && back != NULL);
    content = malloc(LARGE);
    CHECK(content != NULL);
    for (at = 0; at < LARGE; at++)
        content[at] = (char)(at * 31 + at / 4099);
    snprintf(directory, sizeof directory, "%s/store", argv[1]);
    snprintf(tier, sizeof tier, "%s/tiers/0", directory);
    CHECK_OK(hsm_store_open(directory, SIZE_MAX, NULL, &store, &error));
    CHECK_OK(hsm_object_put(store, content, LARGE, NULL, &put, sizeof put, &error));

    /* Ranges: short only at the end, nothing behind it. */
    CHECK_OK(hsm_object_get(store, &put.id, -1, 1048570, back, 20, &read, &error));
    CHECK(read == 20 && memcmp(back, content + 1048570, 20) == 0);
    CHECK_OK(hsm_object_get(store, &put.id, 0, LARGE - 3, back, 20, &read, &error));
    CHECK(read == 3 && memcmp(back, content + LARGE - 3, 3) == 0);
    CHECK_OK(hsm_object_get(store, &put.id, -1, UINT64_MAX, back, 20, &read, &error));
    CHECK(read == 0);
    CHECK_OK(hsm_object_get(store, &put.id, -1, 0, NULL, 0, &read, &error));
    CHECK(read == 0);

    /* What cannot be. */
    CHECK_OK(hsm_store_new_id(store, &unknown, &error));
    CHECK_STATUS(hsm_object_get(store, &unknown, -1, 0, back, 1, &read, &error), HSM_STATUS_NOT_FOUND);
    CHECK_STATUS(hsm_object_get(store, &put.id, 9, 0, back, 1, &read, &error), HSM_STATUS_NOT_FOUND);
    CHECK_STATUS(hsm_object_get(store, &none, -1, 0, back, 1, &read, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_object_get(store, &put.id, -2, 0, back, 1, &read, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_object_get(store, &put.id, -1, 0, NULL, 1, &read, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_object_get(store, &put.id, -1, 0, back, 1, NULL, &error), HSM_STATUS_INVALID);

    to_streams(&put.id, back);
    to_files(&put.id, argv[1], back);

    /* A damaged block is never handed out; the others are. */
    CHECK(nftw(tier, damage, 16, FTW_PHYS) == 0);
    CHECK_STATUS(hsm_object_get(store, &put.id, -1, 1500000, back, 1, &read, &error), HSM_STATUS_CORRUPT);
    CHECK_OK(hsm_object_get(store, &put.id, -1, 0, back, 1000, &read, &error));
    CHECK(read == 1000 && memcmp(back, content, 1000) == 0);

    CHECK_OK(hsm_store_close(store, &error));
    CHECK_STATUS(hsm_object_get(store, &put.id, -1, 0, back, 1, &read, &error), HSM_STATUS_CLOSED);
    hsm_store_free(store);
    free(content);
    free(back);
    return 0;
}
