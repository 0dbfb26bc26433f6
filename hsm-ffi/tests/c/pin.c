/* A pinned copy stays where it is until its last pin ends or is taken away. */
#include "check.h"

#include <time.h>

static hsm_store *store = NULL;

static hsm_id put(const char *content)
{
    hsm_put_result result;
    CHECK_OK(hsm_object_put(store, content, strlen(content), NULL, &result, sizeof result, &error));
    return result.id;
}

static int64_t in_seconds(int64_t seconds)
{
    return ((int64_t)time(NULL) + seconds) * 1000000000;
}

static void a_pinned_copy_stays(void)
{
    hsm_id id = put("to be kept");
    hsm_position position;
    hsm_pin_info pin;
    hsm_error *refused = NULL;
    const char *message;
    CHECK_OK(hsm_object_copy(store, &id, -1, 2, NULL, &error));
    CHECK_OK(hsm_object_pin(store, &id, 0, "ann", SIZE_MAX, in_seconds(3600), &position, &error));
    CHECK(position.number > 0);
    CHECK_OK(hsm_object_pin(store, &id, 0, "", 0, INT64_MAX, NULL, &error));
    CHECK(hsm_object_release(store, &id, 0, 1, NULL, &refused) == HSM_STATUS_REFUSED);
    message = hsm_error_message(refused);
    CHECK(strstr(message, "hsm_object_unpin") != NULL && strstr(message, "for ever") != NULL);
    CHECK(hsm_error_tier(refused) == 0);
    hsm_error_free(refused);
    CHECK_STATUS(hsm_object_move(store, &id, 0, 1, NULL, &error), HSM_STATUS_REFUSED);
    CHECK_OK(hsm_object_unpin(store, &id, 0, "", 0, &position, &error));
    CHECK(position.number > 0);
    CHECK_OK(hsm_object_unpin(store, &id, 0, "", 0, &position, &error));
    CHECK(position.number == 0);
    CHECK_OK(hsm_pin_next(store, NULL, sizeof pin, &id, 0, NULL, 0, &pin, sizeof pin, &error));
    CHECK(strcmp(pin.owner, "ann") == 0 && pin.tier == 0 && memcmp(&pin.object, &id, sizeof id) == 0);
    CHECK_STATUS(hsm_pin_next(store, &pin, sizeof pin, NULL, -1, NULL, 0, &pin, sizeof pin, &error), HSM_STATUS_END);
    CHECK_OK(hsm_object_unpin(store, &id, 0, "ann", 3, NULL, &error));
    CHECK_OK(hsm_object_release(store, &id, 0, 0, NULL, &error));
}

static void many_are_pinned_at_once(void)
{
    hsm_id ids[3];
    hsm_position position;
    hsm_pin_info pin;
    uint64_t count;
    for (int i = 0; i < 3; i++)
        ids[i] = put("one of many");
    CHECK_OK(hsm_objects_pin(store, ids, 3, 0, "run 7", SIZE_MAX, in_seconds(3600), &position, &error));
    CHECK(position.number > 0);
    CHECK_STATUS(hsm_object_move(store, &ids[2], 0, 1, NULL, &error), HSM_STATUS_REFUSED);
    CHECK_OK(hsm_objects_pin_all(store, NULL, 1, "run 7", SIZE_MAX, INT64_MAX, &count, &error));
    CHECK(count >= 3);
    CHECK_OK(hsm_pin_next(store, NULL, 0, &ids[0], 1, "run 7", SIZE_MAX, &pin, sizeof pin, &error));
    CHECK_OK(hsm_objects_unpin_all(store, 0, "run 7", SIZE_MAX, &count, &error));
    CHECK(count == 3);
    CHECK_OK(hsm_object_move(store, &ids[2], 0, 2, NULL, &error));
    CHECK_OK(hsm_objects_unpin_all(store, -1, "run 7", SIZE_MAX, &count, &error));
    CHECK(count >= 3);
}

static void pins_are_listed(void)
{
    hsm_id ids[3];
    hsm_pin_info pin;
    hsm_status status;
    int found = 0;
    for (int i = 0; i < 3; i++) {
        ids[i] = put("listed");
        CHECK_OK(hsm_object_pin(store, &ids[i], 0, "ann", SIZE_MAX, INT64_MAX, NULL, &error));
        CHECK_OK(hsm_object_pin(store, &ids[i], 3, "bob", SIZE_MAX, INT64_MAX, NULL, &error));
    }
    status = hsm_pin_next(store, NULL, 0, NULL, -1, NULL, 0, &pin, sizeof pin, &error);
    for (; status == HSM_STATUS_OK; found++) {
        CHECK(strcmp(pin.owner, pin.tier == 0 ? "ann" : "bob") == 0 && pin.until_ns == INT64_MAX);
        status = hsm_pin_next(store, &pin, sizeof pin, NULL, -1, NULL, 0, &pin, sizeof pin, &error);
    }
    CHECK(status == HSM_STATUS_END && found == 6);
    CHECK_OK(hsm_pin_next(store, NULL, 0, &ids[1], -1, "bob", SIZE_MAX, &pin, sizeof pin, &error));
    CHECK(pin.tier == 3 && memcmp(&pin.object, &ids[1], sizeof pin.object) == 0);
    CHECK_STATUS(hsm_pin_next(store, NULL, 0, NULL, 4, NULL, 0, &pin, sizeof pin, &error), HSM_STATUS_END);
}

static void pins_are_events(void)
{
    hsm_id id = put("told of");
    hsm_position before;
    hsm_feed *feed = NULL;
    const hsm_event *event;
    hsm_event_info info;
    const uint8_t *name;
    size_t length;
    CHECK_OK(hsm_store_position(store, &before, &error));
    CHECK_OK(hsm_object_pin(store, &id, 3, "job 7", SIZE_MAX, INT64_MAX - 1, NULL, &error));
    CHECK_OK(hsm_object_unpin(store, &id, 3, "job 7", SIZE_MAX, NULL, &error));
    CHECK_OK(hsm_feed_open(store, &before, &feed, &error));
    CHECK_OK(hsm_feed_next(feed, &event, &error));
    CHECK_OK(hsm_event_stat(event, &info, sizeof info, &error));
    CHECK(info.kind == HSM_EVENT_PINNED && info.tier == 3 && info.until_ns == INT64_MAX - 1);
    CHECK(memcmp(&info.object, &id, sizeof id) == 0);
    CHECK_OK(hsm_event_name(event, &name, &length, &error));
    CHECK(length == 5 && memcmp(name, "job 7", 5) == 0);
    CHECK_OK(hsm_feed_next(feed, &event, &error));
    CHECK_OK(hsm_event_stat(event, &info, sizeof info, &error));
    CHECK(info.kind == HSM_EVENT_UNPINNED && info.tier == 3 && info.until_ns == 0);
    hsm_feed_free(feed);
}

int main(int argc, char **argv)
{
    CHECK(argc > 1);
    CHECK_OK(hsm_store_open(argv[1], SIZE_MAX, NULL, &store, &error));
    a_pinned_copy_stays();
    many_are_pinned_at_once();
    pins_are_listed();
    pins_are_events();
    CHECK_OK(hsm_store_close(store, &error));
    hsm_store_free(store);
    return 0;
}
