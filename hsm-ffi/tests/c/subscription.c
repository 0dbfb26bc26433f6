/* Subscribers keep their positions; subscriptions wait, are woken, filter, acknowledge, tell of gaps. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

static hsm_position put(const hsm_store *store)
{
    hsm_put_result result;
    CHECK_OK(hsm_object_put(store, "x", 1, NULL, &result, sizeof result, &error));
    return result.position;
}

static hsm_event_info next(hsm_subscription *subscription, int32_t timeout_ms)
{
    const hsm_event *event = NULL;
    hsm_event_info info;
    CHECK_OK(hsm_subscription_next(subscription, timeout_ms, &event, &error));
    CHECK_OK(hsm_event_stat(event, &info, sizeof info, &error));
    return info;
}

static int is_same(const hsm_position *one, const hsm_position *other)
{
    return one->epoch == other->epoch && one->number == other->number;
}

static void keeps_its_position(const hsm_store *store)
{
    hsm_subscription *subscription = NULL, *second = NULL;
    const hsm_event *event = NULL;
    hsm_position acked, position;
    CHECK_OK(hsm_subscriber_create(store, "mirror", SIZE_MAX, NULL, &error));
    CHECK_STATUS(hsm_subscriber_create(store, "mirror", 6, NULL, &error), HSM_STATUS_EXISTS);
    CHECK_OK(hsm_subscription_open(store, "mirror", SIZE_MAX, &subscription, &error));
    CHECK_STATUS(hsm_subscription_open(store, "mirror", SIZE_MAX, &second, &error), HSM_STATUS_BUSY);
    CHECK(second == NULL);
    CHECK_STATUS(hsm_subscriber_drop(store, "mirror", SIZE_MAX, &error), HSM_STATUS_BUSY);
    CHECK(next(subscription, 0).position.number == 1);
    CHECK(next(subscription, 0).position.number == 2);
    CHECK_OK(hsm_subscription_ack(subscription, NULL, HSM_DURABLE, &error));
    CHECK(next(subscription, -1).position.number == 3);
    CHECK_OK(hsm_subscription_acked(subscription, &acked, &error));
    CHECK(acked.epoch == 1 && acked.number == 2);
    hsm_subscription_free(subscription);

    CHECK_OK(hsm_subscription_open(store, "mirror", SIZE_MAX, &subscription, &error));
    CHECK(next(subscription, 0).position.number == 3);
    position = acked;
    position.number = 5;
    CHECK_OK(hsm_subscription_ack(subscription, &position, HSM_RELAXED, &error));
    CHECK(next(subscription, 0).position.number == 6);
    while (hsm_subscription_next(subscription, 0, &event, &error) == HSM_STATUS_OK) {
    }
    CHECK_OK(hsm_store_position(store, &position, &error));
    CHECK_OK(hsm_subscription_position(subscription, &acked, &error));
    CHECK(is_same(&position, &acked));
    position.number++;
    CHECK_STATUS(hsm_subscription_ack(subscription, &position, HSM_DURABLE, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_subscription_next(subscription, 20, &event, &error), HSM_STATUS_TIMEOUT);
    hsm_subscription_free(subscription);
}

static void are_listed(const hsm_store *store)
{
    char name[256];
    size_t length;
    hsm_subscriber_info info;
    CHECK_OK(hsm_subscriber_create(store, "another", SIZE_MAX, NULL, &error));
    CHECK_STATUS(hsm_subscriber_next(store, NULL, 0, name, 3, &length, &info, sizeof info, &error),
                 HSM_STATUS_BUFFER_TOO_SMALL);
    CHECK(length == 7);
    CHECK_OK(hsm_subscriber_next(store, NULL, 0, name, sizeof name, &length, &info, sizeof info, &error));
    CHECK(strcmp(name, "another") == 0 && info.acked.number == 0 && info.is_followed == 0);
    CHECK_OK(hsm_subscriber_next(store, name, length, name, sizeof name, NULL, &info, sizeof info, &error));
    CHECK(strcmp(name, "mirror") == 0 && info.acked.number == 5 && info.acked_ns >= info.created_ns);
    CHECK_STATUS(hsm_subscriber_next(store, name, SIZE_MAX, name, sizeof name, NULL, &info, sizeof info, &error),
                 HSM_STATUS_END);
    CHECK_OK(hsm_subscriber_drop(store, "another", SIZE_MAX, &error));
    CHECK_STATUS(hsm_subscriber_drop(store, "another", SIZE_MAX, &error), HSM_STATUS_NOT_FOUND);
}

static void filters(const hsm_store *store)
{
    hsm_subscription *subscription = NULL;
    hsm_position after, last, position;
    hsm_attributes *hint = NULL;
    const hsm_event *event = NULL;
    hsm_put_result result;
    hsm_event_info info;
    CHECK_OK(hsm_store_position(store, &after, &error));
    CHECK_OK(hsm_object_put(store, "y", 1, NULL, &result, sizeof result, &error));
    CHECK_OK(hsm_attributes_new(&hint, &error));
    CHECK_OK(hsm_attributes_set(hint, "hint", SIZE_MAX, "0,1", 3, &error));
    CHECK_OK(hsm_object_set_attributes(store, &result.id, hint, NULL, &error));
    CHECK_OK(hsm_object_copy(store, &result.id, -1, 1, &last, &error));
    hsm_attributes_free(hint);

    CHECK_OK(hsm_subscription_follow(store, &after, &subscription, &error));
    CHECK_STATUS(hsm_subscription_acked(subscription, &position, &error), HSM_STATUS_END);
    CHECK_STATUS(hsm_subscription_ack(subscription, NULL, HSM_DURABLE, &error), HSM_STATUS_INVALID);
    CHECK_OK(hsm_subscription_set_attribute(subscription, "hint", SIZE_MAX, "0,1", SIZE_MAX, &error));
    CHECK(next(subscription, 0).kind == HSM_EVENT_ATTRIBUTES_SET);
    hsm_subscription_free(subscription);

    CHECK_OK(hsm_subscription_follow(store, &after, &subscription, &error));
    CHECK_OK(hsm_subscription_set_attribute(subscription, "none", SIZE_MAX, NULL, 0, &error));
    CHECK_OK(hsm_subscription_set_attribute(subscription, NULL, 0, NULL, 0, &error));
    CHECK_OK(hsm_subscription_add_kind(subscription, HSM_EVENT_COPY_ADDED, &error));
    CHECK_OK(hsm_subscription_add_kind(subscription, HSM_EVENT_COPY_DROPPED, &error));
    info = next(subscription, 0);
    CHECK(info.kind == HSM_EVENT_COPY_ADDED && info.tier == 1);
    hsm_subscription_free(subscription);

    CHECK_OK(hsm_subscription_follow(store, &after, &subscription, &error));
    CHECK_OK(hsm_subscription_set_dataset(subscription, &result.id, &error));
    CHECK_STATUS(hsm_subscription_next(subscription, 0, &event, &error), HSM_STATUS_TIMEOUT);
    CHECK_OK(hsm_subscription_position(subscription, &position, &error));
    CHECK(is_same(&position, &last));
    hsm_subscription_free(subscription);
}

/* A process of its own puts objects; this one sleeps in poll(), and in a wait without a limit. */
static void is_woken(const hsm_store *store, const char *path)
{
    enum { PUTS = 20 };
    hsm_subscription *subscription = NULL;
    const hsm_event *event = NULL;
    hsm_position after;
    int32_t descriptor = -1;
    int ready[2], status, seen = 0;
    char byte = 0;
    CHECK(pipe(ready) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        hsm_store *own = NULL;
        CHECK(read(ready[0], &byte, 1) == 1);
        CHECK_OK(hsm_store_open(path, SIZE_MAX, NULL, &own, &error));
        for (int index = 0; index < 2 * PUTS; index++)
            put(own);
        CHECK_OK(hsm_store_close(own, &error));
        hsm_store_free(own);
        _exit(0);
    }
    CHECK_OK(hsm_store_position(store, &after, &error));
    CHECK_OK(hsm_subscription_follow(store, &after, &subscription, &error));
    CHECK_OK(hsm_subscription_descriptor(subscription, &descriptor, &error));
    CHECK(write(ready[1], "x", 1) == 1);
    while (seen < PUTS) {
        hsm_status answer;
        while ((answer = hsm_subscription_next(subscription, 0, &event, &error)) == HSM_STATUS_OK)
            seen++;
        CHECK_STATUS(answer, HSM_STATUS_TIMEOUT);
        if (seen < PUTS) {
            struct pollfd wait = {descriptor, POLLIN, 0};
            CHECK(poll(&wait, 1, 60000) == 1);
        }
    }
    for (; seen < 2 * PUTS; seen++)
        CHECK(next(subscription, -1).kind == HSM_EVENT_PUT);
    hsm_subscription_free(subscription);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    close(ready[0]);
    close(ready[1]);
}

static void tells_of_a_gap(const hsm_store *store)
{
    hsm_subscription *subscription = NULL;
    const hsm_event *event = NULL;
    hsm_position from, to;
    hsm_maintained done;
    hsm_query *query = NULL;
    hsm_cursor *cursor = NULL;
    const hsm_object *object = NULL;
    hsm_object_info info;
    uint64_t events, age, number = 0;
    hsm_status status;
    CHECK_OK(hsm_store_retention(store, &events, &age, &error));
    CHECK(events == UINT64_MAX && age == UINT64_MAX);
    for (int index = 0; index < 60; index++)
        put(store);
    CHECK_OK(hsm_store_snapshot(store, NULL, &error));
    put(store);
    CHECK_OK(hsm_store_snapshot(store, NULL, &error));
    CHECK_OK(hsm_store_set_retention(store, 0, UINT64_MAX, NULL, &error));
    CHECK_OK(hsm_store_retention(store, &events, &age, &error));
    CHECK(events == 0 && age == UINT64_MAX);
    CHECK_OK(hsm_store_maintain(store, &done, sizeof done, &error));
    CHECK(done.segments_dropped > 0);

    CHECK_OK(hsm_subscription_open(store, "mirror", SIZE_MAX, &subscription, &error));
    CHECK_STATUS(hsm_subscription_next(subscription, -1, &event, &error), HSM_STATUS_GAP);
    CHECK_OK(hsm_subscription_gap(subscription, &from, &to, &error));
    CHECK(from.number == 6 && to.number > from.number);
    CHECK_OK(hsm_query_new(&query, &error));
    CHECK_OK(hsm_query_set_changed_after(query, from.number - 1, &error));
    CHECK_OK(hsm_cursor_open(store, query, &cursor, &error));
    while ((status = hsm_cursor_next(cursor, &object, NULL, NULL, &error)) == HSM_STATUS_OK) {
        CHECK_OK(hsm_object_stat(object, &info, sizeof info, &error));
        CHECK(info.changed > number);
        number = info.changed;
    }
    CHECK_STATUS(status, HSM_STATUS_END);
    CHECK(number >= from.number);
    hsm_cursor_free(cursor);
    hsm_query_free(query);
    CHECK_OK(hsm_subscription_ack(subscription, &to, HSM_DURABLE, &error));
    CHECK(next(subscription, 0).position.number == to.number + 1);
    CHECK_OK(hsm_subscription_gap(subscription, &from, &to, &error));
    CHECK(from.number == 0 && to.number == 0);
    hsm_subscription_free(subscription);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    hsm_store *store = NULL;
    hsm_subscription *subscription = NULL;
    hsm_store_options *options = NULL;
    const hsm_event *event = NULL;
    CHECK_OK(hsm_store_options_new(&options, &error));
    CHECK_OK(hsm_store_options_set_segment_bytes(options, 4096, &error));
    CHECK_OK(hsm_store_open(argv[1], SIZE_MAX, options, &store, &error));
    hsm_store_options_free(options);
    for (int index = 0; index < 5; index++)
        put(store);
    keeps_its_position(store);
    are_listed(store);
    filters(store);
    is_woken(store, argv[1]);
    tells_of_a_gap(store);

    CHECK_OK(hsm_subscription_follow(store, NULL, &subscription, &error));
    CHECK_OK(hsm_store_close(store, &error));
    CHECK_STATUS(hsm_subscription_next(subscription, -1, &event, &error), HSM_STATUS_CLOSED);
    hsm_subscription_free(subscription);
    hsm_store_free(store);
    return 0;
}
