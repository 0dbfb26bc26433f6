/* Pins, with every kind of bad input. */
#include "bad_input.h"

#define PIN sizeof out.pin

static char long_text[256];

/* What each call on the pins of an object is asked; the arguments behind the owner follow. */
#define EVERY_PIN(function, ...)                                                       \
    BAD(INVALID, function, store, (NULL, id, 0, "o", 1, __VA_ARGS__));                 \
    CLOSED(function, store, (world.closed, id, 0, "o", 1, __VA_ARGS__));               \
    BAD(INVALID, function, id, (store, NULL, 0, "o", 1, __VA_ARGS__));                 \
    BAD(INVALID, function, id, (store, &world.zero, 0, "o", 1, __VA_ARGS__));          \
    BAD(INVALID, function, tier, (store, id, -1, "o", 1, __VA_ARGS__));                \
    BAD(INVALID, function, tier, (store, id, 256, "o", 1, __VA_ARGS__));               \
    BAD(INVALID, function, owner, (store, id, 0, NULL, 1, __VA_ARGS__));               \
    BAD(INVALID, function, owner, (store, id, 0, long_text, 256, __VA_ARGS__));        \
    UTF8(function, owner, (store, id, 0, NO_TEXT, SIZE_MAX, __VA_ARGS__));             \
    BAD(INVALID, function, owner_length, (store, id, 0, "o", TOO_LONG, __VA_ARGS__))

static void pins(void)
{
    const hsm_store *store = world.store;
    const hsm_id *id = &world.object;
    EVERY_PIN(hsm_object_pin, INT64_MAX, &out.position, &error);
    BAD(NOT_FOUND, hsm_object_pin, id, (store, &world.unknown, 0, "o", 1, INT64_MAX, &out.position, &error));
    BAD(NOT_FOUND, hsm_object_pin, tier, (store, id, 77, "o", 1, INT64_MAX, &out.position, &error));
    BAD(INVALID, hsm_object_pin, until_ns, (store, id, 0, "o", 1, 0, &out.position, &error));
    BAD(INVALID, hsm_object_pin, until_ns, (store, id, 0, "o", 1, -1, &out.position, &error));
    FINE(hsm_object_pin, position_out, (store, id, 0, "o", 1, INT64_MAX, NULL, &error));
    SAYS(REFUSED, "hsm_object_unpin", hsm_object_move, source, (store, id, 0, 1, &out.position, &error));
    SAYS(REFUSED, "hsm_object_unpin", hsm_object_release, force, (store, id, 0, 1, &out.position, &error));
    EVERY_PIN(hsm_object_unpin, &out.position, &error);
    FINE(hsm_object_unpin, position_out, (store, id, 3, "o", 1, NULL, &error));
    FINE(hsm_object_unpin, id, (store, &world.unknown, 0, "o", 1, &out.position, &error));
}

static void pins_of_many(void)
{
    const hsm_store *store = world.store;
    const hsm_id *id = &world.object;
    BAD(INVALID, hsm_objects_pin, store, (NULL, id, 1, 0, "p", 1, INT64_MAX, &out.position, &error));
    CLOSED(hsm_objects_pin, store, (world.closed, id, 1, 0, "p", 1, INT64_MAX, &out.position, &error));
    BAD(INVALID, hsm_objects_pin, ids, (store, NULL, 1, 0, "p", 1, INT64_MAX, &out.position, &error));
    BAD(INVALID, hsm_objects_pin, ids, (store, &world.zero, 1, 0, "p", 1, INT64_MAX, &out.position, &error));
    BAD(NOT_FOUND, hsm_objects_pin, ids, (store, &world.unknown, 1, 0, "p", 1, INT64_MAX, &out.position, &error));
    BAD(INVALID, hsm_objects_pin, count, (store, id, TOO_LONG, 0, "p", 1, INT64_MAX, &out.position, &error));
    BAD(INVALID, hsm_objects_pin, ids, (store, id, 0, 0, "p", 1, INT64_MAX, &out.position, &error));
    BAD(INVALID, hsm_objects_pin, tier, (store, id, 1, -1, "p", 1, INT64_MAX, &out.position, &error));
    BAD(NOT_FOUND, hsm_objects_pin, tier, (store, id, 1, 77, "p", 1, INT64_MAX, &out.position, &error));
    BAD(INVALID, hsm_objects_pin, owner, (store, id, 1, 0, NULL, 1, INT64_MAX, &out.position, &error));
    BAD(INVALID, hsm_objects_pin, owner, (store, id, 1, 0, long_text, 256, INT64_MAX, &out.position, &error));
    UTF8(hsm_objects_pin, owner, (store, id, 1, 0, NO_TEXT, SIZE_MAX, INT64_MAX, &out.position, &error));
    BAD(INVALID, hsm_objects_pin, owner_length, (store, id, 1, 0, "p", TOO_LONG, INT64_MAX, &out.position, &error));
    BAD(INVALID, hsm_objects_pin, until_ns, (store, id, 1, 0, "p", 1, 0, &out.position, &error));
    FINE(hsm_objects_pin, position_out, (store, id, 1, 0, "p", 1, INT64_MAX, NULL, &error));
    BAD(INVALID, hsm_objects_pin_all, store, (NULL, NULL, 0, "p", 1, INT64_MAX, &out.number, &error));
    CLOSED(hsm_objects_pin_all, store, (world.closed, NULL, 0, "p", 1, INT64_MAX, &out.number, &error));
    FINE(hsm_objects_pin_all, query, (store, NULL, 0, "p", 1, INT64_MAX, &out.number, &error));
    BAD(INVALID, hsm_objects_pin_all, tier, (store, NULL, -1, "p", 1, INT64_MAX, &out.number, &error));
    BAD(NOT_FOUND, hsm_objects_pin_all, tier, (store, NULL, 77, "p", 1, INT64_MAX, &out.number, &error));
    BAD(INVALID, hsm_objects_pin_all, owner, (store, NULL, 0, NULL, 1, INT64_MAX, &out.number, &error));
    UTF8(hsm_objects_pin_all, owner, (store, NULL, 0, NO_TEXT, SIZE_MAX, INT64_MAX, &out.number, &error));
    BAD(INVALID, hsm_objects_pin_all, owner_length, (store, NULL, 0, "p", TOO_LONG, INT64_MAX, &out.number, &error));
    BAD(INVALID, hsm_objects_pin_all, until_ns, (store, NULL, 0, "p", 1, -1, &out.number, &error));
    FINE(hsm_objects_pin_all, count_out, (store, NULL, 0, "p", 1, INT64_MAX, NULL, &error));
    BAD(INVALID, hsm_objects_unpin_all, store, (NULL, -1, "p", 1, &out.number, &error));
    CLOSED(hsm_objects_unpin_all, store, (world.closed, -1, "p", 1, &out.number, &error));
    BAD(INVALID, hsm_objects_unpin_all, tier, (store, -2, "p", 1, &out.number, &error));
    BAD(INVALID, hsm_objects_unpin_all, tier, (store, 256, "p", 1, &out.number, &error));
    BAD(INVALID, hsm_objects_unpin_all, owner, (store, -1, NULL, 1, &out.number, &error));
    BAD(INVALID, hsm_objects_unpin_all, owner, (store, -1, long_text, 256, &out.number, &error));
    UTF8(hsm_objects_unpin_all, owner, (store, -1, NO_TEXT, SIZE_MAX, &out.number, &error));
    BAD(INVALID, hsm_objects_unpin_all, owner_length, (store, -1, "p", TOO_LONG, &out.number, &error));
    FINE(hsm_objects_unpin_all, count_out, (store, -1, "p", 1, NULL, &error));
}

static void listing(void)
{
    const hsm_store *store = world.store;
    hsm_pin_info after;
    CHECK_OK(hsm_pin_next(store, NULL, 0, NULL, -1, NULL, 0, &after, sizeof after, &error));
    BAD(INVALID, hsm_pin_next, store, (NULL, NULL, 0, NULL, -1, NULL, 0, &out.pin, PIN, &error));
    CLOSED(hsm_pin_next, store, (world.closed, NULL, 0, NULL, -1, NULL, 0, &out.pin, PIN, &error));
    FINE(hsm_pin_next, after, (store, NULL, 0, NULL, -1, NULL, 0, &out.pin, PIN, &error));
    BAD(END, hsm_pin_next, after, (store, &after, sizeof after, NULL, -1, NULL, 0, &out.pin, PIN, &error));
    BAD(INVALID, hsm_pin_next, after_size, (store, &after, 0, NULL, -1, NULL, 0, &out.pin, PIN, &error));
    BAD(INVALID, hsm_pin_next, after_size, (store, &after, TOO_LONG, NULL, -1, NULL, 0, &out.pin, PIN, &error));
    FINE(hsm_pin_next, object, (store, NULL, 0, NULL, -1, NULL, 0, &out.pin, PIN, &error));
    BAD(END, hsm_pin_next, object, (store, NULL, 0, &world.unknown, -1, NULL, 0, &out.pin, PIN, &error));
    BAD(INVALID, hsm_pin_next, tier, (store, NULL, 0, NULL, -2, NULL, 0, &out.pin, PIN, &error));
    BAD(INVALID, hsm_pin_next, tier, (store, NULL, 0, NULL, 256, NULL, 0, &out.pin, PIN, &error));
    FINE(hsm_pin_next, owner, (store, NULL, 0, NULL, -1, NULL, 9, &out.pin, PIN, &error));
    UTF8(hsm_pin_next, owner, (store, NULL, 0, NULL, -1, NO_TEXT, SIZE_MAX, &out.pin, PIN, &error));
    BAD(INVALID, hsm_pin_next, owner_length, (store, NULL, 0, NULL, -1, "o", TOO_LONG, &out.pin, PIN, &error));
    BAD(INVALID, hsm_pin_next, info_out, (store, NULL, 0, NULL, -1, NULL, 0, NULL, PIN, &error));
    BAD(INVALID, hsm_pin_next, info_size, (store, NULL, 0, NULL, -1, NULL, 0, &out.pin, 0, &error));
    memset(after.owner, 'o', sizeof after.owner);
    SAYS(INVALID, "owner", hsm_pin_next, after, (store, &after, sizeof after, NULL, -1, NULL, 0, &out.pin, PIN, &error));
    after.owner[0] = '\0';
    after.tier = 256;
    SAYS(INVALID, "tier", hsm_pin_next, after, (store, &after, sizeof after, NULL, -1, NULL, 0, &out.pin, PIN, &error));
}

int main(int argc, char **argv)
{
    memset(long_text, 'o', sizeof long_text);
    open_world(argc, argv);
    close_the_other();
    pins();
    pins_of_many();
    listing();
    close_world();
    return 0;
}
