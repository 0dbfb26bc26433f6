/* A caller that means no good, with text: any item, any format, and input that is cut, mixed and made up, in threads. No
 * crash, no leak, only codes of the header, and what is answered always ends with a NUL. */
#include "check.h"

#include <pthread.h>
#include <unistd.h>

enum { THREADS = 3, CALLS = 250, SIZE = 512 };

typedef struct {
    uint64_t state;
    unsigned long codes[HESTIA_ERROR_COUNT];
} Caller;

static uint64_t draw(Caller *caller, uint64_t below)
{
    caller->state ^= caller->state << 13;
    caller->state ^= caller->state >> 7;
    caller->state ^= caller->state << 17;
    return caller->state % below;
}

/* Pieces of what is right, joined at random. */
static int any_input(Caller *caller, char *input)
{
    static const char *const pieces[] = {
        "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002", "\n", "\n\n", ",", "=", "0", "1:0",
        "user_metadata.data.k=v\n", "data.k=v\n", "name=n", "dataset.id=", "{\"id\": \"00000000-0000-0000-0000-000000000003\"}",
        "[", "]", "{}", "[{\"data\": {\"a\": [1, null]}}]", "action=copy_data\nsource_tier=0\ntarget_tier=1\nsubject_key=", "\xff",
        "capacity=1", "00000000-0000-0000-0000-000000000001:0",
    };
    int length = 0;
    input[0] = 0;
    for (uint64_t count = draw(caller, 5); count > 0; count--)
        length += snprintf(input + length, SIZE - (size_t)length, "%s", pieces[draw(caller, sizeof pieces / sizeof pieces[0])]);
    return length;
}

static int call(Caller *caller)
{
    char input[SIZE], *output = NULL, buffer[64];
    int length = any_input(caller, input), output_length = 0, count = 0, exists = 0, code;
    hestia_item_t item = (hestia_item_t)draw(caller, 9);
    hestia_id_format_t ids = (hestia_id_format_t)(draw(caller, 20) == 0 ? 99 : draw(caller, 16));
    hestia_io_format_t in = (hestia_io_format_t)draw(caller, 8), out = (hestia_io_format_t)draw(caller, 17);
    static const char *const oids[] = {"00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002", "", NULL};
    const char *oid = oids[draw(caller, 4)];
    size_t size = draw(caller, sizeof buffer + 1), offset = draw(caller, 3) == 0 ? SIZE_MAX - draw(caller, 70) : draw(caller, 9);
    uint8_t tier = (uint8_t)draw(caller, 6);
    char **activity = draw(caller, 4) == 0 ? &output : NULL;
    memset(buffer, 'x', sizeof buffer);
    if (draw(caller, 30) == 0)
        length = -1;
    switch (draw(caller, 9)) {
    case 0:
    case 1:
        code = hestia_create(item, in, ids, input, length, out, &output, &output_length);
        break;
    case 2:
        code = hestia_update(item, in, ids, input, length, out, &output, &output_length);
        break;
    case 3:
    case 4:
        code = hestia_read(item, (hestia_query_format_t)draw(caller, 4), ids, (int)draw(caller, 4) - 1, (int)draw(caller, 5),
                           input, length, out, &output, &output_length, &count);
        CHECK(code != 0 || count >= 0);
        break;
    case 5:
        /* Tiers stay, so that there is something to work with. */
        code = item == HESTIA_TIER ? 0 : hestia_remove(item, ids, input, length);
        break;
    case 6:
        code = hestia_identify(item, ids, input, length, NULL, &output_length, &exists);
        break;
    case 7:
        code = draw(caller, 2) == 0 ? hestia_data_put(oid, buffer, size, offset, tier, activity, &output_length)
                                    : hestia_data_get(oid, buffer, &size, offset, tier, activity, &output_length);
        CHECK(size <= sizeof buffer);
        break;
    default:
        code = draw(caller, 2) == 0 ? hestia_data_copy(item, oid, tier, (uint8_t)draw(caller, 6), activity, &output_length)
                                    : hestia_data_release(item, oid, tier, activity, &output_length);
    }
    CHECK(output == NULL || strlen(output) == (size_t)output_length);
    CHECK_OK(hestia_free_output(&output));
    return code;
}

static void *call_many(void *argument)
{
    Caller *caller = argument;
    for (int index = 0; index < CALLS; index++) {
        int code = call(caller);
        CHECK(code >= 0 && code < HESTIA_ERROR_COUNT && code != HESTIA_ERROR_CLIENT_STATE);
        caller->codes[code]++;
    }
    return NULL;
}

int main(int count, char **arguments)
{
    Caller callers[THREADS];
    pthread_t threads[THREADS];
    unsigned long codes[HESTIA_ERROR_COUNT] = {0};
    CHECK(count == 2 && chdir(arguments[1]) == 0);
    CHECK_OK(hestia_initialize(NULL, NULL, "{\"event_feed\": {\"active\": false}}"));
    for (int index = 0; index < THREADS; index++) {
        memset(&callers[index], 0, sizeof callers[index]);
        callers[index].state = 0x9e3779b97f4a7c15u * (uint64_t)(index + 1);
        CHECK(pthread_create(&threads[index], NULL, call_many, &callers[index]) == 0);
    }
    for (int index = 0; index < THREADS; index++) {
        CHECK(pthread_join(threads[index], NULL) == 0);
        for (int code = 0; code < HESTIA_ERROR_COUNT; code++)
            codes[code] += callers[index].codes[code];
    }
    /* What is right was met, and what is wrong in each way that needs no luck. */
    CHECK(codes[HESTIA_ERROR_OK] > 0 && codes[HESTIA_ERROR_NOT_FOUND] > 0);
    CHECK(codes[HESTIA_ERROR_BAD_INPUT_ID] > 0 && codes[HESTIA_ERROR_BAD_INPUT_BUFFER] > 0);
    CHECK_OK(hestia_finish());
    return 0;
}
