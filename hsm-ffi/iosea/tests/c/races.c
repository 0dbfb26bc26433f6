/*
 * Several write to one object: each has a place of its own in its content, keys of its own among its attributes, and fields of its
 * own in one record. What one wrote and was told of is never undone by another's change, in threads and in processes.
 */
#include "crowd.h"

#include <fcntl.h>

#define ONE "00000000-0000-0000-0000-000000000001"

enum { RACERS = 4, ROUNDS = 16, PLACE = 8, AHEAD = 4, TIERS = 3 };

static HestiaIoContext from_file(const char *path, const char *text, size_t offset)
{
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
    HestiaIoContext io = memory(NULL, 0, offset);
    io.m_type = HESTIA_IO_PATH;
    io.m_path = (char *)path;
    return io;
}

/* Writes a racer's place anew, in one of the ways to put behind an offset. */
static void write_place(int number, int round, const char *text)
{
    char path[32];
    HestiaId id = id_of(ONE);
    HestiaTier tier = tier_of((uint8_t)(round % TIERS)), *given = round % 2 == 0 ? &tier : NULL;
    size_t offset = AHEAD + (size_t)number * PLACE;
    snprintf(path, sizeof path, "from-%d", number);
    HestiaIoContext io = from_file(path, text, offset);
    int fds[2] = {-1, -1};
    switch (round % 4) {
    case 0:
        io = memory((char *)text, PLACE, offset);
        break;
    case 1:
        break;
    case 2:
        fds[0] = open(path, O_RDONLY);
        io.m_type = HESTIA_IO_DESCRIPTOR;
        io.m_fd = fds[0];
        break;
    default:
        io.m_type = HESTIA_IO_DESCRIPTOR;
        for (int code = HESTIA_ERROR_UNKNOWN; code != 0;) {
            CHECK(pipe(fds) == 0 && write(fds[1], text, PLACE) == PLACE && close(fds[1]) == 0);
            io.m_fd = fds[0];
            code = hestia_object_put(&id, HESTIA_UPDATE, &io, given);
            /* What came out of a pipe is gone: the caller is told, and does it anew. */
            CHECK(code == 0 || code == HESTIA_ERROR_UNKNOWN);
            CHECK(close(fds[0]) == 0);
        }
        return;
    }
    CHECK_OK(hestia_object_put(&id, HESTIA_UPDATE, &io, given));
    if (fds[0] >= 0)
        CHECK(lseek(fds[0], 0, SEEK_CUR) == PLACE && close(fds[0]) == 0);
}

static void check_place(int number, const char *wanted)
{
    char text[PLACE + 1] = "";
    HestiaId id = id_of(ONE);
    HestiaIoContext io = memory(text, PLACE, AHEAD + (size_t)number * PLACE);
    CHECK_OK(hestia_object_get(&id, &io, NULL));
    CHECK(strcmp(text, wanted) == 0);
}

/* The record of a user, which all change. */
static void write_field(int number, int round)
{
    char input[128];
    int length = snprintf(input, sizeof input, ONE "\n\nfield%d=%d\n", number, round);
    CHECK_OK(hestia_update(HESTIA_USER, HESTIA_IO_KEY_VALUE, HESTIA_ID, input, length, HESTIA_IO_NONE, NULL, NULL));
}

static void check_field(int number, int round)
{
    char *output = NULL, wanted[32];
    int length = 0;
    snprintf(wanted, sizeof wanted, "field%d=%d\n", number, round);
    CHECK_OK(hestia_read(HESTIA_USER, HESTIA_QUERY_IDS, HESTIA_ID, 0, 0, ONE, (int)strlen(ONE), HESTIA_IO_KEY_VALUE, &output,
                         &length, NULL));
    CHECK(output != NULL && strstr(output, wanted) != NULL);
    CHECK_OK(hestia_free_output(&output));
}

static void write_key(int number, int round)
{
    char key[16], value[16];
    HestiaId id = id_of(ONE);
    HestiaKeyValuePair pair = {key, value};
    snprintf(key, sizeof key, "key%d", number);
    snprintf(value, sizeof value, "%d", round);
    CHECK_OK(hestia_object_set_attrs(&id, &pair, 1));
}

static void check_key(int number, int round)
{
    char key[16], value[16];
    HestiaId id = id_of(ONE);
    HestiaObject object;
    int is_there = 0;
    snprintf(key, sizeof key, "key%d", number);
    snprintf(value, sizeof value, "%d", round);
    CHECK_OK(hestia_object_get_attrs(&id, &object));
    for (size_t at = 0; at < object.m_num_attrs; at++)
        if (strcmp(object.m_attrs[at].m_key, key) == 0)
            is_there = strcmp(object.m_attrs[at].m_value, value) == 0;
    CHECK(is_there);
    CHECK_OK(hestia_init_object(&object));
}

/* Of those that race to make one record, one is told that it did. */
static int made;

static void make_record(int number)
{
    (void)number;
    int code = hestia_create(HESTIA_NODE, HESTIA_IO_IDS, HESTIA_ID, ONE, (int)strlen(ONE), HESTIA_IO_NONE, NULL, NULL);
    CHECK(code == 0 || code == HESTIA_ERROR_ATTEMPTED_OVERWRITE);
    __sync_add_and_fetch(&made, code == 0);
}

static void race(int number)
{
    char text[PLACE + 1];
    for (int round = 0; round < ROUNDS; round++) {
        snprintf(text, sizeof text, "%d:%06d", number, round);
        write_place(number, round, text);
        check_place(number, text);
        write_field(number, round);
        check_field(number, round);
        write_key(number, round);
        check_key(number, round);
    }
}

static char content[AHEAD + RACERS * PLACE + 1] = "abcd";

static void begin(void)
{
    CHECK_OK(hestia_initialize(NULL, NULL, "{\"event_feed\": {\"active\": false}}"));
}

static void race_in_a_process(int number)
{
    begin();
    race(number);
    CHECK_OK(hestia_finish());
}

static void make_in_a_process(int number)
{
    (void)number;
    begin();
    put_text(ONE, HESTIA_CREATE, content, 0);
    CHECK_OK(hestia_create(HESTIA_USER, HESTIA_IO_IDS, HESTIA_ID, ONE, (int)strlen(ONE), HESTIA_IO_NONE, NULL, NULL));
    CHECK_OK(hestia_finish());
}

static void check_all(void)
{
    char text[PLACE + 1], ahead[AHEAD + 1] = "";
    HestiaId id = id_of(ONE);
    HestiaIoContext io = memory(ahead, AHEAD, 0);
    CHECK_OK(hestia_object_get(&id, &io, NULL));
    CHECK(strcmp(ahead, "abcd") == 0);
    for (int number = 0; number < RACERS; number++) {
        snprintf(text, sizeof text, "%d:%06d", number, ROUNDS - 1);
        check_place(number, text);
        check_field(number, ROUNDS - 1);
        check_key(number, ROUNDS - 1);
    }
}

int main(int count, char **arguments)
{
    CHECK(count == 2 && chdir(arguments[1]) == 0);
    memset(content + AHEAD, '.', RACERS * PLACE);
    /* First in processes: what the library has in memory stays in a forked child, which is a leak to memcheck. */
    in_processes(1, make_in_a_process);
    in_processes(RACERS, race_in_a_process);
    begin();
    check_all();
    put_text(ONE, HESTIA_UPDATE, content, 0);
    in_threads(RACERS, race);
    check_all();
    in_threads(RACERS, make_record);
    CHECK(made == 1);
    CHECK_OK(hestia_finish());
    return 0;
}
