/*
 * What the programs bad_input_*.c share: one case for each wrong argument of each function.
 *
 * After every case the answer and the error are looked at, the outputs must be untouched, the places for
 * handles NULL, and the store as it was: its last position, its tiers, its listing, and an object's content.
 * Each case is printed. hsm-ffi/tests/bad_input.rs reads that beside hsm.h, says what must be there, and fails
 * where a function or an argument of one lacks it.
 */
#ifndef BAD_INPUT_H
#define BAD_INPUT_H

#include "check.h"

/* A call that answers HSM_STATUS_<wanted> since `argument` is as it is; INVALID names it in its message. */
#define BAD(wanted, function, argument, arguments) \
    CASE("BAD", HSM_STATUS_##wanted, NULL, function, argument, arguments)
/* The same, and the message has these words. */
#define SAYS(wanted, words, function, argument, arguments) \
    CASE("SAYS", HSM_STATUS_##wanted, words, function, argument, arguments)
/* A text that is not UTF-8. */
#define UTF8(function, argument, arguments) \
    CASE("UTF8", HSM_STATUS_INVALID, "UTF-8", function, argument, arguments)
/* A handle of a store that was closed. */
#define CLOSED(function, argument, arguments) \
    CASE("CLOSED", HSM_STATUS_CLOSED, "closed", function, argument, arguments)
/* A handle that was committed or finished. */
#define CONSUMED(function, argument, arguments) \
    CASE("CONSUMED", HSM_STATUS_CLOSED, "can only be freed", function, argument, arguments)
/* What looks wrong and is right: an argument that may be left out, a handle that still answers. */
#define FINE(function, argument, arguments) CASE("FINE", HSM_STATUS_OK, NULL, function, argument, arguments)
#define FINE_CLOSED(function, argument, arguments) \
    CASE("FINE_CLOSED", HSM_STATUS_OK, NULL, function, argument, arguments)
#define FINE_CONSUMED(function, argument, arguments) \
    CASE("FINE_CONSUMED", HSM_STATUS_OK, NULL, function, argument, arguments)
/* A function that answers no status. */
#define PLAIN(function, argument, condition)                           \
    do {                                                               \
        print_case("PLAIN", #function, #argument, #condition);         \
        CHECK(condition);                                              \
    } while (0)

#define CASE(kind, wanted, words, function, argument, arguments)                                              \
    do {                                                                                                      \
        print_case(kind, #function, #argument, #arguments);                                                   \
        before_case();                                                                                        \
        after_case(function arguments, (wanted), (words), #function, #argument, #arguments, __FILE__, __LINE__); \
    } while (0)

/* No text; a length that no memory has; an id that nothing has. */
#define NO_TEXT "no \xff text"
#define TOO_LONG ((size_t)PTRDIFF_MAX + 1)

/* Places for what calls give, filled with a pattern before each case. */
static struct outs {
    char buffer[4096];
    size_t length, count;
    uint64_t number;
    int32_t int32;
    hsm_id id;
    hsm_position position;
    hsm_put_result put;
    hsm_tier_info tier;
    hsm_dataset_info dataset;
    hsm_object_info object;
    hsm_copy_info copy;
    hsm_maintained maintained;
    hsm_reconciled reconciled;
    hsm_restored restored;
    hsm_rebuilt rebuilt;
    hsm_got_into got;
    hsm_snapshot_info snapshot;
    hsm_checked checked;
    hsm_scrubbed scrubbed;
    hsm_compacted compacted;
    hsm_subscriber_info subscriber;
    hsm_action_info action;
    hsm_group_info group;
    hsm_ran ran;
    hsm_delay_info delay;
    hsm_copy_state copy_state;
    hsm_recall_info recall;
    hsm_pin_info pin;
    hsm_limits limits;
    const uint8_t *bytes, *value;
    const char *text;
    const hsm_attributes *attributes;
    const hsm_object *lent;
    const hsm_event *event;
    hsm_event_info event_info;
    hsm_status statuses[2];
} out;

/* Places for handles. What a case makes is freed after it. */
#define HANDLES(X)                                                                                    \
    X(store) X(store_options) X(attributes) X(tier_settings) X(dataset) X(object) X(query) X(cursor)  \
    X(put_options) X(writer) X(parts) X(part) X(reader) X(batch) X(feed) X(subscription) X(sink) X(action_options)
#define PLACE(name) hsm_##name *name;
static struct {
    HANDLES(PLACE)
} made;

/* The store that all cases work on, and one handle of it that is closed. */
static struct {
    hsm_store *store, *closed;
    hsm_id object, dataset, unknown, zero;
    hsm_position position;
    size_t listed, sum;
} world;

/* A pointer that is not NULL and is never followed: what a place holds before a call. */
static char pattern;
#define PATTERN ((void *)&pattern)

static inline void print_case(const char *kind, const char *function, const char *argument, const char *arguments)
{
    printf("case\t%s\t%s\t%s\t%s\n", kind, function, argument, arguments);
}

#define FILL(name) made.name = PATTERN;
static inline void before_case(void)
{
    memset(&out, 0xa5, sizeof out);
    HANDLES(FILL)
    error = PATTERN;
}

static inline void fail_case(const char *function, const char *argument, const char *why, const char *file, int line)
{
    fprintf(stderr, "%s:%d: %s with a bad %s: %s\n", file, line, function, argument, why);
    exit(1);
}

/* Whether a message names an argument: data for data_size, result for result_out. */
static inline int names_argument(const char *message, const char *argument)
{
    char word[64];
    size_t length = strcspn(argument, "_");
    if (length >= sizeof word)
        return 0;
    memcpy(word, argument, length);
    word[length] = '\0';
    return strstr(message, word) != NULL || (strcmp(word, "size") == 0 && strstr(message, "length") != NULL);
}

/* Looks at the position, the listing, the tiers and a content of the store. */
static inline void look_at_store(hsm_position *position, size_t *listed, size_t *sum)
{
    hsm_cursor *cursor = NULL;
    const hsm_object *object;
    hsm_object_info info;
    hsm_status status;
    char back[64], tiers[8192];
    size_t read = 0, i;
    *listed = *sum = 0;
    CHECK_OK(hsm_store_position(world.store, position, &error));
    CHECK_OK(hsm_cursor_open(world.store, NULL, &cursor, &error));
    while ((status = hsm_cursor_next(cursor, &object, NULL, NULL, &error)) == HSM_STATUS_OK) {
        CHECK_OK(hsm_object_stat(object, &info, sizeof info, &error));
        for (i = 0; i < sizeof info.id.bytes; i++)
            *sum = *sum * 31 + info.id.bytes[i];
        *sum = *sum * 31 + (size_t)info.generation;
        ++*listed;
    }
    CHECK_STATUS(status, HSM_STATUS_END);
    hsm_cursor_free(cursor);
    CHECK_OK(hsm_tiers_export(world.store, tiers, sizeof tiers, &read, &error));
    for (i = 0; i < read; i++)
        *sum = *sum * 31 + (unsigned char)tiers[i];
    CHECK_OK(hsm_object_get(world.store, &world.object, -1, 0, back, sizeof back, &read, &error));
    CHECK(read == 11 && memcmp(back, "first bytes", read) == 0);
}

#define CHECK_HANDLE(name)                                                                             \
    if (strstr(arguments, "&made." #name ",") == NULL ? made.name != PATTERN                           \
                                                      : wanted != HSM_STATUS_OK && made.name != NULL)  \
        fail_case(function, argument, "the place for a " #name " is not as it should be", file, line); \
    if (made.name != PATTERN)                                                                          \
        hsm_##name##_free(made.name);

static inline void after_case(hsm_status got, hsm_status wanted, const char *words, const char *function,
                              const char *argument, const char *arguments, const char *file, int line)
{
    struct outs untouched;
    hsm_position position;
    size_t listed, sum;
    const char *message = error == PATTERN ? "" : hsm_error_message(error);
    if (got != wanted) {
        fprintf(stderr, "%s:%d: %s with a bad %s answered %s, not %s: %s\n", file, line, function, argument,
                hsm_status_name(got), hsm_status_name(wanted), message);
        exit(1);
    }
    if (error == PATTERN)
        fail_case(function, argument, "the place for an error was not written", file, line);
    if (got < 16 ? error != NULL : hsm_error_status(error) != got || message[0] == '\0')
        fail_case(function, argument, "the error does not fit the answer", file, line);
    if (words != NULL ? strstr(message, words) == NULL
                      : wanted == HSM_STATUS_INVALID && !names_argument(message, argument))
        fail_case(function, argument, message, file, line);
    hsm_error_free(error);
    error = NULL;

    HANDLES(CHECK_HANDLE)
    if (wanted != HSM_STATUS_OK) {
        memset(&untouched, 0xa5, sizeof untouched);
        if (wanted == HSM_STATUS_BUFFER_TOO_SMALL)
            untouched.length = out.length;
        /* A place for what is lent is NULL after a failure, as one for a handle, or untouched. */
        if (out.attributes == NULL)
            untouched.attributes = NULL;
        if (out.lent == NULL)
            untouched.lent = NULL;
        if (out.event == NULL)
            untouched.event = NULL;
        if (memcmp(&out, &untouched, sizeof out) != 0)
            fail_case(function, argument, "an output was written", file, line);
    }

    look_at_store(&position, &listed, &sum);
    if (wanted != HSM_STATUS_OK && (memcmp(&position, &world.position, sizeof position) != 0 ||
                                    listed != world.listed || sum != world.sum))
        fail_case(function, argument, "the store is not as it was", file, line);
    world.position = position;
    world.listed = listed;
    world.sum = sum;
}

/* Makes the store, with an object that has a key and attributes, and takes a handle that will be closed. */
static inline void open_world(int argc, char **argv)
{
    hsm_put_options *options = NULL;
    hsm_attributes *attributes = NULL;
    hsm_put_result put;
    CHECK(argc == 2);
    CHECK_OK(hsm_store_open(argv[1], SIZE_MAX, NULL, &world.store, &error));
    CHECK_OK(hsm_store_open(argv[1], SIZE_MAX, NULL, &world.closed, &error));
    CHECK_OK(hsm_attributes_new(&attributes, &error));
    CHECK_OK(hsm_attributes_set(attributes, "name", SIZE_MAX, "value", 5, &error));
    CHECK_OK(hsm_dataset_create(world.store, "set", SIZE_MAX, attributes, &world.dataset, &error));
    CHECK_OK(hsm_put_options_new(&options, &error));
    CHECK_OK(hsm_put_options_set_key(options, &world.dataset, "key", SIZE_MAX, &error));
    CHECK_OK(hsm_put_options_set_attributes(options, attributes, &error));
    CHECK_OK(hsm_put_options_add_digest(options, "md5", SIZE_MAX, &error));
    CHECK_OK(hsm_object_put(world.store, "first bytes", 11, options, &put, sizeof put, &error));
    world.object = put.id;
    hsm_put_options_free(options);
    hsm_attributes_free(attributes);
    CHECK_OK(hsm_store_new_id(world.store, &world.unknown, &error));
    look_at_store(&world.position, &world.listed, &world.sum);
}

static inline void close_the_other(void)
{
    CHECK_OK(hsm_store_close(world.closed, &error));
}

static inline void close_world(void)
{
    hsm_store_free(world.closed);
    CHECK_OK(hsm_store_close(world.store, &error));
    hsm_store_free(world.store);
}

#endif
