/* Bad input: gets, readers, moves between tiers, removals. */
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

static int32_t take(void *user_data, const void *data, size_t size)
{
    (void)user_data;
    (void)data;
    (void)size;
    return 0;
}

static int32_t stop(void *user_data, const void *data, size_t size)
{
    return take(user_data, data, size) + 7;
}

/* What every get is asked: its own arguments stand behind the tier. */
#define EVERY_GET(function, ...)                                          \
    BAD(INVALID, function, store, (NULL, id, -1, __VA_ARGS__));           \
    CLOSED(function, store, (world.closed, id, -1, __VA_ARGS__));         \
    BAD(INVALID, function, id, (store, NULL, -1, __VA_ARGS__));           \
    BAD(INVALID, function, id, (store, &zero, -1, __VA_ARGS__));          \
    BAD(NOT_FOUND, function, id, (store, &world.unknown, -1, __VA_ARGS__)); \
    BAD(NOT_FOUND, function, id, (store, empty, -1, __VA_ARGS__));        \
    BAD(NOT_FOUND, function, tier, (store, id, 1, __VA_ARGS__));          \
    BAD(NOT_FOUND, function, tier, (store, id, 77, __VA_ARGS__));         \
    BAD(INVALID, function, tier, (store, id, -2, __VA_ARGS__));           \
    BAD(INVALID, function, tier, (store, id, 256, __VA_ARGS__))

static void gets_of_objects(const char *directory, const hsm_id *empty)
{
    const hsm_store *store = world.store;
    const hsm_id *id = &world.object;
    const hsm_write_callback target = {take, NULL, destroy}, none = {NULL, NULL, NULL};
    const hsm_write_callback half = {NULL, NULL, destroy}, stopper = {stop, NULL, destroy};
    char path[4200], lost[4200];
    int fd, reading, folder, closed_fd;
    snprintf(path, sizeof path, "%s/../output", directory);
    snprintf(lost, sizeof lost, "%s/../missing/output", directory);
    fd = open(path, O_RDWR | O_CREAT, 0600);
    reading = open(path, O_RDONLY);
    folder = open(directory, O_RDONLY);
    /* Far from those that the library opens, which would take a lower number that is free. */
    closed_fd = fcntl(fd, F_DUPFD, 700);
    CHECK(fd >= 0 && reading >= 0 && folder >= 0 && close(closed_fd) == 0);

    EVERY_GET(hsm_object_get, 0, out.buffer, 99, &out.length, &error);
    FINE(hsm_object_get, offset, (store, id, -1, 12, out.buffer, 99, &out.length, &error));
    FINE(hsm_object_get, offset, (store, id, -1, UINT64_MAX, out.buffer, 99, &out.length, &error));
    BAD(INVALID, hsm_object_get, buffer, (store, id, -1, 0, NULL, 99, &out.length, &error));
    BAD(INVALID, hsm_object_get, size, (store, id, -1, 0, out.buffer, TOO_LONG, &out.length, &error));
    BAD(INVALID, hsm_object_get, read_out, (store, id, -1, 0, out.buffer, 99, NULL, &error));

    EVERY_GET(hsm_object_get_path, path, SIZE_MAX, &out.number, &error);
    BAD(INVALID, hsm_object_get_path, path, (store, id, -1, NULL, SIZE_MAX, &out.number, &error));
    BAD(INVALID, hsm_object_get_path, path, (store, id, -1, "out\0put", 7, &out.number, &error));
    SAYS(IO, "Is a directory", hsm_object_get_path, path, (store, id, -1, directory, SIZE_MAX, &out.number, &error));
    SAYS(IO, "No such file", hsm_object_get_path, path, (store, id, -1, lost, SIZE_MAX, &out.number, &error));
    BAD(INVALID, hsm_object_get_path, path_length, (store, id, -1, path, 0, &out.number, &error));
    BAD(INVALID, hsm_object_get_path, path_length, (store, id, -1, path, TOO_LONG, &out.number, &error));
    FINE(hsm_object_get_path, size_bytes_out, (store, id, -1, path, SIZE_MAX, NULL, &error));

    EVERY_GET(hsm_object_get_fd, fd, &out.number, &error);
    BAD(INVALID, hsm_object_get_fd, fd, (store, id, -1, -1, &out.number, &error));
    BAD(IO, hsm_object_get_fd, fd, (store, id, -1, closed_fd, &out.number, &error));
    BAD(IO, hsm_object_get_fd, fd, (store, id, -1, reading, &out.number, &error));
    BAD(IO, hsm_object_get_fd, fd, (store, id, -1, folder, &out.number, &error));
    FINE(hsm_object_get_fd, size_bytes_out, (store, id, -1, fd, NULL, &error));

    destroyed = 0;
    EVERY_GET(hsm_object_get_stream, target, &out.number, &error);
    CHECK(destroyed == 10);
    BAD(INVALID, hsm_object_get_stream, target, (store, id, -1, none, &out.number, &error));
    BAD(INVALID, hsm_object_get_stream, target, (store, id, -1, half, &out.number, &error));
    BAD(CANCELLED, hsm_object_get_stream, target, (store, id, -1, stopper, &out.number, &error));
    FINE(hsm_object_get_stream, size_bytes_out, (store, id, -1, target, NULL, &error));
    CHECK(destroyed == 13);
    CHECK(close(fd) == 0 && close(reading) == 0 && close(folder) == 0);
}

static void readers(const hsm_id *empty, hsm_reader *closed)
{
    const hsm_store *store = world.store;
    const hsm_id *id = &world.object;
    hsm_reader *reader = NULL;
    PLAIN(hsm_reader_free, reader, (hsm_reader_free(NULL), 1));
    EVERY_GET(hsm_reader_open, &made.reader, &error);
    BAD(INVALID, hsm_reader_open, reader_out, (store, id, -1, NULL, &error));
    CHECK_OK(hsm_reader_open(store, id, -1, &reader, &error));
    BAD(INVALID, hsm_reader_object, reader, (NULL, &out.lent, &error));
    CLOSED(hsm_reader_object, reader, (closed, &out.lent, &error));
    BAD(INVALID, hsm_reader_object, object_out, (reader, NULL, &error));
    BAD(INVALID, hsm_reader_read, reader, (NULL, out.buffer, 9, &out.length, &error));
    CLOSED(hsm_reader_read, reader, (closed, out.buffer, 9, &out.length, &error));
    BAD(INVALID, hsm_reader_read, buffer, (reader, NULL, 9, &out.length, &error));
    BAD(INVALID, hsm_reader_read, size, (reader, out.buffer, 0, &out.length, &error));
    BAD(INVALID, hsm_reader_read, size, (reader, out.buffer, TOO_LONG, &out.length, &error));
    BAD(INVALID, hsm_reader_read, read_out, (reader, out.buffer, 9, NULL, &error));
    BAD(INVALID, hsm_reader_read_at, reader, (NULL, 0, out.buffer, 9, &out.length, &error));
    CLOSED(hsm_reader_read_at, reader, (closed, 0, out.buffer, 9, &out.length, &error));
    FINE(hsm_reader_read_at, offset, (reader, 12, out.buffer, 9, &out.length, &error));
    BAD(INVALID, hsm_reader_read_at, buffer, (reader, 0, NULL, 9, &out.length, &error));
    BAD(INVALID, hsm_reader_read_at, size, (reader, 0, out.buffer, TOO_LONG, &out.length, &error));
    BAD(INVALID, hsm_reader_read_at, read_out, (reader, 0, out.buffer, 9, NULL, &error));
    hsm_reader_free(reader);
}

/* What every call on an object is asked: its own arguments stand behind the id. */
#define EVERY_CHANGE(function, ...)                                    \
    BAD(INVALID, function, store, (NULL, id, __VA_ARGS__));            \
    CLOSED(function, store, (world.closed, id, __VA_ARGS__));          \
    BAD(INVALID, function, id, (store, NULL, __VA_ARGS__));            \
    BAD(INVALID, function, id, (store, &zero, __VA_ARGS__));           \
    BAD(NOT_FOUND, function, id, (store, &world.unknown, __VA_ARGS__))

static void transfers(void)
{
    const hsm_store *store = world.store;
    const hsm_id *id = &world.object;
    EVERY_CHANGE(hsm_object_copy, -1, 1, &out.position, &error);
    BAD(INVALID, hsm_object_copy, source, (store, id, -2, 1, &out.position, &error));
    BAD(NOT_FOUND, hsm_object_copy, source, (store, id, 2, 1, &out.position, &error));
    BAD(INVALID, hsm_object_copy, target, (store, id, -1, -1, &out.position, &error));
    BAD(INVALID, hsm_object_copy, target, (store, id, -1, 256, &out.position, &error));
    BAD(NOT_FOUND, hsm_object_copy, target, (store, id, -1, 77, &out.position, &error));
    EVERY_CHANGE(hsm_object_move, 0, 1, &out.position, &error);
    BAD(INVALID, hsm_object_move, source, (store, id, -1, 1, &out.position, &error));
    BAD(NOT_FOUND, hsm_object_move, source, (store, id, 2, 1, &out.position, &error));
    BAD(INVALID, hsm_object_move, target, (store, id, 0, -1, &out.position, &error));
    BAD(INVALID, hsm_object_move, target, (store, id, 0, 0, &out.position, &error));
    BAD(NOT_FOUND, hsm_object_move, target, (store, id, 0, 77, &out.position, &error));
    EVERY_CHANGE(hsm_object_recall, 1, &out.position, &error);
    BAD(INVALID, hsm_object_recall, target, (store, id, -1, &out.position, &error));
    BAD(NOT_FOUND, hsm_object_recall, target, (store, id, 77, &out.position, &error));
    FINE(hsm_object_recall, position_out, (store, id, 0, NULL, &error));
    EVERY_CHANGE(hsm_object_release, 0, 0, &out.position, &error);
    BAD(INVALID, hsm_object_release, tier, (store, id, -1, 0, &out.position, &error));
    FINE(hsm_object_release, tier, (store, id, 2, 0, &out.position, &error));
    BAD(REFUSED, hsm_object_release, force, (store, id, 0, 0, &out.position, &error));
    BAD(INVALID, hsm_object_release, force, (store, id, 0, 2, &out.position, &error));
    EVERY_CHANGE(hsm_object_verify, 0, &out.position, &error);
    BAD(INVALID, hsm_object_verify, tier, (store, id, -1, &out.position, &error));
    BAD(NOT_FOUND, hsm_object_verify, tier, (store, id, 2, &out.position, &error));
    FINE(hsm_object_verify, position_out, (store, id, 0, NULL, &error));
    FINE(hsm_object_copy, position_out, (store, id, -1, 1, NULL, &error));
    FINE(hsm_object_move, position_out, (store, id, 1, 2, NULL, &error));
    FINE(hsm_object_release, position_out, (store, id, 2, 0, NULL, &error));
}

/* What both calls for many objects are asked. */
#define EVERY_MANY(function)                                                                       \
    BAD(INVALID, function, store, (NULL, ids, 1, 0, 1, out.statuses, &error));                     \
    CLOSED(function, store, (world.closed, ids, 1, 0, 1, out.statuses, &error));                   \
    BAD(INVALID, function, ids, (world.store, NULL, 1, 0, 1, out.statuses, &error));               \
    BAD(INVALID, function, ids, (world.store, &zero, 1, 0, 1, out.statuses, &error));              \
    BAD(INVALID, function, count, (world.store, ids, TOO_LONG, 0, 1, out.statuses, &error));       \
    BAD(INVALID, function, source, (world.store, ids, 1, -2, 1, out.statuses, &error));            \
    BAD(INVALID, function, target, (world.store, ids, 1, 0, -1, out.statuses, &error));            \
    BAD(INVALID, function, target, (world.store, ids, 1, 0, 256, out.statuses, &error));           \
    FINE(function, statuses_out, (world.store, ids, 0, 0, 1, NULL, &error));                       \
    BAD(NOT_FOUND, function, ids, (world.store, ids + 1, 1, 0, 1, NULL, &error))

static int count_delivery(void *user_data, const hsm_delivery *delivery, size_t size)
{
    (void)size;
    (void)delivery;
    return *(int *)user_data;
}

static void count_end(void *user_data)
{
    (void)user_data;
    destroyed++;
}

/* What both calls that read many objects are asked; each gives its user_data back. */
#define EVERY_GET_OF_MANY(function, which, ...)                                                    \
    BAD(INVALID, function, store, (NULL, __VA_ARGS__, -1, target, &error));                        \
    CLOSED(function, store, (world.closed, __VA_ARGS__, -1, target, &error));                      \
    BAD(INVALID, function, tier, (world.store, __VA_ARGS__, -2, target, &error));                  \
    BAD(INVALID, function, tier, (world.store, __VA_ARGS__, 256, target, &error));                 \
    BAD(INVALID, function, target, (world.store, __VA_ARGS__, -1, none, &error));                  \
    BAD(INVALID, function, target, (world.store, __VA_ARGS__, -1, half, &error));                  \
    BAD(CANCELLED, function, target, (world.store, __VA_ARGS__, -1, stopper, &error))

static void gets_of_many(void)
{
    static int go_on = 0, stop = 7;
    const hsm_delivery_callback target = {count_delivery, &go_on, count_end}, none = {NULL, NULL, NULL};
    const hsm_delivery_callback half = {NULL, &go_on, count_end}, stopper = {count_delivery, &stop, count_end};
    destroyed = 0;
    EVERY_GET_OF_MANY(hsm_objects_get, ids, &world.object, 1);
    BAD(INVALID, hsm_objects_get, ids, (world.store, NULL, 1, -1, target, &error));
    BAD(INVALID, hsm_objects_get, ids, (world.store, &zero, 1, -1, target, &error));
    BAD(INVALID, hsm_objects_get, count, (world.store, &world.object, TOO_LONG, -1, target, &error));
    FINE(hsm_objects_get, ids, (world.store, NULL, 0, -1, target, &error));
    CHECK(destroyed == 10);
    EVERY_GET_OF_MANY(hsm_objects_get_all, query, NULL);
    FINE(hsm_objects_get_all, query, (world.store, NULL, -1, target, &error));
    CHECK(destroyed == 17);
}

/* What both calls that read into a directory are asked. */
#define EVERY_GET_INTO(function, ...)                                                                             \
    BAD(INVALID, function, store, (NULL, __VA_ARGS__, -1, into, SIZE_MAX, none, &out.got, sizeof out.got, &error)); \
    CLOSED(function, store,                                                                                       \
           (world.closed, __VA_ARGS__, -1, into, SIZE_MAX, none, &out.got, sizeof out.got, &error));              \
    BAD(INVALID, function, tier,                                                                                  \
        (world.store, __VA_ARGS__, -2, into, SIZE_MAX, none, &out.got, sizeof out.got, &error));                  \
    BAD(INVALID, function, tier,                                                                                  \
        (world.store, __VA_ARGS__, 256, into, SIZE_MAX, none, &out.got, sizeof out.got, &error));                 \
    BAD(INVALID, function, directory,                                                                             \
        (world.store, __VA_ARGS__, -1, NULL, 4, none, &out.got, sizeof out.got, &error));                         \
    BAD(INVALID, function, directory,                                                                             \
        (world.store, __VA_ARGS__, -1, "in\0to", 5, none, &out.got, sizeof out.got, &error));                     \
    BAD(IO, function, directory,                                                                                  \
        (world.store, __VA_ARGS__, -1, file, SIZE_MAX, none, &out.got, sizeof out.got, &error));                  \
    BAD(INVALID, function, directory_length,                                                                      \
        (world.store, __VA_ARGS__, -1, into, 0, none, &out.got, sizeof out.got, &error));                         \
    BAD(INVALID, function, directory_length,                                                                      \
        (world.store, __VA_ARGS__, -1, into, TOO_LONG, none, &out.got, sizeof out.got, &error));                  \
    BAD(INVALID, function, failed,                                                                                \
        (world.store, __VA_ARGS__, -1, into, SIZE_MAX, half, &out.got, sizeof out.got, &error));                  \
    BAD(INVALID, function, got_size, (world.store, __VA_ARGS__, -1, into, SIZE_MAX, none, &out.got, 0, &error));  \
    BAD(INVALID, function, got_size,                                                                              \
        (world.store, __VA_ARGS__, -1, into, SIZE_MAX, none, &out.got, TOO_LONG, &error));                        \
    FINE(function, got_out, (world.store, __VA_ARGS__, -1, into, SIZE_MAX, none, NULL, 0, &error))

static void gets_into(const char *directory)
{
    static int go_on = 0, stop = 7;
    const hsm_delivery_callback none = {NULL, NULL, NULL}, half = {NULL, &go_on, count_end};
    const hsm_delivery_callback stopper = {count_delivery, &stop, count_end};
    static char into[4096], file[4096];
    snprintf(into, sizeof into, "%s-into", directory);
    snprintf(file, sizeof file, "%s/HSM-STORE", directory);
    destroyed = 0;
    EVERY_GET_INTO(hsm_objects_get_into, &world.object, 1);
    BAD(INVALID, hsm_objects_get_into, ids, (world.store, NULL, 1, -1, into, SIZE_MAX, none, NULL, 0, &error));
    BAD(INVALID, hsm_objects_get_into, ids, (world.store, &zero, 1, -1, into, SIZE_MAX, none, NULL, 0, &error));
    BAD(INVALID, hsm_objects_get_into, count,
        (world.store, &world.object, TOO_LONG, -1, into, SIZE_MAX, none, NULL, 0, &error));
    BAD(CANCELLED, hsm_objects_get_into, failed,
        (world.store, &world.unknown, 1, -1, into, SIZE_MAX, stopper, NULL, 0, &error));
    CHECK(destroyed == 2);
    EVERY_GET_INTO(hsm_objects_get_all_into, NULL);
    FINE(hsm_objects_get_all_into, query, (world.store, NULL, -1, into, SIZE_MAX, none, NULL, 0, &error));
}

static void many(void)
{
    hsm_id ids[2];
    ids[0] = world.object;
    ids[1] = world.unknown;
    EVERY_MANY(hsm_objects_copy);
    EVERY_MANY(hsm_objects_move);
    CHECK_STATUS(hsm_objects_copy(world.store, ids, 2, 0, 77, out.statuses, &error), HSM_STATUS_NOT_FOUND);
}

static void removals(const hsm_id *removed)
{
    const hsm_store *store = world.store;
    const hsm_id *id = &world.object;
    EVERY_CHANGE(hsm_object_remove, &out.position, &error);
    FINE(hsm_object_remove, position_out, (store, removed, NULL, &error));
    BAD(NOT_FOUND, hsm_object_remove, id, (store, removed, &out.position, &error));
    EVERY_CHANGE(hsm_object_undelete, &error);
    BAD(NOT_FOUND, hsm_object_undelete, id, (store, id, &error));
    EVERY_CHANGE(hsm_object_purge, &out.position, &error);
    FINE(hsm_object_purge, position_out, (store, removed, NULL, &error));
    BAD(NOT_FOUND, hsm_object_undelete, id, (store, removed, &error));
}

int main(int argc, char **argv)
{
    hsm_reader *reader = NULL;
    hsm_put_result empty;
    open_world(argc, argv);
    CHECK_OK(hsm_object_put_empty(world.store, NULL, &empty, sizeof empty, &error));
    look_at_store(&world.position, &world.listed, &world.sum);
    CHECK_OK(hsm_reader_open(world.closed, &world.object, -1, &reader, &error));
    close_the_other();
    gets_of_objects(argv[1], &empty.id);
    readers(&empty.id, reader);
    gets_of_many();
    gets_into(argv[1]);
    transfers();
    many();
    removals(&empty.id);
    hsm_reader_free(reader);
    close_world();
    return 0;
}
