/* A caller that means no good: threads that pass anything at all. No crash, no leak, and only codes of the header. What is
 * right in itself answers what it must. */
#include "check.h"

#include <pthread.h>
#include <unistd.h>

enum { THREADS = 4, CALLS = 400, OBJECTS = 12, KINDS = 12 };

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

static void fill(Caller *caller, void *record, size_t size)
{
    static const unsigned char patterns[] = {0, 1, 2, 0x7f, 0xa5, 0xff};
    memset(record, patterns[draw(caller, sizeof patterns)], size);
}

/* A hexadecimal id, one in numbers, or something that is none; `text` is 64 bytes. */
static HestiaId any_id(Caller *caller, char *text)
{
    HestiaId id;
    uint64_t number = 1 + draw(caller, OBJECTS);
    fill(caller, &id, sizeof id);
    switch (draw(caller, 8)) {
    case 0: /* as it is */
        return id;
    case 1:
        hestia_init_id(&id);
        id.m_uuid = (char *)(uintptr_t)draw(caller, 4096);
        return id;
    case 2:
        hestia_init_id(&id);
        snprintf(text, 64, "%lu", (unsigned long)number);
        id.m_uuid = text;
        return id;
    case 3:
    case 4:
        hestia_init_id(&id);
        id.m_lo = number;
        return id;
    default:
        hestia_init_id(&id);
        snprintf(text, 64, "00000000-0000-0000-0000-%012lX", (unsigned long)number);
        id.m_uuid = text;
        return id;
    }
}

static size_t any_size(Caller *caller)
{
    static const size_t sizes[] = {0, 1, 4095, 4096, 70000, SIZE_MAX, SIZE_MAX / 2, (size_t)1 << 62};
    return sizes[draw(caller, sizeof sizes / sizeof sizes[0])];
}

static uint8_t any_tier(Caller *caller)
{
    return (uint8_t)(draw(caller, 6) == 0 ? draw(caller, 256) : draw(caller, 5));
}

static HestiaIoContext any_io(Caller *caller, char *buffer, size_t size, int is_put)
{
    HestiaIoContext io;
    fill(caller, &io, sizeof io);
    io.m_offset = draw(caller, 3) == 0 ? any_size(caller) : 0;
    io.m_length = any_size(caller);
    switch (draw(caller, 6)) {
    case 0:
        io.m_type = HESTIA_IO_EMPTY;
        break;
    case 1:
        io.m_type = HESTIA_IO_PATH;
        io.m_path = draw(caller, 4) == 0 ? NULL : is_put ? "input" : "/dev/null";
        break;
    case 2:
        io.m_type = HESTIA_IO_DESCRIPTOR;
        io.m_fd = 100000 + (int)draw(caller, 1000);
        break;
    case 3:
        io.m_type = (hestia_io_type_t)(4 + draw(caller, 100));
        break;
    default:
        /* A length within the buffer: what is beyond it nobody can know. */
        io.m_type = HESTIA_IO_BUFFER;
        io.m_buffer = draw(caller, 8) == 0 ? NULL : buffer;
        io.m_length = draw(caller, size + 1);
    }
    return io;
}

static int call(Caller *caller, char *buffer, size_t size)
{
    char text[64];
    HestiaId id = any_id(caller, text), *ids;
    HestiaTier tier, *given = draw(caller, 3) == 0 ? NULL : &tier;
    HestiaObject object;
    HestiaKeyValuePair pairs[2] = {{"hint", "0,1"}, {draw(caller, 4) == 0 ? NULL : "key", ""}};
    HestiaIoContext io;
    uint8_t *tiers;
    size_t count;
    int code;
    fill(caller, &tier, sizeof tier);
    if (draw(caller, 2) == 0) {
        hestia_init_tier(&tier);
        tier.m_index = any_tier(caller);
    }
    fill(caller, &object, sizeof object);
    fill(caller, &ids, sizeof ids);
    fill(caller, &tiers, sizeof tiers);
    fill(caller, &count, sizeof count);
    switch (draw(caller, KINDS)) {
    case 0:
    case 1:
    case 2: {
        io = any_io(caller, buffer, size, 1);
        int is_drawn = id.m_user_initialized != 2;
        code = hestia_object_put(&id, (hestia_create_mode_t)draw(caller, 3), &io, given);
        if (code == 0 && is_drawn) {
            CHECK(id.m_user_initialized == 2 && strlen(id.m_uuid) == 36);
            CHECK_OK(hestia_object_get_attrs(&id, &object));
            CHECK_OK(hestia_init_object(&object));
            CHECK_OK(hestia_object_remove(&id));
        }
        CHECK_OK(hestia_free_id(&id));
        return code;
    }
    case 3:
    case 4:
        io = any_io(caller, buffer, size, 0);
        return hestia_object_get(&id, &io, given);
    case 5:
        code = hestia_object_get_attrs(&id, &object);
        CHECK(code != 0 || (object.m_valid == 1 && strlen(object.m_uuid) == 36));
        CHECK_OK(hestia_init_object(&object));
        return code;
    case 6:
        return hestia_object_set_attrs(&id, draw(caller, 5) == 0 ? NULL : pairs, draw(caller, 3));
    case 7:
        return hestia_object_copy(&id, any_tier(caller), any_tier(caller));
    case 8:
        return hestia_object_move(&id, any_tier(caller), any_tier(caller));
    case 9:
        return draw(caller, 4) == 0 ? hestia_object_remove(&id)
                                    : hestia_object_release(&id, any_tier(caller), (int)draw(caller, 2));
    case 10:
        code = hestia_object_locate(&id, &tiers, &count);
        CHECK_OK(hestia_free_tier_ids(&tiers));
        return code;
    default:
        code = hestia_object_list(any_tier(caller), &ids, &count);
        CHECK_OK(hestia_free_ids(&ids, count));
        return code;
    }
}

static void *call_many(void *argument)
{
    Caller *caller = argument;
    enum { SIZE = 70000 };
    char *buffer = malloc(SIZE);
    CHECK(buffer != NULL);
    memset(buffer, 'b', SIZE);
    for (int index = 0; index < CALLS; index++) {
        int code = call(caller, buffer, SIZE);
        CHECK(code >= 0 && code < HESTIA_ERROR_COUNT && code != HESTIA_ERROR_CLIENT_STATE);
        caller->codes[code]++;
    }
    free(buffer);
    return NULL;
}

/* After all that, a thousand objects go in and come out, each once. */
static void a_thousand_objects_are_listed_once(void)
{
    enum { THOUSAND = 1000 };
    HestiaTier tier = tier_of(3);
    HestiaId *ids = NULL;
    size_t before = 0, count = 0;
    CHECK_OK(hestia_object_list(3, &ids, &before));
    CHECK_OK(hestia_free_ids(&ids, before));
    for (uint64_t number = 0; number < THOUSAND; number++) {
        HestiaId id = id_of(NULL);
        id.m_hi = UINT64_MAX;
        id.m_lo = number;
        HestiaIoContext io = memory(&number, sizeof number, 0);
        CHECK_OK(hestia_object_put(&id, HESTIA_CREATE, &io, &tier));
    }
    CHECK_OK(hestia_object_list(3, &ids, &count));
    CHECK(count == before + THOUSAND);
    for (uint64_t number = 0; number < THOUSAND; number++) {
        uint64_t back = 0;
        HestiaId *id = &ids[before + number];
        HestiaIoContext io = memory(&back, sizeof back, 0);
        CHECK(id->m_hi == UINT64_MAX && id->m_lo == number);
        CHECK_OK(hestia_object_get(id, &io, NULL));
        CHECK(io.m_length == sizeof back && back == number);
    }
    CHECK_OK(hestia_free_ids(&ids, count));
}

int main(int count, char **arguments)
{
    Caller callers[THREADS];
    pthread_t threads[THREADS];
    unsigned long codes[HESTIA_ERROR_COUNT] = {0};
    CHECK(count == 2 && chdir(arguments[1]) == 0);
    FILE *input = fopen("input", "w");
    CHECK(input != NULL && fputs("from a file", input) >= 0 && fclose(input) == 0);
    /* Without the file of events, which costs a sync a call. */
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
    /* Each way to answer was met. */
    for (int code = 0; code < HESTIA_ERROR_COUNT; code++)
        CHECK(codes[code] > 0 || code == HESTIA_ERROR_CLIENT_STATE);
    a_thousand_objects_are_listed_once();
    CHECK_OK(hestia_finish());
    return 0;
}
