/* Bad input: options of a put, puts, handles with progress. */
#define _POSIX_C_SOURCE 200809L
#include "bad_input.h"

#include <fcntl.h>
#include <unistd.h>

static hsm_id zero;
static int destroyed;

static void destroy(void *user_data)
{
    (void)user_data;
    destroyed++;
}

static int32_t nothing(void *user_data, void *buffer, size_t size, size_t *read_out)
{
    (void)user_data;
    (void)buffer;
    (void)size;
    *read_out = 0;
    return 0;
}

static int32_t stop(void *user_data, void *buffer, size_t size, size_t *read_out)
{
    (void)nothing(user_data, buffer, size, read_out);
    return 7;
}

static int32_t lie(void *user_data, void *buffer, size_t size, size_t *read_out)
{
    (void)nothing(user_data, buffer, size, read_out);
    *read_out = size + 1;
    return 0;
}

static int32_t follow(void *user_data, const hsm_progress *progress, size_t size)
{
    (void)user_data;
    (void)progress;
    (void)size;
    return 0;
}

static void put_options(void)
{
    hsm_put_options *options = NULL;
    hsm_attributes *many = NULL;
    char *large = calloc(1, 65536);
    CHECK(large != NULL);
    CHECK_OK(hsm_put_options_new(&options, &error));
    CHECK_OK(hsm_attributes_new(&many, &error));
    CHECK_OK(hsm_attributes_set(many, "a", 1, large, 65536, &error));
    CHECK_OK(hsm_attributes_set(many, "b", 1, large, 65536, &error));
    CHECK_OK(hsm_attributes_set(many, "c", 1, large, 65536, &error));
    CHECK_OK(hsm_attributes_set(many, "d", 1, large, 65536, &error));
    memset(large, 'k', 4097);

    PLAIN(hsm_put_options_free, options, (hsm_put_options_free(NULL), 1));
    BAD(INVALID, hsm_put_options_new, options_out, (NULL, &error));
    BAD(INVALID, hsm_put_options_set_id, options, (NULL, &world.object, &error));
    FINE(hsm_put_options_set_id, id, (options, NULL, &error));
    FINE(hsm_put_options_set_id, id, (options, &zero, &error));
    BAD(INVALID, hsm_put_options_set_key, options, (NULL, &world.dataset, "key", 3, &error));
    FINE(hsm_put_options_set_key, dataset, (options, NULL, "key", 3, &error));
    BAD(INVALID, hsm_put_options_set_key, dataset, (options, &zero, "key", 3, &error));
    BAD(INVALID, hsm_put_options_set_key, key, (options, &world.dataset, NULL, 3, &error));
    BAD(INVALID, hsm_put_options_set_key, key, (options, &world.dataset, "k\0y", 3, &error));
    BAD(INVALID, hsm_put_options_set_key, key_length, (options, &world.dataset, "key", 0, &error));
    BAD(INVALID, hsm_put_options_set_key, key_length, (options, &world.dataset, large, 4097, &error));
    BAD(INVALID, hsm_put_options_set_key, key_length, (options, &world.dataset, "key", TOO_LONG, &error));
    BAD(INVALID, hsm_put_options_set_mode, options, (NULL, HSM_PUT_CREATE, &error));
    BAD(INVALID, hsm_put_options_set_mode, mode, (options, 3, &error));
    BAD(INVALID, hsm_put_options_set_mode, mode, (options, -1, &error));
    BAD(INVALID, hsm_put_options_set_tier, options, (NULL, 0, &error));
    BAD(INVALID, hsm_put_options_set_tier, tier, (options, -2, &error));
    BAD(INVALID, hsm_put_options_set_tier, tier, (options, 256, &error));
    BAD(INVALID, hsm_put_options_set_attributes, options, (NULL, many, &error));
    FINE(hsm_put_options_set_attributes, attributes, (options, NULL, &error));
    BAD(INVALID, hsm_put_options_set_attributes, attributes, (options, many, &error));
    BAD(INVALID, hsm_put_options_add_digest, options, (NULL, "md5", 3, &error));
    BAD(INVALID, hsm_put_options_add_digest, name, (options, NULL, 3, &error));
    SAYS(INVALID, "digest", hsm_put_options_add_digest, name, (options, "md6", 3, &error));
    UTF8(hsm_put_options_add_digest, name, (options, NO_TEXT, SIZE_MAX, &error));
    SAYS(INVALID, "digest", hsm_put_options_add_digest, name_length, (options, "md5", 0, &error));
    BAD(INVALID, hsm_put_options_add_digest, name_length, (options, "md5", TOO_LONG, &error));
    BAD(INVALID, hsm_put_options_expect_digest, options, (NULL, "crc32c:00000000", SIZE_MAX, &error));
    BAD(INVALID, hsm_put_options_expect_digest, digest, (options, NULL, 9, &error));
    BAD(INVALID, hsm_put_options_expect_digest, digest, (options, "md6:00", SIZE_MAX, &error));
    BAD(INVALID, hsm_put_options_expect_digest, digest, (options, "md5:0g", SIZE_MAX, &error));
    UTF8(hsm_put_options_expect_digest, digest, (options, NO_TEXT, SIZE_MAX, &error));
    BAD(INVALID, hsm_put_options_expect_digest, digest_length, (options, "crc32c:00000000", 14, &error));
    BAD(INVALID, hsm_put_options_expect_digest, digest_length, (options, "md5", TOO_LONG, &error));
    BAD(INVALID, hsm_put_options_expect_generation, options, (NULL, 1, &error));
    FINE(hsm_put_options_expect_generation, generation, (options, UINT64_MAX, &error));
    BAD(INVALID, hsm_put_options_set_durability, options, (NULL, HSM_RELAXED, &error));
    BAD(INVALID, hsm_put_options_set_durability, durability, (options, 2, &error));
    BAD(INVALID, hsm_put_options_set_durability, durability, (options, -1, &error));
    BAD(INVALID, hsm_put_options_set_block_size_bytes, options, (NULL, 4096, &error));
    SAYS(INVALID, "block size", hsm_put_options_set_block_size_bytes, block_size_bytes, (options, 4097, &error));
    SAYS(INVALID, "block size", hsm_put_options_set_block_size_bytes, block_size_bytes, (options, UINT64_MAX, &error));
    BAD(INVALID, hsm_put_options_set_size_hint_bytes, options, (NULL, 1, &error));
    FINE(hsm_put_options_set_size_hint_bytes, size_hint_bytes, (options, UINT64_MAX, &error));
    hsm_attributes_free(many);
    hsm_put_options_free(options);
    free(large);
}

/* Options that cannot be fulfilled. */
static hsm_put_options *no_tier, *no_set, *taken, *no_object, *other;

static void open_options(void)
{
    CHECK_OK(hsm_put_options_new(&no_tier, &error));
    CHECK_OK(hsm_put_options_set_tier(no_tier, 77, &error));
    CHECK_OK(hsm_put_options_new(&no_set, &error));
    CHECK_OK(hsm_put_options_set_key(no_set, &world.unknown, "key", 3, &error));
    CHECK_OK(hsm_put_options_new(&taken, &error));
    CHECK_OK(hsm_put_options_set_id(taken, &world.object, &error));
    CHECK_OK(hsm_put_options_set_mode(taken, HSM_PUT_CREATE, &error));
    CHECK_OK(hsm_put_options_new(&no_object, &error));
    CHECK_OK(hsm_put_options_set_id(no_object, &world.unknown, &error));
    CHECK_OK(hsm_put_options_set_mode(no_object, HSM_PUT_UPDATE, &error));
    CHECK_OK(hsm_put_options_new(&other, &error));
    CHECK_OK(hsm_put_options_expect_digest(other, "crc32c:12345678", SIZE_MAX, &error));
}

static void free_options(void)
{
    hsm_put_options_free(no_tier);
    hsm_put_options_free(no_set);
    hsm_put_options_free(taken);
    hsm_put_options_free(no_object);
    hsm_put_options_free(other);
}

/* What every put is asked: its own arguments stand between the store and the options. */
#define EVERY_PUT(function, ...)                                                                                \
    BAD(INVALID, function, store, (NULL, __VA_ARGS__, NULL, &out.put, sizeof out.put, &error));                 \
    CLOSED(function, store, (world.closed, __VA_ARGS__, NULL, &out.put, sizeof out.put, &error));               \
    FINE(function, options, (world.store, __VA_ARGS__, NULL, &out.put, sizeof out.put, &error));                \
    BAD(NOT_FOUND, function, options, (world.store, __VA_ARGS__, no_tier, &out.put, sizeof out.put, &error));   \
    BAD(NOT_FOUND, function, options, (world.store, __VA_ARGS__, no_set, &out.put, sizeof out.put, &error));    \
    BAD(EXISTS, function, options, (world.store, __VA_ARGS__, taken, &out.put, sizeof out.put, &error));        \
    BAD(NOT_FOUND, function, options, (world.store, __VA_ARGS__, no_object, &out.put, sizeof out.put, &error)); \
    SAYS(INVALID, "digest", function, options, (world.store, __VA_ARGS__, other, &out.put, sizeof out.put, &error));     \
    FINE(function, result_out, (world.store, __VA_ARGS__, NULL, NULL, 0, &error));                              \
    BAD(INVALID, function, result_size, (world.store, __VA_ARGS__, NULL, &out.put, 0, &error));                 \
    BAD(INVALID, function, result_size, (world.store, __VA_ARGS__, NULL, &out.put, TOO_LONG, &error))

#define TO_THE_END 0, UINT64_MAX
#define RESULT NULL, &out.put, sizeof out.put, &error

static void puts_of_memory(void)
{
    const hsm_store *store = world.store, *closed = world.closed;
    const hsm_id *id = &world.object;
    EVERY_PUT(hsm_object_put, "bytes", 5);
    BAD(INVALID, hsm_object_put, data, (store, NULL, 5, RESULT));
    BAD(INVALID, hsm_object_put, size, (store, "bytes", TOO_LONG, RESULT));
    BAD(INVALID, hsm_object_put, size, (store, "bytes", SIZE_MAX, RESULT));

    BAD(INVALID, hsm_object_put_empty, store, (NULL, RESULT));
    CLOSED(hsm_object_put_empty, store, (closed, RESULT));
    FINE(hsm_object_put_empty, options, (store, RESULT));
    BAD(NOT_FOUND, hsm_object_put_empty, options, (store, no_set, &out.put, sizeof out.put, &error));
    BAD(EXISTS, hsm_object_put_empty, options, (store, taken, &out.put, sizeof out.put, &error));
    FINE(hsm_object_put_empty, result_out, (store, NULL, NULL, 0, &error));
    BAD(INVALID, hsm_object_put_empty, result_size, (store, NULL, &out.put, 0, &error));
    BAD(INVALID, hsm_object_put_empty, result_size, (store, NULL, &out.put, 65537, &error));

    BAD(INVALID, hsm_object_put_at, store, (NULL, id, 0, "f", 1, 0, &out.put, sizeof out.put, &error));
    CLOSED(hsm_object_put_at, store, (closed, id, 0, "f", 1, 0, &out.put, sizeof out.put, &error));
    BAD(INVALID, hsm_object_put_at, id, (store, NULL, 0, "f", 1, 0, &out.put, sizeof out.put, &error));
    BAD(INVALID, hsm_object_put_at, id, (store, &zero, 0, "f", 1, 0, &out.put, sizeof out.put, &error));
    BAD(NOT_FOUND, hsm_object_put_at, id,
        (store, &world.unknown, 0, "f", 1, 0, &out.put, sizeof out.put, &error));
    BAD(INVALID, hsm_object_put_at, offset, (store, id, 12, "f", 1, 0, &out.put, sizeof out.put, &error));
    BAD(INVALID, hsm_object_put_at, offset, (store, id, UINT64_MAX, "f", 1, 0, &out.put, sizeof out.put, &error));
    BAD(INVALID, hsm_object_put_at, data, (store, id, 0, NULL, 1, 0, &out.put, sizeof out.put, &error));
    BAD(INVALID, hsm_object_put_at, size, (store, id, 0, "f", TOO_LONG, 0, &out.put, sizeof out.put, &error));
    BAD(INVALID, hsm_object_put_at, durability, (store, id, 0, "f", 1, 2, &out.put, sizeof out.put, &error));
    BAD(INVALID, hsm_object_put_at, durability, (store, id, 0, "f", 1, -1, &out.put, sizeof out.put, &error));
    FINE(hsm_object_put_at, result_out, (store, id, 0, "f", 1, 0, NULL, 0, &error));
    BAD(INVALID, hsm_object_put_at, result_size, (store, id, 0, "f", 1, 0, &out.put, 0, &error));
}

static void puts_of_files(const char *directory)
{
    const hsm_store *store = world.store;
    char path[4200], missing[4200];
    int fd, folder, pipes[2], closed_fd;
    FILE *file;
    snprintf(path, sizeof path, "%s/../input", directory);
    snprintf(missing, sizeof missing, "%s/../missing", directory);
    file = fopen(path, "wb");
    CHECK(file != NULL && fwrite("bytes", 1, 5, file) == 5 && fclose(file) == 0);
    fd = open(path, O_RDONLY);
    folder = open(directory, O_RDONLY);
    /* Far from those that the library opens, which would take a lower number that is free. */
    closed_fd = fcntl(fd, F_DUPFD, 700);
    CHECK(fd >= 0 && folder >= 0 && pipe(pipes) == 0 && close(closed_fd) == 0);

    EVERY_PUT(hsm_object_put_path, path, SIZE_MAX, TO_THE_END);
    BAD(INVALID, hsm_object_put_path, path, (store, NULL, SIZE_MAX, TO_THE_END, RESULT));
    BAD(INVALID, hsm_object_put_path, path, (store, "in\0put", 6, TO_THE_END, RESULT));
    SAYS(IO, "is a directory", hsm_object_put_path, path, (store, directory, SIZE_MAX, TO_THE_END, RESULT));
    SAYS(IO, "No such file", hsm_object_put_path, path, (store, missing, SIZE_MAX, TO_THE_END, RESULT));
    BAD(INVALID, hsm_object_put_path, path_length, (store, path, 0, TO_THE_END, RESULT));
    BAD(INVALID, hsm_object_put_path, path_length, (store, path, TOO_LONG, TO_THE_END, RESULT));
    FINE(hsm_object_put_path, offset, (store, path, SIZE_MAX, 6, UINT64_MAX, RESULT));
    BAD(INVALID, hsm_object_put_path, offset, (store, path, SIZE_MAX, UINT64_MAX, UINT64_MAX, RESULT));
    SAYS(INVALID, "ends 1 bytes before", hsm_object_put_path, offset, (store, path, SIZE_MAX, 6, 1, RESULT));
    BAD(INVALID, hsm_object_put_path, length, (store, path, SIZE_MAX, 0, 6, RESULT));
    BAD(INVALID, hsm_object_put_path, length, (store, path, SIZE_MAX, 1, UINT64_MAX - 1, RESULT));

    EVERY_PUT(hsm_object_put_fd, fd, TO_THE_END);
    BAD(INVALID, hsm_object_put_fd, fd, (store, -1, TO_THE_END, RESULT));
    BAD(IO, hsm_object_put_fd, fd, (store, closed_fd, TO_THE_END, RESULT));
    BAD(IO, hsm_object_put_fd, fd, (store, pipes[1], TO_THE_END, RESULT));
    SAYS(IO, "Is a directory", hsm_object_put_fd, fd, (store, folder, TO_THE_END, RESULT));
    BAD(INVALID, hsm_object_put_fd, offset, (store, fd, UINT64_MAX, UINT64_MAX, RESULT));
    SAYS(INVALID, "ends 1 bytes before", hsm_object_put_fd, offset, (store, fd, 6, 1, RESULT));
    BAD(INVALID, hsm_object_put_fd, offset, (store, pipes[0], 1, UINT64_MAX, RESULT));
    BAD(INVALID, hsm_object_put_fd, length, (store, fd, 0, 6, RESULT));
    CHECK(close(fd) == 0 && close(folder) == 0 && close(pipes[0]) == 0 && close(pipes[1]) == 0);

#define ADOPT(...) (__VA_ARGS__, NULL, NULL, &out.put, sizeof out.put, &error)
#define ADOPTS(options) (store, path, SIZE_MAX, 1, options, NULL, &out.put, sizeof out.put, &error)
    BAD(INVALID, hsm_object_adopt_path, store, ADOPT(NULL, path, SIZE_MAX, 1));
    CLOSED(hsm_object_adopt_path, store, ADOPT(world.closed, path, SIZE_MAX, 1));
    BAD(INVALID, hsm_object_adopt_path, path, ADOPT(store, NULL, SIZE_MAX, 1));
    BAD(INVALID, hsm_object_adopt_path, path, ADOPT(store, "in\0put", 6, 1));
    SAYS(INVALID, "no regular file", hsm_object_adopt_path, path, ADOPT(store, "/", SIZE_MAX, 1));
    SAYS(INVALID, "in the store itself", hsm_object_adopt_path, path, ADOPT(store, directory, SIZE_MAX, 1));
    SAYS(IO, "No such file", hsm_object_adopt_path, path, ADOPT(store, missing, SIZE_MAX, 1));
    BAD(INVALID, hsm_object_adopt_path, path_length, ADOPT(store, path, 0, 1));
    BAD(INVALID, hsm_object_adopt_path, path_length, ADOPT(store, path, TOO_LONG, 1));
    BAD(INVALID, hsm_object_adopt_path, how, ADOPT(store, path, SIZE_MAX, 4));
    BAD(INVALID, hsm_object_adopt_path, how, ADOPT(store, path, SIZE_MAX, -1));
    FINE(hsm_object_adopt_path, options, ADOPTS(NULL));
    BAD(NOT_FOUND, hsm_object_adopt_path, options, ADOPTS(no_tier));
    BAD(EXISTS, hsm_object_adopt_path, options, ADOPTS(taken));
    BAD(NOT_FOUND, hsm_object_adopt_path, options, ADOPTS(no_object));
    SAYS(INVALID, "digest", hsm_object_adopt_path, options, ADOPTS(other));
    FINE(hsm_object_adopt_path, adopted_out, (store, path, SIZE_MAX, 1, NULL, NULL, &out.put, sizeof out.put, &error));
    FINE(hsm_object_adopt_path, result_out, (store, path, SIZE_MAX, 1, NULL, NULL, NULL, 0, &error));
    BAD(INVALID, hsm_object_adopt_path, result_size, (store, path, SIZE_MAX, 1, NULL, NULL, &out.put, 0, &error));
}

static void puts_of_streams(void)
{
    const hsm_read_callback source = {nothing, NULL, destroy}, none = {NULL, NULL, NULL};
    const hsm_read_callback half = {NULL, NULL, destroy};
    const hsm_read_callback liar = {lie, NULL, destroy}, stopper = {stop, NULL, destroy};
    destroyed = 0;
    EVERY_PUT(hsm_object_put_stream, source);
    CHECK(destroyed == 11);
    BAD(INVALID, hsm_object_put_stream, source, (world.store, none, RESULT));
    BAD(INVALID, hsm_object_put_stream, source, (world.store, half, RESULT));
    SAYS(INVALID, "it read", hsm_object_put_stream, source, (world.store, liar, RESULT));
    BAD(CANCELLED, hsm_object_put_stream, source, (world.store, stopper, RESULT));
    CHECK(destroyed == 14);
}

static void progress(void)
{
    const hsm_progress_callback callback = {follow, NULL, destroy}, none = {NULL, NULL, NULL};
    const hsm_progress_callback half = {NULL, NULL, destroy};
    destroyed = 0;
    BAD(INVALID, hsm_store_with_progress, store, (NULL, callback, &made.store, &error));
    CLOSED(hsm_store_with_progress, store, (world.closed, callback, &made.store, &error));
    BAD(INVALID, hsm_store_with_progress, callback, (world.store, none, &made.store, &error));
    BAD(INVALID, hsm_store_with_progress, callback, (world.store, half, &made.store, &error));
    BAD(INVALID, hsm_store_with_progress, watched_out, (world.store, callback, NULL, &error));
    CHECK(destroyed == 4);
}

int main(int argc, char **argv)
{
    open_world(argc, argv);
    close_the_other();
    put_options();
    open_options();
    puts_of_memory();
    puts_of_files(argv[1]);
    puts_of_streams();
    free_options();
    progress();
    close_world();
    return 0;
}
