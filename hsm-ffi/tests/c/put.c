/* Whatever way bytes go in, they are there whole, or not at all. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <fcntl.h>
#include <unistd.h>

#define LARGE ((size_t)3 << 20)

static hsm_store *store = NULL;

static void check_content(const hsm_id *id, const void *content, size_t size)
{
    char *buffer = malloc(size + 1);
    size_t read;
    CHECK(buffer != NULL);
    CHECK_OK(hsm_object_get(store, id, -1, 0, buffer, size + 1, &read, &error));
    CHECK(read == size && memcmp(buffer, content, size) == 0);
    free(buffer);
}

struct source {
    const char *data;
    size_t left;
    int fail_after; /* calls; -1: never */
    int destroyed;
};

static int32_t give(void *user_data, void *buffer, size_t size, size_t *read_out)
{
    struct source *source = user_data;
    size_t now = source->left < size ? source->left : size;
    if (source->fail_after == 0)
        return 42;
    source->fail_after--;
    if (now > 100000)
        now = 100000; /* short answers are fine */
    memcpy(buffer, source->data, now);
    source->data += now;
    source->left -= now;
    *read_out = now;
    return 0;
}

static void destroy(void *user_data)
{
    ((struct source *)user_data)->destroyed++;
}

static hsm_read_callback callback(struct source *source)
{
    hsm_read_callback callback;
    callback.call = give;
    callback.user_data = source;
    callback.destroy = destroy;
    return callback;
}

static void put_from_descriptors(const char *path, const char *content)
{
    hsm_put_result put;
    int ends[2];
    int fd = open(path, O_RDONLY);
    CHECK(fd >= 0 && lseek(fd, 17, SEEK_SET) == 17);
    CHECK_OK(hsm_object_put_fd(store, fd, 0, UINT64_MAX, NULL, &put, sizeof put, &error));
    check_content(&put.id, content, LARGE);
    CHECK_OK(hsm_object_put_fd(store, fd, 5, 1000, NULL, &put, sizeof put, &error));
    check_content(&put.id, content + 5, 1000);
    CHECK_STATUS(hsm_object_put_fd(store, fd, 5, LARGE, NULL, NULL, 0, &error), HSM_STATUS_INVALID);
    CHECK(lseek(fd, 0, SEEK_CUR) == 17); /* neither moved nor closed */
    CHECK(close(fd) == 0);

    CHECK(pipe(ends) == 0);
    CHECK(write(ends[1], content, 5000) == 5000);
    CHECK_STATUS(hsm_object_put_fd(store, ends[0], 1, UINT64_MAX, NULL, NULL, 0, &error), HSM_STATUS_INVALID);
    CHECK_OK(hsm_object_put_fd(store, ends[0], 0, 1000, NULL, &put, sizeof put, &error));
    check_content(&put.id, content, 1000);
    CHECK(close(ends[1]) == 0);
    CHECK_OK(hsm_object_put_fd(store, ends[0], 0, UINT64_MAX, NULL, &put, sizeof put, &error));
    check_content(&put.id, content + 1000, 4000);
    CHECK(close(ends[0]) == 0);
    CHECK_STATUS(hsm_object_put_fd(store, -1, 0, UINT64_MAX, NULL, NULL, 0, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_object_put_fd(store, 1000, 0, UINT64_MAX, NULL, NULL, 0, &error), HSM_STATUS_IO);
}

static void put_from_streams(const char *content)
{
    struct source source = {content, LARGE, -1, 0};
    hsm_put_result put, untouched;
    hsm_error *stopped = NULL;
    hsm_read_callback no_call = callback(&source);
    CHECK_OK(hsm_object_put_stream(store, callback(&source), NULL, &put, sizeof put, &error));
    check_content(&put.id, content, LARGE);
    CHECK(source.destroyed == 1);

    source.data = content;
    source.left = LARGE;
    source.fail_after = 3;
    memset(&put, 7, sizeof put);
    untouched = put;
    CHECK(hsm_object_put_stream(store, callback(&source), NULL, &put, sizeof put, &stopped) ==
          HSM_STATUS_CANCELLED);
    CHECK(hsm_error_callback(stopped) == 42);
    CHECK(memcmp(&put, &untouched, sizeof put) == 0 && source.destroyed == 2);
    hsm_error_free(stopped);

    /* Destroyed too where the call was wrong from the beginning. */
    no_call.call = NULL;
    CHECK_STATUS(hsm_object_put_stream(store, no_call, NULL, NULL, 0, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_object_put_stream(NULL, callback(&source), NULL, NULL, 0, &error), HSM_STATUS_INVALID);
    CHECK(source.destroyed == 4);
}

static void put_at_an_offset(char *content)
{
    hsm_put_result put, patched;
    CHECK_OK(hsm_object_put(store, content, LARGE, NULL, &put, sizeof put, &error));
    memcpy(content + 100000, "patch", 5);
    CHECK_OK(hsm_object_put_at(store, &put.id, 100000, "patch", 5, HSM_DURABLE, &patched, sizeof patched, &error));
    CHECK(patched.generation == put.generation + 1 && memcmp(&patched.id, &put.id, sizeof put.id) == 0);
    check_content(&put.id, content, LARGE);
    CHECK_STATUS(hsm_object_put_at(store, &put.id, LARGE + 1, "x", 1, HSM_RELAXED, NULL, 0, &error),
                 HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_object_put_at(store, &put.id, 0, "x", 1, 2, NULL, 0, &error), HSM_STATUS_INVALID);
    CHECK_OK(hsm_object_put_at(store, &put.id, LARGE, "x", 1, HSM_RELAXED, NULL, 0, &error));
}

static void digests_are_compared(void)
{
    hsm_put_options *options = NULL;
    hsm_put_result put;
    hsm_id id;
    size_t read;
    char byte;
    CHECK_OK(hsm_put_options_new(&options, &error));
    CHECK_OK(hsm_store_new_id(store, &id, &error));
    CHECK_OK(hsm_put_options_set_id(options, &id, &error));
    CHECK_OK(hsm_put_options_expect_digest(options, "crc32c:e3069283", SIZE_MAX, &error));
    CHECK_STATUS(hsm_object_put(store, "other", 5, options, &put, sizeof put, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_object_get(store, &id, -1, 0, &byte, 1, &read, &error), HSM_STATUS_NOT_FOUND);
    CHECK_OK(hsm_object_put(store, "123456789", 9, options, &put, sizeof put, &error));
    CHECK_STATUS(hsm_object_put(store, "other", 5, options, &put, sizeof put, &error), HSM_STATUS_INVALID);
    check_content(&id, "123456789", 9);
    hsm_put_options_free(options);
}

/* Whether the file system of the temporary directory shares bytes or not. */
static void adopts(const char *path, const char *content)
{
    hsm_put_result put;
    int32_t adopted = -1;
    char other[4200];
    hsm_status status = hsm_object_adopt_path(store, path, SIZE_MAX, 0, NULL, &adopted, &put, sizeof put, &error);
    if (status == HSM_STATUS_OK) {
        CHECK(adopted == HSM_ADOPTED_SHARED);
        check_content(&put.id, content, LARGE);
    } else {
        CHECK(status == HSM_STATUS_UNSUPPORTED && adopted == -1);
        CHECK(strstr(hsm_error_message(error), "allow it to be copied") != NULL);
        hsm_error_free(error);
        error = NULL;
    }
    snprintf(other, sizeof other, "%s-adopted", path);
    CHECK(link(path, other) == 0);
    CHECK_OK(hsm_object_adopt_path(store, other, SIZE_MAX, HSM_ADOPT_COPY_ALLOWED | HSM_ADOPT_REMOVE_SOURCE, NULL,
                                   &adopted, &put, sizeof put, &error));
    CHECK((adopted & HSM_ADOPTED_SOURCE_REMOVED) != 0 && access(other, F_OK) != 0 && access(path, F_OK) == 0);
    check_content(&put.id, content, LARGE);
}

int main(int argc, char **argv)
{
    char directory[4096], path[4200];
    char *content = malloc(LARGE);
    hsm_put_result put;
    size_t at, read;
    FILE *file;
    char byte;
    CHECK(argc == 2 && content != NULL);
    snprintf(directory, sizeof directory, "%s/store", argv[1]);
    snprintf(path, sizeof path, "%s/source", argv[1]);
    for (at = 0; at < LARGE; at++)
        content[at] = (char)(at * 31 + at / 4099);
    file = fopen(path, "wb");
    CHECK(file != NULL && fwrite(content, 1, LARGE, file) == LARGE && fclose(file) == 0);
    CHECK_OK(hsm_store_open(directory, SIZE_MAX, NULL, &store, &error));

    /* From memory, also of no bytes. */
    CHECK_OK(hsm_object_put(store, content, LARGE, NULL, &put, sizeof put, &error));
    check_content(&put.id, content, LARGE);
    CHECK_OK(hsm_object_put(store, NULL, 0, NULL, &put, sizeof put, &error));
    check_content(&put.id, "", 0);
    CHECK_STATUS(hsm_object_put(store, NULL, 1, NULL, NULL, 0, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_object_put(store, "x", 1, NULL, &put, 0, &error), HSM_STATUS_INVALID);

    /* From a file. */
    CHECK_OK(hsm_object_put_path(store, path, SIZE_MAX, 3, UINT64_MAX, NULL, &put, sizeof put, &error));
    check_content(&put.id, content + 3, LARGE - 3);
    CHECK_OK(hsm_object_put_path(store, path, strlen(path), 3, 10, NULL, &put, sizeof put, &error));
    check_content(&put.id, content + 3, 10);
    CHECK_STATUS(hsm_object_put_path(store, path, SIZE_MAX, 3, LARGE, NULL, NULL, 0, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_object_put_path(store, "/nowhere/at/all", SIZE_MAX, 0, 1, NULL, NULL, 0, &error), HSM_STATUS_IO);
    CHECK_STATUS(hsm_object_put_path(store, "", 0, 0, 1, NULL, NULL, 0, &error), HSM_STATUS_INVALID);
    adopts(path, content);

    put_from_descriptors(path, content);
    put_from_streams(content);
    put_at_an_offset(content);
    digests_are_compared();

    /* Without data, until it gets some. */
    CHECK_OK(hsm_object_put_empty(store, NULL, &put, sizeof put, &error));
    CHECK_STATUS(hsm_object_get(store, &put.id, -1, 0, &byte, 1, &read, &error), HSM_STATUS_NOT_FOUND);
    CHECK_OK(hsm_object_put_at(store, &put.id, 0, "data", 4, HSM_DURABLE, NULL, 0, &error));
    check_content(&put.id, "data", 4);

    CHECK_OK(hsm_store_close(store, &error));
    CHECK_STATUS(hsm_object_put(store, "x", 1, NULL, NULL, 0, &error), HSM_STATUS_CLOSED);
    hsm_store_free(store);
    free(content);
    return 0;
}
