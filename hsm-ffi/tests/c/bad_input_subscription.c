/* Bad input: subscribers, subscriptions, sinks, the retention, times of access. */
#include "bad_input.h"

#define INFO sizeof out.subscriber

static void subscribers(void)
{
    const hsm_store *store = world.store;
    hsm_position later = world.position;
    later.number += 1000;
    BAD(INVALID, hsm_subscriber_create, store, (NULL, "n", 1, NULL, &error));
    CLOSED(hsm_subscriber_create, store, (world.closed, "n", 1, NULL, &error));
    BAD(INVALID, hsm_subscriber_create, name, (store, NULL, 1, NULL, &error));
    BAD(INVALID, hsm_subscriber_create, name, (store, "", 0, NULL, &error));
    UTF8(hsm_subscriber_create, name, (store, NO_TEXT, SIZE_MAX, NULL, &error));
    BAD(INVALID, hsm_subscriber_create, name_length, (store, "n", TOO_LONG, NULL, &error));
    SAYS(INVALID, "position", hsm_subscriber_create, after, (store, "n", 1, &later, &error));
    BAD(EXISTS, hsm_subscriber_create, name, (store, "mirror", 6, NULL, &error));

    BAD(INVALID, hsm_subscriber_next, store, (NULL, NULL, 0, out.buffer, 256, &out.length, &out.subscriber, INFO, &error));
    CLOSED(hsm_subscriber_next, store,
           (world.closed, NULL, 0, out.buffer, 256, &out.length, &out.subscriber, INFO, &error));
    FINE(hsm_subscriber_next, after, (store, NULL, 0, out.buffer, 256, &out.length, &out.subscriber, INFO, &error));
    BAD(END, hsm_subscriber_next, after, (store, "z", 1, out.buffer, 256, &out.length, &out.subscriber, INFO, &error));
    UTF8(hsm_subscriber_next, after,
         (store, NO_TEXT, SIZE_MAX, out.buffer, 256, &out.length, &out.subscriber, INFO, &error));
    BAD(INVALID, hsm_subscriber_next, after_length,
        (store, "a", TOO_LONG, out.buffer, 256, &out.length, &out.subscriber, INFO, &error));
    BAD(INVALID, hsm_subscriber_next, buffer, (store, NULL, 0, NULL, 256, &out.length, &out.subscriber, INFO, &error));
    BAD(BUFFER_TOO_SMALL, hsm_subscriber_next, buffer_size,
        (store, NULL, 0, out.buffer, 6, &out.length, &out.subscriber, INFO, &error));
    FINE(hsm_subscriber_next, length_out, (store, NULL, 0, out.buffer, 256, NULL, &out.subscriber, INFO, &error));
    BAD(INVALID, hsm_subscriber_next, info_out, (store, NULL, 0, out.buffer, 256, &out.length, NULL, INFO, &error));
    BAD(INVALID, hsm_subscriber_next, info_size,
        (store, NULL, 0, out.buffer, 256, &out.length, &out.subscriber, 0, &error));
    BAD(INVALID, hsm_subscriber_next, info_size,
        (store, NULL, 0, out.buffer, 256, &out.length, &out.subscriber, TOO_LONG, &error));

    BAD(INVALID, hsm_subscriber_drop, store, (NULL, "mirror", 6, &error));
    CLOSED(hsm_subscriber_drop, store, (world.closed, "mirror", 6, &error));
    BAD(INVALID, hsm_subscriber_drop, name, (store, NULL, 6, &error));
    UTF8(hsm_subscriber_drop, name, (store, NO_TEXT, SIZE_MAX, &error));
    BAD(INVALID, hsm_subscriber_drop, name_length, (store, "mirror", TOO_LONG, &error));
    BAD(NOT_FOUND, hsm_subscriber_drop, name, (store, "nobody", SIZE_MAX, &error));
}

static void retention(void)
{
    const hsm_store *store = world.store;
    BAD(INVALID, hsm_store_set_retention, store, (NULL, 1, 1, &out.position, &error));
    CLOSED(hsm_store_set_retention, store, (world.closed, 1, 1, &out.position, &error));
    FINE(hsm_store_set_retention, events_max, (store, UINT64_MAX, 1, &out.position, &error));
    FINE(hsm_store_set_retention, age_max_ns, (store, UINT64_MAX, UINT64_MAX, &out.position, &error));
    FINE(hsm_store_set_retention, position_out, (store, UINT64_MAX, UINT64_MAX, NULL, &error));
    BAD(INVALID, hsm_store_retention, store, (NULL, &out.number, &out.number, &error));
    CLOSED(hsm_store_retention, store, (world.closed, &out.number, &out.number, &error));
    BAD(INVALID, hsm_store_retention, events_max_out, (store, NULL, &out.number, &error));
    BAD(INVALID, hsm_store_retention, age_max_ns_out, (store, &out.number, NULL, &error));
}

static void access(void)
{
    const hsm_store *store = world.store;
    BAD(INVALID, hsm_store_set_access_staleness, store, (NULL, 1, &out.position, &error));
    CLOSED(hsm_store_set_access_staleness, store, (world.closed, 1, &out.position, &error));
    FINE(hsm_store_set_access_staleness, staleness_ns, (store, UINT64_MAX - 1, &out.position, &error));
    FINE(hsm_store_set_access_staleness, position_out, (store, UINT64_MAX, NULL, &error));
    BAD(INVALID, hsm_store_access_staleness, store, (NULL, &out.number, &error));
    CLOSED(hsm_store_access_staleness, store, (world.closed, &out.number, &error));
    BAD(INVALID, hsm_store_access_staleness, staleness_ns_out, (store, NULL, &error));
}

static void opens(void)
{
    const hsm_store *store = world.store;
    BAD(INVALID, hsm_subscription_open, store, (NULL, "mirror", 6, &made.subscription, &error));
    CLOSED(hsm_subscription_open, store, (world.closed, "mirror", 6, &made.subscription, &error));
    BAD(INVALID, hsm_subscription_open, name, (store, NULL, 6, &made.subscription, &error));
    BAD(NOT_FOUND, hsm_subscription_open, name, (store, "nobody", 6, &made.subscription, &error));
    BAD(BUSY, hsm_subscription_open, name, (store, "mirror", 6, &made.subscription, &error));
    UTF8(hsm_subscription_open, name, (store, NO_TEXT, SIZE_MAX, &made.subscription, &error));
    BAD(INVALID, hsm_subscription_open, name_length, (store, "mirror", TOO_LONG, &made.subscription, &error));
    BAD(INVALID, hsm_subscription_open, subscription_out, (store, "mirror", 6, NULL, &error));
    BAD(INVALID, hsm_subscription_follow, store, (NULL, NULL, &made.subscription, &error));
    CLOSED(hsm_subscription_follow, store, (world.closed, NULL, &made.subscription, &error));
    FINE(hsm_subscription_follow, after, (store, NULL, &made.subscription, &error));
    BAD(INVALID, hsm_subscription_follow, subscription_out, (store, NULL, NULL, &error));
}

static void filters(hsm_subscription *its, hsm_subscription *closed)
{
    BAD(INVALID, hsm_subscription_add_kind, subscription, (NULL, 1, &error));
    FINE_CLOSED(hsm_subscription_add_kind, subscription, (closed, 1, &error));
    BAD(INVALID, hsm_subscription_add_kind, kind, (its, -1, &error));
    BAD(INVALID, hsm_subscription_add_kind, kind, (its, 17, &error));
    BAD(INVALID, hsm_subscription_leave_out_kind, subscription, (NULL, 1, &error));
    FINE_CLOSED(hsm_subscription_leave_out_kind, subscription, (closed, 1, &error));
    BAD(INVALID, hsm_subscription_leave_out_kind, kind, (its, -1, &error));
    BAD(INVALID, hsm_subscription_leave_out_kind, kind, (its, 17, &error));
    BAD(INVALID, hsm_subscription_set_dataset, subscription, (NULL, &world.dataset, &error));
    FINE_CLOSED(hsm_subscription_set_dataset, subscription, (closed, &world.dataset, &error));
    FINE(hsm_subscription_set_dataset, dataset, (its, NULL, &error));
    BAD(INVALID, hsm_subscription_set_dataset, dataset, (its, &world.zero, &error));
    BAD(INVALID, hsm_subscription_set_attribute, subscription, (NULL, "n", 1, "v", 1, &error));
    FINE_CLOSED(hsm_subscription_set_attribute, subscription, (closed, "n", 1, "v", 1, &error));
    UTF8(hsm_subscription_set_attribute, name, (its, NO_TEXT, SIZE_MAX, "v", 1, &error));
    SAYS(INVALID, "attribute", hsm_subscription_set_attribute, name, (its, "", 0, "v", 1, &error));
    BAD(INVALID, hsm_subscription_set_attribute, name_length, (its, "n", TOO_LONG, "v", 1, &error));
    FINE(hsm_subscription_set_attribute, value, (its, "n", 1, NULL, 1, &error));
    BAD(INVALID, hsm_subscription_set_attribute, value_length, (its, "n", 1, "v", TOO_LONG, &error));
    FINE(hsm_subscription_set_attribute, name, (its, NULL, 1, NULL, 1, &error));
}

static void subscriptions(hsm_subscription *its, hsm_subscription *closed, hsm_subscription *nameless)
{
    hsm_position later = world.position;
    later.number += 1000;
    PLAIN(hsm_subscription_free, subscription, (hsm_subscription_free(NULL), 1));
    BAD(INVALID, hsm_subscription_next, subscription, (NULL, 0, &out.event, &error));
    CLOSED(hsm_subscription_next, subscription, (closed, -1, &out.event, &error));
    BAD(INVALID, hsm_subscription_next, timeout_ms, (its, -2, &out.event, &error));
    BAD(INVALID, hsm_subscription_next, event_out, (its, 0, NULL, &error));
    BAD(INVALID, hsm_subscription_gap, subscription, (NULL, &out.position, &out.position, &error));
    FINE_CLOSED(hsm_subscription_gap, subscription, (closed, &out.position, &out.position, &error));
    BAD(INVALID, hsm_subscription_gap, from_out, (its, NULL, &out.position, &error));
    BAD(INVALID, hsm_subscription_gap, to_out, (its, &out.position, NULL, &error));
    BAD(INVALID, hsm_subscription_position, subscription, (NULL, &out.position, &error));
    FINE_CLOSED(hsm_subscription_position, subscription, (closed, &out.position, &error));
    BAD(INVALID, hsm_subscription_position, position_out, (its, NULL, &error));
    BAD(INVALID, hsm_subscription_ack, subscription, (NULL, NULL, HSM_DURABLE, &error));
    BAD(INVALID, hsm_subscription_ack, subscription, (nameless, NULL, HSM_DURABLE, &error));
    CLOSED(hsm_subscription_ack, subscription, (closed, NULL, HSM_DURABLE, &error));
    FINE(hsm_subscription_ack, position, (its, NULL, HSM_RELAXED, &error));
    BAD(INVALID, hsm_subscription_ack, position, (its, &later, HSM_RELAXED, &error));
    BAD(INVALID, hsm_subscription_ack, durability, (its, NULL, 2, &error));
    BAD(INVALID, hsm_subscription_acked, subscription, (NULL, &out.position, &error));
    FINE_CLOSED(hsm_subscription_acked, subscription, (closed, &out.position, &error));
    BAD(END, hsm_subscription_acked, subscription, (nameless, &out.position, &error));
    BAD(INVALID, hsm_subscription_acked, position_out, (its, NULL, &error));
    BAD(INVALID, hsm_subscription_descriptor, subscription, (NULL, &out.int32, &error));
    CLOSED(hsm_subscription_descriptor, subscription, (closed, &out.int32, &error));
    BAD(INVALID, hsm_subscription_descriptor, descriptor_out, (its, NULL, &error));
}

static void sinks(hsm_sink *its, hsm_sink *closed, const char *directory)
{
    const hsm_store *store = world.store;
    char path[4096], lost[4096];
    snprintf(path, sizeof path, "%s/../sunk", directory);
    snprintf(lost, sizeof lost, "%s/../missing/sunk", directory);
#define OPEN(store, name, name_length, path, path_length, out) \
    (store, name, name_length, path, path_length, NULL, 0, 0, out, &error)
    BAD(INVALID, hsm_sink_open, store, OPEN(NULL, "sink", 4, path, SIZE_MAX, &made.sink));
    CLOSED(hsm_sink_open, store, OPEN(world.closed, "sink", 4, path, SIZE_MAX, &made.sink));
    BAD(INVALID, hsm_sink_open, name, OPEN(store, NULL, 4, path, SIZE_MAX, &made.sink));
    BAD(INVALID, hsm_sink_open, name, OPEN(store, "", 0, path, SIZE_MAX, &made.sink));
    UTF8(hsm_sink_open, name, OPEN(store, NO_TEXT, SIZE_MAX, path, SIZE_MAX, &made.sink));
    BAD(INVALID, hsm_sink_open, name_length, OPEN(store, "sink", TOO_LONG, path, SIZE_MAX, &made.sink));
    BAD(INVALID, hsm_sink_open, path, OPEN(store, "sink", 4, NULL, SIZE_MAX, &made.sink));
    SAYS(IO, "Is a directory", hsm_sink_open, path, OPEN(store, "sink", 4, directory, SIZE_MAX, &made.sink));
    SAYS(IO, "No such file", hsm_sink_open, path, OPEN(store, "sink", 4, lost, SIZE_MAX, &made.sink));
    BAD(INVALID, hsm_sink_open, path_length, OPEN(store, "sink", 4, path, TOO_LONG, &made.sink));
    BAD(BUSY, hsm_sink_open, name, OPEN(store, "sunk", 4, path, SIZE_MAX, &made.sink));
    BAD(INVALID, hsm_sink_open, sink_out, OPEN(store, "sink", 4, path, SIZE_MAX, NULL));
#undef OPEN
    FINE(hsm_sink_open, after, (store, "sink", 4, path, SIZE_MAX, NULL, 0, 0, &made.sink, &error));
    FINE(hsm_sink_open, max_bytes, (store, "sink", 4, path, SIZE_MAX, NULL, UINT64_MAX, 0, &made.sink, &error));
    FINE(hsm_sink_open, keep, (store, "sink", 4, path, SIZE_MAX, NULL, 0, UINT64_MAX, &made.sink, &error));
    PLAIN(hsm_sink_free, sink, (hsm_sink_free(NULL), 1));
    BAD(INVALID, hsm_sink_pump, sink, (NULL, 0, &out.number, &error));
    CLOSED(hsm_sink_pump, sink, (closed, -1, &out.number, &error));
    BAD(INVALID, hsm_sink_pump, timeout_ms, (its, -2, &out.number, &error));
    FINE(hsm_sink_pump, documents_out, (its, 0, NULL, &error));
}

int main(int argc, char **argv)
{
    hsm_sink *sink = NULL, *closed_sink = NULL;
    char sunk[4096];
    hsm_subscription *its = NULL, *closed = NULL, *nameless = NULL;
    open_world(argc, argv);
    CHECK_OK(hsm_subscriber_create(world.store, "mirror", SIZE_MAX, NULL, &error));
    CHECK_OK(hsm_subscriber_create(world.store, "other", SIZE_MAX, NULL, &error));
    CHECK_OK(hsm_subscription_open(world.store, "mirror", SIZE_MAX, &its, &error));
    CHECK_OK(hsm_subscription_open(world.closed, "other", SIZE_MAX, &closed, &error));
    CHECK_OK(hsm_subscription_follow(world.store, NULL, &nameless, &error));
    snprintf(sunk, sizeof sunk, "%s/../sunk.yaml", argv[1]);
    CHECK_OK(hsm_sink_open(world.store, "sunk", SIZE_MAX, sunk, SIZE_MAX, NULL, 0, 0, &sink, &error));
    snprintf(sunk, sizeof sunk, "%s/../closed.yaml", argv[1]);
    CHECK_OK(hsm_sink_open(world.closed, "closed", SIZE_MAX, sunk, SIZE_MAX, NULL, 0, 0, &closed_sink, &error));
    close_the_other();
    sinks(sink, closed_sink, argv[1]);
    hsm_sink_free(sink);
    hsm_sink_free(closed_sink);
    subscribers();
    retention();
    access();
    opens();
    filters(its, closed);
    subscriptions(its, closed, nameless);
    hsm_subscription_free(its);
    hsm_subscription_free(closed);
    hsm_subscription_free(nameless);
    close_world();
    return 0;
}
