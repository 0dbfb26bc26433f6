/* What calls are given: ids, positions, text, bytes, numbers and descriptors, most of them sensible, some not. */
#ifndef VALUES_H
#define VALUES_H

#include "places.h"

#include <fcntl.h>
#include <hsm.h>

#define SEEN_MAX 32

/* Ids that calls put out. */
struct ids {
    hsm_id at[SEEN_MAX];
    size_t count;
};

static struct ids objects, datasets, actions;

static void see_id(struct ids *ids, const hsm_id *id)
{
    ids->at[ids->count++ % SEEN_MAX] = *id;
}

static hsm_id some_id(const struct ids *ids)
{
    hsm_id id = {{0}};
    size_t count = ids->count < SEEN_MAX ? ids->count : SEEN_MAX;
    if (count > 0 && chance(94)) {
        id = ids->at[chance(40) ? (ids->count - 1) % SEEN_MAX : below(count)];
    } else if (chance(80)) {
        memset(&id, (int)below(4), sizeof id);
        id.bytes[15] = (uint8_t)below(4);
    }
    return id;
}

/* An id, or NULL. */
static const hsm_id *pick_id(struct ids *ids, hsm_id *id)
{
    if (chance(3)) {
        trace("NULL");
        return NULL;
    }
    *id = some_id(chance(3) ? (ids == &objects ? &datasets : &objects) : ids);
    trace("id ");
    for (int i = 0; i < 16; i++)
        trace("%02x", id->bytes[i]);
    return id;
}

/* Many ids in one block, as long as they are. */
static hsm_id *pick_ids(struct ids *ids, size_t *count)
{
    static const size_t wrong[] = {SIZE_MAX, SIZE_MAX / 16 + 1, 1};
    size_t some = below(8);
    trace("ids %zu", some);
    if (chance(3)) {
        *count = ONE_OF(wrong);
        trace(" as NULL, %zu", *count);
        return NULL;
    }
    *count = some;
    hsm_id *array = malloc(some * sizeof *array + 1);
    for (size_t i = 0; i < some; i++)
        array[i] = some_id(ids);
    return array;
}

static hsm_position positions[SEEN_MAX];
static size_t positions_count;

static void see_position(const hsm_position *position)
{
    positions[positions_count++ % SEEN_MAX] = *position;
}

static const hsm_position *pick_position(hsm_position *position)
{
    size_t count = positions_count < SEEN_MAX ? positions_count : SEEN_MAX;
    if (count == 0 || chance(30)) {
        trace("NULL");
        return NULL;
    }
    *position = positions[below(count)];
    if (chance(5))
        position->number = random_number();
    if (chance(5))
        position->epoch += below(3);
    trace("position %llu.%llu", (unsigned long long)position->epoch, (unsigned long long)position->number);
    return position;
}

static void see_result(const hsm_put_result *result)
{
    see_id(&objects, &result->id);
    see_position(&result->position);
}

static void see_object(const hsm_object_info *info)
{
    see_id(&objects, &info->id);
}

/* The action that was leased last, and its token. */
static struct ids leased;
static uint64_t leased_token;

static void see_action(const hsm_action_info *info)
{
    see_id(&actions, &info->id);
    if (info->token == 0 || info->state != HSM_ACTION_RUNNING)
        return;
    leased.count = 0;
    see_id(&leased, &info->id);
    leased_token = info->token;
}

static void see_dataset(const hsm_dataset_info *info)
{
    see_id(&datasets, &info->id);
}

static void see_event(const hsm_event_info *info)
{
    see_position(&info->position);
}

/*
 * A record that goes in: mostly defaults. All begin with a choice and a number that is 0; what comes behind may slow a
 * call down, and stays 0.
 */
static struct place pick_record(size_t size)
{
    int32_t choice = (int32_t)below(2), reserved = chance(4);
    struct place record = place(size);
    if (record.at == NULL)
        return record;
    memset(record.at, 0, size);
    if (size >= sizeof choice)
        memcpy(record.at, &choice, sizeof choice);
    if (size >= 2 * sizeof choice)
        memcpy((char *)record.at + sizeof choice, &reserved, sizeof reserved);
    trace(" {%d, %d}", (int)choice, (int)reserved);
    return record;
}

/* What the bytes mean that go in, as a pointer and a length. */
enum meaning {
    DATA, KEY, DATASET_NAME, ATTRIBUTE_NAME, WORD, DIGEST_NAME, DIGEST, ID_TEXT, YAML, TOKEN, RECEIPT,
    STORE_PATH, INPUT_PATH, OUTPUT_PATH, DIRECTORY_PATH, INDEX_PATH, ROOT_PATH, NO_ROOT_PATH, RESTORED_PATH, KEPT_PATH, MEANINGS
};

/* The last bytes of each meaning that calls put out. */
static struct { uint8_t *bytes; size_t length; } learned[MEANINGS];

static void learn(enum meaning meaning, const void *bytes, size_t length)
{
    free(learned[meaning].bytes);
    learned[meaning].bytes = malloc(length + 1);
    memcpy(learned[meaning].bytes, bytes, length);
    learned[meaning].length = length;
}

static void forget_learned(void)
{
    for (int i = 0; i < MEANINGS; i++)
        free(learned[i].bytes);
}

static size_t data_size(void)
{
    size_t percent = below(100);
    if (percent < 65)
        return below(200);
    if (percent < 88)
        return below(3) * 4096 + below(3) * 16384 + below(2);
    return percent < 98 ? below(200000) : 1000000 + below(1500000);
}

static const char *const texts[MEANINGS][8] = {
    [KEY] = {"k0", "k0", "k0", "k0", "k0", "\xff\xfe", "k/1", "a key that is longer than most of the others"},
    [DATASET_NAME] = {"d0", "d0", "d1", "d1", "d2", "d3", "d\xc3\xa9", "d"},
    [ATTRIBUTE_NAME] = {"a0", "a0", "a0", "a0", "a1", "a1", "a2", "a b"},
    [WORD] = {"", "hot", "cold", "x", "archive", "tier\n", "y", "z"},
    [DIGEST_NAME] = {"xxh3", "sha256", "sha512", "md5", "adler32", "crc32c", "blake2b", "blake3"},
    [DIGEST] = {"crc32c:00000000", "crc32c:e3069283", "md5:d41d8cd98f00b204e9800998ecf8427e", "md5:", ":", "x:00",
                "adler32:00000001", "crc32c:0"},
    [ID_TEXT] = {"00000000-0000-0000-0000-000000000001", "0123456789abcdef0123456789ABCDEF", "0",
                 "00000000-0000-0000-0000-00000000000g", "01900000-0000-7000-8000-000000000000", "-", "{}",
                 "01900000-0000-7000-8000-0000000000000"},
    [YAML] = {"tiers: [{index: 5, root: tiers/5, name: cold}]", "tiers: []", "tiers: [{index: 0, name: zero}]",
              "tiers: [{index: 256}]", "tiers: {", "tiers: [{index: 6, backend: memory}]", "[[[[[[[[", "&a [*a]"},
    [TOKEN] = {"", "token", "hsm", "x", "0", "1", "2", "3"},
    [RECEIPT] = {"", "receipt", "hsm", "x", "0", "1", "2", "3"},
    [STORE_PATH] = {"s0", "s0", "s0", "s0", "s0", "s0", "s1", ":memory:"},
    [INPUT_PATH] = {"in0", "in1", "in2", "in2", "out0", "s0", "missing", "/dev/null"},
    [OUTPUT_PATH] = {"out0", "out1", "out2", "out3", "s0", "missing/out", "/dev/full/out", "./out4"},
    [DIRECTORY_PATH] = {"d0", "d0", "d1", "d0/sub", "in1", "/dev/null/d", "missing/d", "./d2"},
    [INDEX_PATH] = {"i0", "i0", "i1", "missing", "in1", "i0/", "i1", "./i0"},
    /* A restored store is not to write to the roots of the one that still lives. */
    [NO_ROOT_PATH] = {"missing/r", "r1", "../r1", "in1", "r2", "/dev/null", "r3", "missing"},
    [RESTORED_PATH] = {"s2", "s2", "s2", "s2", "s3", "s3", "s0", "in1"},
    [KEPT_PATH] = {"s0/tiers/0", "s0/tiers/0", "s0/tiers/1", "s0/tiers/2", "s1/tiers/0", "s0", "in1", "missing"},
    [ROOT_PATH] = {"tiers/5", "tiers/6", "tiers/7", "r0", "tiers/0", "/dev/null/r", "missing/r", ".."},
};

static const char *const odd_texts[] = {"", " ", "\n", "\xff", "a\xcc\x81", ".", "0", "%s%n", "null"};

/* Writes text of a meaning, and returns how long it is. */
static size_t compose(enum meaning meaning, uint8_t *buffer, size_t size)
{
    if (chance(4)) {
        size_t length = chance(50) ? below(600) : below(size);
        memset(buffer, chance(80) ? 'x' : 0, length);
        return length;
    }
    if (learned[meaning].bytes != NULL && learned[meaning].length <= size && chance(85)) {
        memcpy(buffer, learned[meaning].bytes, learned[meaning].length);
        if (chance(4) && learned[meaning].length > 0)
            buffer[below(learned[meaning].length)] ^= (uint8_t)(1u << below(8));
        return learned[meaning].length;
    }
    const char *text = chance(4) ? ONE_OF(odd_texts) : ONE_OF(texts[meaning]);
    memcpy(buffer, text, strlen(text));
    return strlen(text);
}

/* Bytes that go in, in a block as long as they are. */
struct run {
    void *at;
    size_t length;
    void *block;
};

/* `is_text`: SIZE_MAX stands for the length up to a NUL. */
static struct run pick_run(enum meaning meaning, int is_text)
{
    static uint8_t buffer[9000];
    struct run run = {NULL, 0, NULL};
    if (chance(2)) {
        run.length = chance(50) ? 0 : below(20);
        trace("NULL, %zu", run.length);
        return run;
    }
    if (meaning == DATA) {
        run.length = data_size();
        run.block = malloc(run.length + 1);
        memset(run.block, (int)below(256), run.length);
    } else {
        run.length = compose(meaning, buffer, sizeof buffer);
        run.block = malloc(run.length + 1);
        memcpy(run.block, buffer, run.length);
    }
    run.at = run.block;
    trace_bytes(run.at, run.length);
    trace(", %zu", run.length);
    if (chance(is_text ? 30 : 1)) {
        ((uint8_t *)run.at)[run.length] = 0;
        run.length = SIZE_MAX;
        trace(" as SIZE_MAX");
    } else {
        run.at = realloc(run.block, run.length > 0 ? run.length : 1);
        run.block = run.at;
    }
    return run;
}

/* The length that is given for a buffer, and its place. */
static size_t pick_buffer_size(void)
{
    static const size_t sizes[] = {0, 1, 16, 37, 100, 128, 1000, 4096, 4096, 70000, 300000};
    return ONE_OF(sizes);
}

static int is_name(const char *name, const char *other)
{
    return strcmp(name, other) == 0;
}

static int32_t pick_int32(const char *name)
{
    static const int32_t tiers[] = {0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 5, 6, -1, -1, 255};
    static const int32_t odd[] = {INT32_MIN, INT32_MAX, -1, -2, 256, 1 << 16, 16, 99};
    static const char *const tier_names[] = {"tier", "source", "target", "after"};
    int32_t number = (int32_t)below(3);
    for (size_t i = 0; i < sizeof tier_names / sizeof *tier_names; i++)
        if (is_name(name, tier_names[i]))
            number = ONE_OF(tiers);
    if (is_name(name, "timeout_ms")) {
        /* Not for ever: nobody else would wake it. */
        static const int32_t timeouts[] = {0, 0, 0, 1, 2, -2, INT32_MIN};
        number = ONE_OF(timeouts);
        trace("%d", (int)number);
        return number;
    }
    if (is_name(name, "verb") || is_name(name, "what"))
        number = 1 + (int32_t)below(is_name(name, "verb") ? 6 : 3);
    if (is_name(name, "state"))
        number = chance(70) ? 0 : (int32_t)below(7);
    if (is_name(name, "kind"))
        number = (int32_t)below(17);
    if (is_name(name, "low") || is_name(name, "high"))
        number = (int32_t)below(101);
    if (chance(3))
        number = ONE_OF(odd);
    trace("%d", (int)number);
    return number;
}

static uint64_t pick_uint64(const char *name)
{
    static const uint64_t offsets[] = {0, 0, 0, 0, 0, 0, 1, 50, 100, 4096, 8192, 65536, 1048576};
    static const uint64_t lengths[] = {UINT64_MAX, UINT64_MAX, 0, 1, 100, 4096};
    static const uint64_t blocks[] = {0, 4096, 4096, 8192, 65536, 1048576};
    static const uint64_t sizes[] = {0, 0, 4096, 65536, 65536, 1048576, 1048576, 268435456};
    static const uint64_t reserves[] = {0, 0, 4096, 1048576};
    static const uint64_t graces[] = {0, 1, 86400000, 86400000};
    static const uint64_t odd[] = {UINT64_MAX, INT64_MAX, UINT64_C(1) << 63, UINT64_C(1) << 62, 4095, 3};
    uint64_t number = ONE_OF(sizes);
    if (is_name(name, "offset"))
        number = ONE_OF(offsets);
    else if (is_name(name, "length"))
        number = ONE_OF(lengths);
    else if (is_name(name, "block_size_bytes"))
        number = ONE_OF(blocks);
    else if (is_name(name, "reserve_bytes"))
        number = ONE_OF(reserves);
    else if (is_name(name, "number"))
        number = below(2);
    else if (is_name(name, "token"))
        number = leased_token;
    else if (is_name(name, "grace_ms"))
        number = ONE_OF(graces);
    if (chance(3))
        number = ONE_OF(odd);
    if (is_name(name, "patience_ms"))
        number = below(20); /* We would wait it out. */
    trace("%llu", (unsigned long long)number);
    return number;
}

static uint32_t pick_uint32(const char *name)
{
    (void)name;
    uint32_t number = chance(4) ? UINT32_MAX : (uint32_t)below(4);
    trace("%u", (unsigned)number);
    return number;
}

static int64_t pick_int64(const char *name)
{
    static const int64_t times[] = {INT64_MIN, INT64_MAX, 0, 1, -1, INT64_C(1800000000000000000)};
    /* Most ranges are to hold something. */
    int64_t number = is_name(name, "from_ns") && chance(70) ? 0 : ONE_OF(times);
    trace("%lld", (long long)number);
    return number;
}

static size_t pick_size(const char *name)
{
    static const size_t odd[] = {SIZE_MAX, SIZE_MAX / 2, 65536, 100};
    (void)name;
    size_t number = chance(4) ? ONE_OF(odd) : chance(50) ? 0 : below(4);
    trace("%zu", number);
    return number;
}

/* A descriptor to read from or to write to. Files, pipes that end, and what is neither. */
static int32_t pick_descriptor(int is_to_write)
{
    int ends[2];
    int32_t number = -1;
    if (chance(20) && pipe(ends) == 0) {
        ssize_t written = is_to_write ? 0 : write(ends[1], "through a pipe", below(15));
        close(ends[!is_to_write]);
        number = ends[is_to_write];
        trace("pipe %zd", written);
    } else if (is_to_write) {
        number = open(chance(80) ? "out5" : "/dev/full", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    } else {
        static const char *const files[] = {"in0", "in1", "in2", "in2", ".", "/dev/null"};
        number = open(ONE_OF(files), O_RDONLY | O_CLOEXEC);
    }
    if (chance(3)) {
        close(number);
        number = chance(50) ? -1 : INT32_MAX;
    }
    trace("%d", (int)number);
    return number;
}

static void leave_descriptor(int32_t number)
{
    if (number >= 0 && number != INT32_MAX)
        close(number);
}

#endif
