/*
 * A caller that means no good, with text: any item, any format, and input that is cut, mixed and made up, in threads. In between
 * each thread works on objects of its own with calls that are right or wrong in a way that it knows, and a model says what each
 * answers and what must be there afterwards: attributes, content, tiers, and which of them are in its dataset.
 */
#include "random.h"

#include <unistd.h>

enum { THREADS = 3, CALLS = 400, SIZE = 512, OBJECTS = 3, CONTENT = 64, TIERS = 5 };

enum {
    NOT_WELL_FORMED, NO_OUTPUT, NEGATIVE_LENGTH, HUGE_OFFSET, OFFSET_BEHIND, WRONG_TIER, WRONG_ITEM, WRONG_KEY, WRONG_ID, AT_ONCE,
    CREATED, CHANGED_BY_KEYS, CHANGED_BY_JSON, METADATA_CHANGED, METADATA_REMOVED, REMOVED, IDENTIFIED, PUT, GOT, COPIED, MOVED, RELEASED,
    KEPT_LAST, ACTION_OK, ACTION_FAILED, MET_COUNT
};
static const char *const met_names[MET_COUNT] = {
    "input that is made up", "no place for the output", "negative length", "huge offset", "offset behind the end", "wrong tier", "wrong item",
    "wrong key", "wrong id", "two calls at once", "created", "changed by keys and values", "changed by JSON", "metadata changed",
    "metadata removed", "removed", "identified", "data put", "data got", "copied", "moved", "released", "last copy kept", "action that is done",
    "action that failed",
};
#define MET(what) (caller->met[what]++)

/* What must be there of an object. */
typedef struct {
    int is_there, is_in_set, has_data;
    char values[2][16]; /* of the attributes "a" and "b"; "" is none here */
    char content[CONTENT + 1];
    size_t size;
    unsigned tiers;
} Known;

static void own_id(const Caller *caller, int index, char text[37])
{
    snprintf(text, 37, "cafe%04x-0000-0000-0000-%012x", (unsigned)caller->number, (unsigned)index + 10);
}

static void own_set(const Caller *caller, char text[37])
{
    snprintf(text, 37, "5e7%05x-0000-0000-0000-000000000000", (unsigned)caller->number);
}

/* Reads items as text; the caller frees it. */
static char *read_items(hestia_item_t item, hestia_id_format_t ids, const char *input, hestia_io_format_t format, int *total)
{
    char *output = NULL;
    int length = 0;
    CHECK_OK(hestia_read(item, HESTIA_QUERY_IDS, ids, 0, 0, input, (int)strlen(input), format, &output, &length, total));
    CHECK(output != NULL && strlen(output) == (size_t)length);
    return output;
}

/* Ends the test unless an object of the caller's is what is known of it. */
static void verify(const Caller *caller, int index)
{
    const Known *known = &((Known *)caller->model)[index];
    char id[37], wanted[256] = "", *text;
    int total = -1;
    own_id(caller, index, id);
    text = read_items(HESTIA_USER_METADATA, HESTIA_ID, id, HESTIA_IO_KEY_VALUE, &total);
    CHECK(total == known->is_there);
    if (known->is_there) {
        int used = 0;
        for (int key = 0; key < 2; key++)
            if (known->values[key][0] != 0)
                used += snprintf(wanted + used, sizeof wanted - (size_t)used, "data.%c=%s\n", 'a' + key, known->values[key]);
        snprintf(wanted + used, sizeof wanted - (size_t)used, "id=%s\nobject.id=%s\ntype=metadata\n", id, id);
        CHECK(strcmp(used > 0 ? text : strstr(text, "id="), wanted) == 0);
        CHECK(used > 0 || strstr(text, "data.") == NULL);
    }
    CHECK_OK(hestia_free_output(&text));
    text = read_items(HESTIA_OBJECT, HESTIA_ID, id, HESTIA_IO_KEY_VALUE, &total);
    if (known->is_there) {
        char set[37];
        own_set(caller, set);
        snprintf(wanted, sizeof wanted, "dataset.id=%s\n", known->is_in_set ? set : "");
        CHECK(strstr(text, wanted) != NULL);
        snprintf(wanted, sizeof wanted, "\nsize=%zu\n", known->size);
        CHECK(strstr(text, wanted) != NULL);
    }
    CHECK_OK(hestia_free_output(&text));
    text = read_items(HESTIA_TIER_EXTENT, HESTIA_PARENT_ID, id, HESTIA_IO_IDS, &total);
    int found = 0;
    for (int tier = 0; tier < TIERS; tier++) {
        snprintf(wanted, sizeof wanted, "%s:%d", id, tier);
        CHECK((strstr(text, wanted) != NULL) == (known->size > 0 && (known->tiers >> tier & 1)));
        found += known->size > 0 && (known->tiers >> tier & 1);
    }
    CHECK(total == found);
    CHECK_OK(hestia_free_output(&text));
    for (int tier = 0; tier < TIERS; tier++)
        if (known->tiers >> tier & 1) {
            char back[CONTENT + 1];
            size_t size = sizeof back;
            CHECK_OK(hestia_data_get(id, back, &size, 0, (uint8_t)tier, NULL, NULL));
            CHECK(size == known->size && memcmp(back, known->content, size) == 0);
        }
}

/* The objects in a caller's dataset are those that it put there. */
static void verify_set(const Caller *caller)
{
    char set[37], id[37];
    int total = -1, wanted = 0;
    own_set(caller, set);
    char *text = read_items(HESTIA_OBJECT, HESTIA_PARENT_ID, set, HESTIA_IO_IDS, &total);
    for (int index = 0; index < OBJECTS; index++) {
        const Known *known = &((Known *)caller->model)[index];
        own_id(caller, index, id);
        CHECK((strstr(text, id) != NULL) == (known->is_there && known->is_in_set));
        wanted += known->is_there && known->is_in_set;
    }
    CHECK(total == wanted);
    CHECK_OK(hestia_free_output(&text));
}

/* The action that a data call left says how it went. */
static void check_action(Caller *caller, char **activity, const char *verb, int is_done)
{
    char wanted[64];
    if (activity == NULL || *activity == NULL)
        return;
    MET(is_done ? ACTION_OK : ACTION_FAILED);
    char *text = read_items(HESTIA_ACTION, HESTIA_ID, *activity, HESTIA_IO_KEY_VALUE, NULL);
    snprintf(wanted, sizeof wanted, "action=%s\n", verb);
    CHECK(strstr(text, wanted) != NULL && strstr(text, is_done ? "status=finished_ok\n" : "status=error\n") != NULL);
    CHECK_OK(hestia_free_output(&text));
    CHECK_OK(hestia_free_output(activity));
}

/* Creates and changes one of the caller's own objects. */
static void write_item(Caller *caller, Known *known, const char *id)
{
    char input[SIZE], value[2][16] = {"", ""}, set[37], *output = NULL;
    int length = 0, used, is_create = is_once_in(caller, 2), is_json = is_once_in(caller, 2), is_wrong = is_once_in(caller, 8);
    int is_metadata = !is_create && is_once_in(caller, 2), is_into_set = !is_metadata && is_once_in(caller, 3);
    hestia_item_t item = is_metadata ? HESTIA_USER_METADATA : HESTIA_OBJECT;
    const char *prefix = is_metadata ? "" : "user_metadata.";
    own_set(caller, set);
    for (int key = 0; key < 2; key++)
        if (is_once_in(caller, 2))
            snprintf(value[key], sizeof value[key], "%d", (int)(1 + draw(caller, 9999)));
    used = snprintf(input, sizeof input, "%s\n\n", id);
    if (is_json) {
        used += snprintf(input + used, sizeof input - (size_t)used, is_metadata ? "{\"data\": {" : "{\"user_metadata\": {\"data\": {");
        for (int key = 0, more = 0; key < 2; key++)
            if (value[key][0] != 0)
                used += snprintf(input + used, sizeof input - (size_t)used, "%s\"%c\": \"%s\"", more++ ? ", " : "", 'a' + key, value[key]);
        used += snprintf(input + used, sizeof input - (size_t)used, is_metadata ? "}" : "}}");
        if (is_into_set)
            used += snprintf(input + used, sizeof input - (size_t)used, ", \"dataset\": {\"id\": \"%s\"}", set);
        used += snprintf(input + used, sizeof input - (size_t)used, "%s}", is_wrong ? ", \"c\": \"d\"" : "");
    } else {
        for (int key = 0; key < 2; key++)
            if (value[key][0] != 0)
                used += snprintf(input + used, sizeof input - (size_t)used, "%sdata.%c=%s\n", prefix, 'a' + key, value[key]);
        if (is_into_set)
            used += snprintf(input + used, sizeof input - (size_t)used, "dataset.id=%s\n", set);
        used += snprintf(input + used, sizeof input - (size_t)used, "%s", is_wrong ? "c=d\n" : "");
    }
    Faults faults = 0;
    if (is_wrong) {
        MET(WRONG_KEY);
        faults |= FAULT(HESTIA_ERROR_BAD_INPUT_BUFFER);
    }
    if (is_create && known->is_there)
        faults |= FAULT(HESTIA_ERROR_ATTEMPTED_OVERWRITE);
    if (!is_create && !known->is_there)
        faults |= FAULT(HESTIA_ERROR_NOT_FOUND);
    hestia_io_format_t format = is_json ? HESTIA_IO_JSON : HESTIA_IO_KEY_VALUE;
    int code = (is_create ? hestia_create : hestia_update)(item, format, HESTIA_ID, input, used, HESTIA_IO_IDS, &output, &length);
    CHECK(code != 0 || (output != NULL && strcmp(output, id) == 0 && length == 36));
    CHECK_OK(hestia_free_output(&output));
    if (!answered(caller, is_create ? "create" : "update", code, faults))
        return;
    MET(is_create ? CREATED : is_metadata ? METADATA_CHANGED : is_json ? CHANGED_BY_JSON : CHANGED_BY_KEYS);
    if (is_create)
        memset(known, 0, sizeof *known);
    known->is_there = 1;
    known->is_in_set |= is_into_set;
    for (int key = 0; key < 2; key++)
        if (value[key][0] != 0)
            memcpy(known->values[key], value[key], sizeof value[key]);
}

static void remove_item(Caller *caller, Known *known, const char *id)
{
    int is_metadata = is_once_in(caller, 2), exists = -1, length = -1;
    hestia_item_t item = is_metadata ? HESTIA_USER_METADATA : HESTIA_OBJECT;
    CHECK_OK(hestia_identify(item, HESTIA_ID, id, 36, NULL, &length, &exists));
    CHECK(exists == known->is_there && length == 0);
    MET(IDENTIFIED);
    if (is_once_in(caller, 2))
        return;
    Faults faults = known->is_there ? 0 : FAULT(HESTIA_ERROR_NOT_FOUND);
    if (!answered(caller, "remove", hestia_remove(item, HESTIA_ID, id, 36), faults))
        return;
    MET(is_metadata ? METADATA_REMOVED : REMOVED);
    memset(known->values, 0, sizeof known->values);
    if (!is_metadata)
        memset(known, 0, sizeof *known);
}

static int any_tier(Caller *caller)
{
    /* What is made up may add tiers, the first that are free. */
    int tier = (int)(is_once_in(caller, 8) ? 150 + draw(caller, 106) : draw(caller, TIERS));
    if (tier >= TIERS)
        MET(WRONG_TIER);
    return tier;
}

static void move_data(Caller *caller, Known *known, const char *id, char **activity)
{
    char buffer[CONTENT];
    int source = any_tier(caller), target = any_tier(caller), length = 0;
    while (is_once_in(caller, 2) && source < TIERS && (known->tiers >> source & 1) == 0)
        source = any_tier(caller);
    unsigned from = source < TIERS ? 1u << source : 0, to = target < TIERS ? 1u << target : 0;
    size_t size = draw(caller, sizeof buffer + 1), offset = 0;
    switch (draw(caller, 6)) {
    case 0:
        MET(HUGE_OFFSET);
        offset = SIZE_MAX - draw(caller, 70);
        break;
    case 1:
        MET(OFFSET_BEHIND);
        offset = known->size + 1 + draw(caller, 9);
        break;
    case 2:
        offset = draw(caller, known->size + 1);
        size = size < CONTENT - offset ? size : CONTENT - offset;
    }
    Faults faults = known->is_there ? 0 : FAULT(HESTIA_ERROR_NOT_FOUND);
    memset(buffer, 'a' + (int)draw(caller, 26), sizeof buffer);
    switch (draw(caller, 10)) {
    case 0:
        if (to == 0)
            faults |= FAULT(HESTIA_ERROR_NOT_FOUND);
        if (offset > known->size)
            faults |= FAULT(HESTIA_ERROR_BAD_INPUT_BUFFER);
        if (answered(caller, "data_put", hestia_data_put(id, buffer, size, offset, (uint8_t)target, activity, &length), faults)) {
            MET(PUT);
            memcpy(known->content + offset, buffer, size);
            known->size = offset == 0 || offset + size > known->size ? offset + size : known->size;
            known->has_data = 1;
            known->tiers = to;
        }
        check_action(caller, activity, "put_data", faults == 0);
        break;
    case 1:
    case 2: {
        size_t left = known->size > offset ? known->size - offset : 0;
        if (known->tiers == 0 || (known->tiers & from) == 0)
            faults |= FAULT(HESTIA_ERROR_NOT_FOUND);
        left = left < size ? left : size;
        if (answered(caller, "data_get", hestia_data_get(id, buffer, &size, offset, (uint8_t)source, activity, &length), faults)) {
            MET(GOT);
            CHECK(size == left && (left == 0 || memcmp(buffer, known->content + offset, left) == 0));
        }
        check_action(caller, activity, "get_data", faults == 0);
        break;
    }
    case 3:
    case 4:
    case 5:
    case 6: {
        int is_move = is_once_in(caller, 4);
        /* A move of what is on the target alone has happened already. */
        if (from == 0 || to == 0 || (known->tiers & (is_move ? from | to : from)) == 0)
            faults |= FAULT(HESTIA_ERROR_NOT_FOUND);
        if (source == target)
            faults |= FAULT(HESTIA_ERROR_UNKNOWN);
        int code = (is_move ? hestia_data_move : hestia_data_copy)(HESTIA_OBJECT, id, (uint8_t)source, (uint8_t)target, activity, &length);
        if (answered(caller, is_move ? "data_move" : "data_copy", code, faults)) {
            MET(is_move ? MOVED : COPIED);
            known->tiers = (is_move ? known->tiers & ~from : known->tiers) | to;
        }
        check_action(caller, activity, is_move ? "move_data" : "copy_data", faults == 0);
        break;
    }
    default:
        if (from == 0)
            faults |= FAULT(HESTIA_ERROR_NOT_FOUND);
        if (known->tiers != 0 && known->tiers == from) {
            MET(KEPT_LAST);
            faults |= FAULT(HESTIA_ERROR_UNKNOWN);
        }
        if (answered(caller, "data_release", hestia_data_release(HESTIA_OBJECT, id, (uint8_t)source, activity, &length), faults) &&
            (known->tiers & from) != 0) {
            MET(RELEASED);
            known->tiers &= ~from;
        }
        check_action(caller, activity, "release_data", faults == 0);
    }
}

static void call_on_own(Caller *caller)
{
    int index = (int)draw(caller, OBJECTS);
    Known *known = &((Known *)caller->model)[index];
    char id[37], *activity = NULL;
    own_id(caller, index, id);
    switch (draw(caller, 6)) {
    case 0:
    case 1:
        write_item(caller, known, id);
        break;
    case 2:
        remove_item(caller, known, id);
        break;
    default:
        move_data(caller, known, id, is_once_in(caller, 2) ? &activity : NULL);
    }
    verify(caller, index);
}

/* Pieces of what is right, joined at random. None of them is an id of the callers' own, nor lowers a capacity. */
static int any_input(Caller *caller, char *input)
{
    static const char *const pieces[] = {
        "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002", "\n", "\n\n", ",", "=", "0", "1:0",
        "user_metadata.data.k=v\n", "data.k=v\n", "name=n", "dataset.id=", "{\"id\": \"00000000-0000-0000-0000-000000000003\"}",
        "[", "]", "{}", "[{\"data\": {\"a\": [1, null]}}]", "action=copy_data\nsource_tier=0\ntarget_tier=1\nsubject_key=", "\xff",
        "capacity=0", "00000000-0000-0000-0000-000000000001:0",
    };
    int length = 0;
    input[0] = 0;
    for (uint64_t count = draw(caller, 5); count > 0; count--)
        length += snprintf(input + length, SIZE - (size_t)length, "%s", pieces[draw(caller, sizeof pieces / sizeof pieces[0])]);
    return length;
}

/* Anything at all: only the codes are known. */
static void call_at_random(Caller *caller)
{
    char input[SIZE], *output = NULL, **place = &output, buffer[64];
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
    MET(NOT_WELL_FORMED);
    if (item == HESTIA_ITEM_TYPE_COUNT)
        MET(WRONG_ITEM);
    if (is_once_in(caller, 30)) {
        MET(NEGATIVE_LENGTH);
        length = -1;
    }
    if (is_once_in(caller, 20)) {
        MET(NO_OUTPUT);
        place = NULL;
    }
    switch (draw(caller, 9)) {
    case 0:
    case 1:
        code = hestia_create(item, in, ids, input, length, out, place, &output_length);
        break;
    case 2:
        code = hestia_update(item, in, ids, input, length, out, place, &output_length);
        break;
    case 3:
    case 4:
        code = hestia_read(item, (hestia_query_format_t)draw(caller, 4), ids, (int)draw(caller, 4) - 1, (int)draw(caller, 5),
                           input, length, out, place, &output_length, &count);
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
        if (oid == NULL || *oid == 0)
            MET(WRONG_ID);
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
    answered(caller, "any", code, ~FAULT(HESTIA_ERROR_CLIENT_STATE));
}

static void *call_many(void *argument)
{
    Caller *caller = argument;
    char set[37];
    own_set(caller, set);
    caller->model = calloc(OBJECTS, sizeof(Known));
    CHECK(caller->model != NULL);
    CHECK_OK(hestia_create(HESTIA_DATASET, HESTIA_IO_IDS, HESTIA_ID, set, 36, HESTIA_IO_NONE, NULL, NULL));
    for (int index = 0; index < CALLS; index++) {
        caller->met[AT_ONCE] += __sync_add_and_fetch(&callers_at_once, 1) > 1;
        if (is_once_in(caller, 2))
            call_on_own(caller);
        else
            call_at_random(caller);
        __sync_sub_and_fetch(&callers_at_once, 1);
    }
    for (int index = 0; index < OBJECTS; index++)
        verify(caller, index);
    verify_set(caller);
    free(caller->model);
    return NULL;
}

int main(int count, char **arguments)
{
    Caller all;
    memset(&all, 0, sizeof all);
    CHECK(count == 2 && chdir(arguments[1]) == 0);
    CHECK_OK(hestia_initialize(NULL, NULL, "{\"event_feed\": {\"active\": false}}"));
    run_callers(THREADS, call_many, &all);
    for (int code = 0; code < HESTIA_ERROR_COUNT; code++)
        CHECK(all.codes[code] > 0 || code == HESTIA_ERROR_CLIENT_STATE || code == HESTIA_ERROR_BAD_STREAM);
    check_met(&all, met_names, MET_COUNT);
    CHECK_OK(hestia_finish());
    return 0;
}
