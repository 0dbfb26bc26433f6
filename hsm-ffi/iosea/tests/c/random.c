/*
 * A caller that means no good: threads that pass anything at all, and know what must come of it. Each has objects of its own, and a
 * model of them: size, content, attributes and tiers. Each answer is the one that the model says, and the objects are what it
 * says after every change and at the end. In between the threads meet at objects that they share, of which only the codes are known.
 */
#include "random.h"

#include <fcntl.h>
#include <unistd.h>

enum { THREADS = 4, CALLS = 400, OBJECTS = 5, SHARED_OBJECTS = 6, TIERS = 5, LARGE = 70000, THOUSAND = 1000 };

/* What is counted. */
enum {
    UNINITIALISED, NO_POINTER, WILD_POINTER, EMPTY_ID, HEXADECIMAL, UPPER_CASE, NUMBERS, DECIMAL, SHARED, ZERO_LENGTH, HUGE_LENGTH,
    HUGE_OFFSET, OFFSET_BEHIND, WRONG_TIER, WRONG_MODE, WRONG_TYPE, WRONG_DESCRIPTOR, WRONG_PATH, SHORT_FILE, AT_ONCE,
    DRAWN, CREATED, REPLACED, CHANGED_BEHIND, GOT_MEMORY, GOT_FILE, GOT_DESCRIPTOR, ATTRIBUTED, COPIED, MOVED, RELEASED, KEPT_LAST,
    LOST_LAST, REMOVED, LISTED, MET_COUNT
};
static const char *const met_names[MET_COUNT] = {
    "uninitialised record", "NULL", "address that leads nowhere", "id without an id", "hexadecimal id", "id in upper case",
    "id in numbers", "decimal id", "shared object", "length of zero", "huge length", "huge offset", "offset behind the end", "wrong tier",
    "wrong mode", "wrong type", "wrong descriptor", "wrong path", "file that is too short", "two calls at once", "id drawn", "object created",
    "content replaced", "content changed behind an offset", "got into memory", "got into a file", "got into a descriptor",
    "attributes set", "copied", "moved", "released", "last copy kept", "last copy lost", "removed", "listed",
};
#define MET(what) (caller->met[what]++)

/* What must be there of an object. */
typedef struct {
    int is_there, has_data;
    size_t size;
    char content[LARGE + 1];
    unsigned tiers; /* a bit for each */
    int has[2];     /* of the attributes "hint" and "key" */
    char values[2][16];
} Known;

static const char *const keys[2] = {"hint", "key"};
static const char file_content[] = "from a file";
enum { FILE_SIZE = sizeof file_content - 1 };

static int lowest(unsigned tiers)
{
    int tier = 0;
    while ((tiers >> tier & 1) == 0)
        tier++;
    return tier;
}

/* An id, and what is known of it: `known` for one of the caller's own, else NULL. */
typedef struct {
    HestiaId id, *given; /* `given` is NULL for no record at all */
    char text[64];
    Known *known;
    int is_none;   /* there is none in it: a put draws one */
    int is_shared; /* of which others know too */
    Faults faults;
} AnyId;

static void own_id(const Caller *caller, int index, HestiaId *id)
{
    CHECK_OK(hestia_init_id(id));
    id->m_hi = 0xabcdef00 + caller->number;
    id->m_lo = 0xfedcba9876543210u + (uint64_t)index;
}

static void any_id(Caller *caller, AnyId *any)
{
    int index = (int)draw(caller, OBJECTS);
    memset(any, 0, sizeof *any);
    any->given = &any->id;
    uint64_t way = draw(caller, 24);
    if (way < 4) {
        any->is_none = way < 2;
        any->faults = way < 2 ? 0 : FAULT(HESTIA_ERROR_BAD_INPUT_ID);
        CHECK_OK(hestia_init_id(&any->id));
        if (way == 0) {
            MET(UNINITIALISED);
            fill(caller, &any->id, sizeof any->id);
        } else if (way == 1) {
            MET(EMPTY_ID);
        } else if (way == 2) {
            MET(WILD_POINTER);
            any->id.m_uuid = (char *)(uintptr_t)(1 + draw(caller, 4095));
        } else {
            MET(DECIMAL);
            snprintf(any->text, sizeof any->text, "%lu", (unsigned long)draw(caller, 100000));
            any->id.m_uuid = any->text;
        }
    } else if (way == 4) {
        MET(NO_POINTER);
        any->given = NULL;
        any->faults = FAULT(HESTIA_ERROR_BAD_INPUT_ID);
    } else if (way < 8) {
        MET(SHARED);
        any->is_shared = 1;
        CHECK_OK(hestia_init_id(&any->id));
        any->id.m_lo = 1 + draw(caller, SHARED_OBJECTS);
    } else {
        any->known = &((Known *)caller->model)[index];
        own_id(caller, index, &any->id);
        if (way < 13) {
            MET(NUMBERS);
            return;
        }
        /* As text, and then the numbers mean nothing. */
        int is_upper = way < 17;
        MET(is_upper ? UPPER_CASE : HEXADECIMAL);
        uint64_t hi = any->id.m_hi, lo = any->id.m_lo;
        snprintf(any->text, sizeof any->text, is_upper ? "%08lX-%04lX-%04lX-%04lX-%012lX" : "%08lx-%04lx-%04lx-%04lx-%012lx",
                 (unsigned long)(hi >> 32), (unsigned long)(hi >> 16 & 0xffff), (unsigned long)(hi & 0xffff),
                 (unsigned long)(lo >> 48), (unsigned long)(lo & 0xffffffffffff));
        any->id.m_uuid = any->text;
        any->id.m_lo = draw(caller, 100);
    }
}

static int any_tier(Caller *caller)
{
    int tier = (int)(is_once_in(caller, 8) ? draw(caller, 256) : draw(caller, TIERS));
    if (tier >= TIERS)
        MET(WRONG_TIER);
    return tier;
}

/* Data on its way, and what is wrong with it. */
typedef struct {
    HestiaIoContext io, *given; /* `given` is NULL for no record at all */
    char path[32];
    int own_fd;      /* to be closed */
    Faults faults;   /* of the record */
    Faults stream;   /* of the caller's stream, where it is used */
    const char *data;
    size_t size;     /* of what a put gives */
} AnyIo;

static size_t any_offset(Caller *caller, const Known *known)
{
    size_t size = known != NULL && known->has_data ? known->size : 0;
    switch (draw(caller, 7)) {
    case 0:
        MET(HUGE_OFFSET);
        return SIZE_MAX - draw(caller, 3);
    case 1:
        MET(OFFSET_BEHIND);
        return size + 1 + draw(caller, 5000);
    case 2:
        return size;
    case 3:
        return draw(caller, size + 1);
    default:
        return 0;
    }
}

static void any_io(Caller *caller, AnyIo *any, char *buffer, const Known *known, int is_put)
{
    static const size_t lengths[] = {0, 0, 5, FILE_SIZE};
    memset(any, 0, sizeof *any);
    fill(caller, &any->io, sizeof any->io);
    any->given = &any->io;
    any->own_fd = -1;
    any->data = file_content;
    any->io.m_offset = any_offset(caller, known);
    any->io.m_length = lengths[draw(caller, 4)];
    any->size = any->io.m_length == 0 ? FILE_SIZE : any->io.m_length;
    uint64_t way = draw(caller, 16);
    if (way == 0) {
        any->io.m_type = HESTIA_IO_EMPTY;
    } else if (way == 1) {
        MET(WRONG_TYPE);
        any->io.m_type = (hestia_io_type_t)(4 + draw(caller, 100));
        any->faults = FAULT(HESTIA_ERROR_BAD_INPUT_BUFFER);
    } else if (way == 2) {
        MET(NO_POINTER);
        any->given = NULL;
        any->faults = FAULT(HESTIA_ERROR_BAD_INPUT_BUFFER);
    } else if (way < 6) {
        any->io.m_type = HESTIA_IO_PATH;
        snprintf(any->path, sizeof any->path, is_put ? "input" : "output-%d", (int)caller->number);
        any->io.m_path = any->path;
        if (is_once_in(caller, 4)) {
            MET(WRONG_PATH);
            snprintf(any->path, sizeof any->path, "no/where");
            any->stream = FAULT(HESTIA_ERROR_BAD_STREAM);
        } else if (is_once_in(caller, 6)) {
            MET(WILD_POINTER);
            any->io.m_path = is_once_in(caller, 2) ? NULL : (char *)(uintptr_t)draw(caller, 4096);
            any->faults = FAULT(HESTIA_ERROR_BAD_INPUT_BUFFER);
        }
    } else if (way < 9) {
        any->io.m_type = HESTIA_IO_DESCRIPTOR;
        snprintf(any->path, sizeof any->path, is_put ? "input" : "output-%d", (int)caller->number);
        any->own_fd = is_put ? open(any->path, O_RDONLY) : open(any->path, O_RDWR | O_CREAT | O_TRUNC, 0600);
        CHECK(any->own_fd >= 0);
        any->io.m_fd = any->own_fd;
        if (is_once_in(caller, 4)) {
            MET(WRONG_DESCRIPTOR);
            any->io.m_fd = 100000 + (int)draw(caller, 1000);
            any->stream = FAULT(HESTIA_ERROR_BAD_STREAM);
        } else if (is_once_in(caller, 6)) {
            MET(WRONG_DESCRIPTOR);
            any->io.m_fd = -1 - (int)draw(caller, 1000);
            any->faults = FAULT(HESTIA_ERROR_BAD_INPUT_BUFFER);
        }
    } else {
        /* A length within the buffer: what is beyond it nobody can know. */
        any->io.m_type = HESTIA_IO_BUFFER;
        any->io.m_length = is_once_in(caller, 4) ? 0 : draw(caller, is_once_in(caller, 3) ? LARGE + 1 : 20);
        any->io.m_buffer = buffer;
        any->size = any->io.m_length;
        any->data = buffer;
        if (is_put)
            for (size_t at = 0; at < any->size; at += 997)
                buffer[at] = (char)draw(caller, 256);
        if (is_once_in(caller, 8)) {
            MET(NO_POINTER);
            any->io.m_buffer = NULL;
            any->faults = any->size > 0 ? FAULT(HESTIA_ERROR_BAD_INPUT_BUFFER) : 0;
        }
        if (any->size == 0)
            MET(ZERO_LENGTH);
        return;
    }
    if (is_put && is_once_in(caller, 6)) {
        MET(SHORT_FILE);
        MET(HUGE_LENGTH);
        any->io.m_length = is_once_in(caller, 2) ? FILE_SIZE + 1 : SIZE_MAX - draw(caller, 2);
        any->stream |= FAULT(HESTIA_ERROR_BAD_STREAM);
    }
}

/* Ends the test unless an object of the caller's is what is known of it. */
static void verify(Caller *caller, int index)
{
    static const unsigned char patterns[] = {0, 2, 0xa5};
    const Known *known = &((Known *)caller->model)[index];
    HestiaId id;
    HestiaObject object;
    uint8_t *tiers = NULL;
    size_t count = 0, at = 0;
    own_id(caller, index, &id);
    memset(&object, patterns[draw(caller, 3)], sizeof object);
    if (!known->is_there) {
        CHECK_CODE(hestia_object_get_attrs(&id, &object), HESTIA_ERROR_NOT_FOUND);
        return;
    }
    CHECK_OK(hestia_object_get_attrs(&id, &object));
    CHECK(object.m_size == (known->has_data ? known->size : 0));
    for (int key = 0; key < 2; key++)
        if (known->has[key]) {
            CHECK(at < object.m_num_attrs && strcmp(object.m_attrs[at].m_key, keys[key]) == 0);
            CHECK(strcmp(object.m_attrs[at++].m_value, known->values[key]) == 0);
        }
    CHECK(object.m_num_attrs == at);
    CHECK_OK(hestia_object_locate(&id, &tiers, &count));
    at = 0;
    for (int tier = 0; tier < TIERS; tier++)
        if (known->tiers >> tier & 1) {
            CHECK(at < count && tiers[at] == tier);
            /* The parts of an object without bytes are left out. */
            CHECK(known->size == 0 || (at < object.m_num_tier_extents && object.m_tier_extents[at].m_tier_index == tier &&
                                       object.m_tier_extents[at].m_size == known->size));
            at++;
        }
    CHECK(count == at && object.m_num_tier_extents == (known->size == 0 ? 0 : at));
    CHECK_OK(hestia_free_tier_ids(&tiers));
    CHECK_OK(hestia_init_object(&object));
    char *back = malloc(LARGE + 2);
    CHECK(back != NULL);
    HestiaIoContext io = memory(back, LARGE + 2, 0);
    if (known->tiers == 0) {
        CHECK_CODE(hestia_object_get(&id, &io, NULL), HESTIA_ERROR_NOT_FOUND);
    } else {
        CHECK_OK(hestia_object_get(&id, &io, NULL));
        CHECK(io.m_length == known->size && memcmp(back, known->content, known->size) == 0);
    }
    free(back);
}

static void put(Caller *caller, char *buffer)
{
    AnyId any;
    AnyIo data;
    HestiaTier tier;
    HestiaObject object;
    any_id(caller, &any);
    any_io(caller, &data, buffer, any.known, 1);
    int number = -1, mode = (int)draw(caller, 5) % 3;
    fill(caller, &tier, sizeof tier);
    if (is_once_in(caller, 2)) {
        number = any_tier(caller);
        tier = tier_of((uint8_t)number);
    }
    Known *known = any.known;
    Faults faults = any.faults | data.faults;
    int is_empty = data.io.m_type == HESTIA_IO_EMPTY, is_there = known != NULL && known->is_there;
    size_t offset = data.io.m_offset, size = is_there && known->has_data ? known->size : 0;
    if (mode == 2) {
        MET(WRONG_MODE);
        faults |= FAULT(HESTIA_ERROR_BAD_INPUT_BUFFER);
    }
    if (mode == HESTIA_UPDATE && any.is_none)
        faults |= FAULT(HESTIA_ERROR_BAD_INPUT_ID);
    if (mode == HESTIA_UPDATE && known != NULL && !is_there)
        faults |= FAULT(HESTIA_ERROR_NOT_FOUND);
    if (mode == HESTIA_CREATE && is_there)
        faults |= FAULT(HESTIA_ERROR_ATTEMPTED_OVERWRITE);
    if (!is_empty) {
        faults |= data.stream;
        if (number >= TIERS)
            faults |= FAULT(HESTIA_ERROR_NOT_FOUND);
        if (mode == HESTIA_CREATE ? offset > 0 : offset > size)
            faults |= FAULT(HESTIA_ERROR_BAD_INPUT_BUFFER);
        if (mode == HESTIA_UPDATE && offset > 0 && is_there && known->has_data && known->tiers == 0)
            faults |= FAULT(HESTIA_ERROR_NOT_FOUND);
    }
    if (any.is_shared)
        faults = ~FAULT(HESTIA_ERROR_CLIENT_STATE);
    int is_done = answered(caller, "put", hestia_object_put(any.given, (hestia_create_mode_t)mode, data.given,
                                                            number < 0 && is_once_in(caller, 2) ? NULL : &tier), faults);
    if (data.own_fd >= 0)
        CHECK(close(data.own_fd) == 0);
    if (any.is_none && is_done) {
        MET(DRAWN);
        CHECK(any.id.m_user_initialized == 2 && strlen(any.id.m_uuid) == 36);
        CHECK_OK(hestia_object_get_attrs(&any.id, &object));
        CHECK(object.m_size == (is_empty ? 0 : data.size) && strcmp(object.m_uuid, any.id.m_uuid) == 0);
        CHECK_OK(hestia_init_object(&object));
        CHECK_OK(hestia_object_remove(&any.id));
    }
    CHECK_OK(hestia_free_id(&any.id));
    if (known == NULL || !is_done || (is_empty && is_there))
        return;
    if (mode == HESTIA_CREATE) {
        MET(CREATED);
        memset(known->has, 0, sizeof known->has);
        known->is_there = 1;
        known->has_data = !is_empty;
        known->tiers = 0;
        known->size = 0;
    } else {
        MET(offset == 0 ? REPLACED : CHANGED_BEHIND);
    }
    if (is_empty || (offset > 0 && data.size == 0 && number < 0))
        return;
    memcpy(known->content + offset, data.data, data.size);
    known->has_data = 1;
    known->size = offset == 0 || offset + data.size > known->size ? offset + data.size : known->size;
    known->tiers = 1u << (number >= 0 ? number : offset > 0 ? lowest(known->tiers) : 0);
}

/* What a file has, from its beginning. */
static size_t content_of(const char *path, char *buffer)
{
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    size_t size = fread(buffer, 1, LARGE, file);
    CHECK(fclose(file) == 0);
    return size;
}

static void get(Caller *caller, char *buffer)
{
    AnyId any;
    AnyIo data;
    HestiaTier tier;
    any_id(caller, &any);
    any_io(caller, &data, buffer, any.known, 0);
    int number = -1;
    fill(caller, &tier, sizeof tier);
    if (is_once_in(caller, 2)) {
        number = any_tier(caller);
        tier = tier_of((uint8_t)number);
    }
    Known *known = any.known;
    int type = data.io.m_type;
    size_t left = 0, offset = data.io.m_offset;
    Faults faults = any.faults | data.faults;
    if (any.is_none)
        faults |= FAULT(HESTIA_ERROR_BAD_INPUT_ID);
    if (known != NULL && type != HESTIA_IO_EMPTY) {
        if (known->tiers == 0 || (number >= 0 && (number >= TIERS || (known->tiers >> number & 1) == 0)))
            faults |= FAULT(HESTIA_ERROR_NOT_FOUND);
        left = known->size > offset ? known->size - offset : 0;
        if ((type == HESTIA_IO_BUFFER || data.io.m_length > 0) && data.io.m_length < left)
            left = data.io.m_length;
        if (type == HESTIA_IO_PATH || left > 0)
            faults |= data.stream;
    }
    if (any.is_shared)
        faults = ~FAULT(HESTIA_ERROR_CLIENT_STATE);
    int is_done = answered(caller, "get", hestia_object_get(any.given, data.given, number < 0 ? NULL : &tier), faults);
    if (is_done && known != NULL && type == HESTIA_IO_BUFFER) {
        MET(GOT_MEMORY);
        CHECK(data.io.m_length == left && (left == 0 || memcmp(buffer, known->content + offset, left) == 0));
    }
    if (is_done && known != NULL && (type == HESTIA_IO_PATH || type == HESTIA_IO_DESCRIPTOR) && data.stream == 0) {
        MET(type == HESTIA_IO_PATH ? GOT_FILE : GOT_DESCRIPTOR);
        CHECK(content_of(data.path, buffer) == left && (left == 0 || memcmp(buffer, known->content + offset, left) == 0));
    }
    if (data.own_fd >= 0)
        CHECK(close(data.own_fd) == 0);
}

static void set_attributes(Caller *caller)
{
    AnyId any;
    char values[2][16];
    HestiaKeyValuePair pairs[2];
    any_id(caller, &any);
    size_t count = draw(caller, 3);
    for (int key = 0; key < 2; key++) {
        snprintf(values[key], sizeof values[key], is_once_in(caller, 3) ? "" : "%d,%d", (int)draw(caller, 9), (int)draw(caller, 999));
        pairs[key].m_key = (char *)keys[key];
        pairs[key].m_value = values[key];
    }
    Faults faults = any.faults;
    if (any.is_none)
        faults |= FAULT(HESTIA_ERROR_BAD_INPUT_ID);
    if (any.known != NULL && !any.known->is_there)
        faults |= FAULT(HESTIA_ERROR_NOT_FOUND);
    int is_without = is_once_in(caller, 6);
    if (is_without && count > 0) {
        MET(NO_POINTER);
        faults |= FAULT(HESTIA_ERROR_BAD_INPUT_BUFFER);
    } else if (count == 2 && is_once_in(caller, 5)) {
        MET(NO_POINTER);
        *(is_once_in(caller, 2) ? &pairs[1].m_key : &pairs[1].m_value) = NULL;
        faults |= FAULT(HESTIA_ERROR_BAD_INPUT_BUFFER);
    }
    if (any.is_shared)
        faults = ~FAULT(HESTIA_ERROR_CLIENT_STATE);
    int code = hestia_object_set_attrs(any.given, is_without ? NULL : pairs, count);
    if (!answered(caller, "set_attrs", code, faults) || any.known == NULL)
        return;
    for (size_t key = 0; key < count; key++) {
        MET(ATTRIBUTED);
        any.known->has[key] = 1;
        memcpy(any.known->values[key], values[key], sizeof values[key]);
    }
}

/* Copies, moves, releases and removes. */
static void change(Caller *caller)
{
    AnyId any;
    any_id(caller, &any);
    Known *known = any.known;
    int source = any_tier(caller), target = any_tier(caller), way = (int)draw(caller, 8);
    if (known != NULL && known->tiers != 0 && is_once_in(caller, 2))
        source = lowest(known->tiers);
    unsigned from = source < TIERS ? 1u << source : 0, to = target < TIERS ? 1u << target : 0;
    int is_there = known != NULL && known->is_there, is_on_source = is_there && (known->tiers & from) != 0;
    int is_last = is_on_source && known->tiers == from;
    Faults faults = any.faults;
    if (any.is_none)
        faults |= FAULT(HESTIA_ERROR_BAD_INPUT_ID);
    if (known != NULL && !is_there)
        faults |= FAULT(HESTIA_ERROR_NOT_FOUND);
    /* A move of what is on the target alone has happened already. */
    if (way < 5 && (from == 0 || to == 0 || (known != NULL && (known->tiers & (way < 3 ? from : from | to)) == 0)))
        faults |= FAULT(HESTIA_ERROR_NOT_FOUND);
    if (way < 5 && source == target)
        faults |= FAULT(HESTIA_ERROR_UNKNOWN);
    if (way == 5 && is_last)
        faults |= FAULT(HESTIA_ERROR_UNKNOWN);
    if ((way == 5 || way == 6) && from == 0)
        faults |= FAULT(HESTIA_ERROR_NOT_FOUND);
    if (any.is_shared)
        faults = ~FAULT(HESTIA_ERROR_CLIENT_STATE);
    if (way < 3) {
        if (answered(caller, "copy", hestia_object_copy(any.given, (uint8_t)source, (uint8_t)target), faults) && known != NULL) {
            MET(COPIED);
            known->tiers |= to;
        }
    } else if (way < 5) {
        if (answered(caller, "move", hestia_object_move(any.given, (uint8_t)source, (uint8_t)target), faults) && known != NULL) {
            MET(MOVED);
            known->tiers = (known->tiers & ~from) | to;
        }
    } else if (way < 7) {
        int code = hestia_object_release(any.given, (uint8_t)source, way == 5);
        if (answered(caller, way == 5 ? "release" : "release of the last", code, faults) && known != NULL && is_on_source) {
            MET(is_last ? LOST_LAST : RELEASED);
            known->tiers &= ~from;
        } else if (code == HESTIA_ERROR_UNKNOWN && is_last) {
            MET(KEPT_LAST);
        }
    } else if (answered(caller, "remove", hestia_object_remove(any.given), faults) && known != NULL) {
        MET(REMOVED);
        memset(known, 0, offsetof(Known, content));
        known->tiers = 0;
    }
}

/* Of a tier, those that this caller knows of are listed, and no others of its own. */
static void list(Caller *caller)
{
    int tier = any_tier(caller);
    HestiaId *ids = NULL;
    size_t count = 0;
    fill(caller, &ids, sizeof ids);
    int code = hestia_object_list((uint8_t)tier, &ids, &count);
    if (!answered(caller, "list", code, tier < TIERS ? 0 : FAULT(HESTIA_ERROR_NOT_FOUND)))
        return;
    MET(LISTED);
    unsigned found = 0, wanted = 0;
    for (int index = 0; index < OBJECTS; index++)
        wanted |= (((Known *)caller->model)[index].tiers >> tier & 1) << index;
    for (size_t at = 0; at < count; at++)
        for (int index = 0; index < OBJECTS; index++) {
            HestiaId id;
            own_id(caller, index, &id);
            if (ids[at].m_hi == id.m_hi && ids[at].m_lo == id.m_lo)
                found |= 1u << index;
        }
    CHECK(found == wanted);
    CHECK_OK(hestia_free_ids(&ids, count));
}

static void *call_many(void *argument)
{
    Caller *caller = argument;
    char *buffer = malloc(LARGE + 1);
    caller->model = calloc(OBJECTS, sizeof(Known));
    CHECK(buffer != NULL && caller->model != NULL);
    memset(buffer, 'b', LARGE + 1);
    for (int index = 0; index < CALLS; index++) {
        caller->met[AT_ONCE] += __sync_add_and_fetch(&callers_at_once, 1) > 1;
        uint64_t way = draw(caller, 16);
        if (way < 6)
            put(caller, buffer);
        else if (way < 9)
            get(caller, buffer);
        else if (way < 11)
            set_attributes(caller);
        else if (way < 15)
            change(caller);
        else
            list(caller);
        __sync_sub_and_fetch(&callers_at_once, 1);
        for (int own = 0; own < OBJECTS; own++)
            if (own == index % OBJECTS || index + 1 == CALLS)
                verify(caller, own);
    }
    free(caller->model);
    free(buffer);
    return NULL;
}

/* A thousand objects, put by all threads. */
static void *put_many(void *argument)
{
    Caller *caller = argument;
    HestiaTier tier = tier_of(3);
    for (uint64_t number = caller->number - 1; number < THOUSAND; number += THREADS) {
        HestiaId id = id_of(NULL);
        id.m_hi = UINT64_MAX;
        id.m_lo = number;
        HestiaIoContext io = memory(&number, sizeof number, 0);
        CHECK_OK(hestia_object_put(&id, HESTIA_CREATE, &io, &tier));
    }
    return NULL;
}

/* They come out, each once. */
static void a_thousand_objects_are_listed_once(void)
{
    HestiaId *ids = NULL;
    Caller unused;
    size_t before = 0, count = 0;
    memset(&unused, 0, sizeof unused);
    CHECK_OK(hestia_object_list(3, &ids, &before));
    CHECK_OK(hestia_free_ids(&ids, before));
    run_callers(THREADS, put_many, &unused);
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
    Caller all;
    memset(&all, 0, sizeof all);
    CHECK(count == 2 && chdir(arguments[1]) == 0);
    FILE *input = fopen("input", "w");
    CHECK(input != NULL && fputs(file_content, input) >= 0 && fclose(input) == 0);
    /* Without the file of events, which costs a sync a call. */
    CHECK_OK(hestia_initialize(NULL, NULL, "{\"event_feed\": {\"active\": false}}"));
    run_callers(THREADS, call_many, &all);
    for (int code = 0; code < HESTIA_ERROR_COUNT; code++)
        CHECK(all.codes[code] > 0 || code == HESTIA_ERROR_CLIENT_STATE);
    check_met(&all, met_names, MET_COUNT);
    a_thousand_objects_are_listed_once();
    CHECK_OK(hestia_finish());
    return 0;
}
