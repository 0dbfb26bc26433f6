/* A feed goes on where it was, shows only what is durable, and is asked again at its end. */
#include "check.h"

static hsm_put_result put(const hsm_store *store, const hsm_put_options *options)
{
    hsm_put_result result;
    CHECK_OK(hsm_object_put(store, "x", 1, options, &result, sizeof result, &error));
    return result;
}

static hsm_event_info next(hsm_feed *feed)
{
    const hsm_event *event = NULL;
    hsm_event_info info;
    CHECK_OK(hsm_feed_next(feed, &event, &error));
    CHECK_OK(hsm_event_stat(event, &info, sizeof info, &error));
    return info;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    hsm_store *store = NULL, *other = NULL;
    hsm_feed *feed = NULL;
    const hsm_event *event = NULL;
    hsm_position position;
    CHECK_OK(hsm_store_open(argv[1], SIZE_MAX, NULL, &store, &error));
    CHECK_OK(hsm_store_open(argv[1], SIZE_MAX, NULL, &other, &error));

    /* From a position on; from the beginning it is one longer than the changes are. */
    hsm_put_result first = put(store, NULL);
    put(store, NULL);
    CHECK_OK(hsm_feed_open(store, &first.position, &feed, &error));
    CHECK(next(feed).position.number == first.position.number + 1);
    CHECK_STATUS(hsm_feed_next(feed, &event, &error), HSM_STATUS_END);
    CHECK_STATUS(hsm_feed_next(feed, &event, &error), HSM_STATUS_END);

    /* What another handle did comes as well, with that handle's instance. */
    hsm_put_result theirs = put(other, NULL);
    hsm_event_info info = next(feed);
    CHECK(memcmp(&info.object, &theirs.id, sizeof theirs.id) == 0);
    CHECK_OK(hsm_feed_position(feed, &position, &error));
    CHECK(memcmp(&position, &theirs.position, sizeof position) == 0);

    /* Relaxed changes appear when they are durable. */
    hsm_put_options *relaxed = NULL;
    CHECK_OK(hsm_put_options_new(&relaxed, &error));
    CHECK_OK(hsm_put_options_set_durability(relaxed, HSM_RELAXED, &error));
    hsm_put_result late = put(store, relaxed);
    CHECK_STATUS(hsm_feed_next(feed, &event, &error), HSM_STATUS_END);
    CHECK_OK(hsm_store_sync(store, NULL, &error));
    info = next(feed);
    CHECK(memcmp(&info.object, &late.id, sizeof late.id) == 0);
    hsm_put_options_free(relaxed);

    /* Thousands of them, without a gap. */
    hsm_batch *batch = NULL;
    for (int round = 0; round < 5; round++) {
        CHECK_OK(hsm_batch_new(store, 1, HSM_DURABLE, &batch, &error));
        for (int index = 0; index < 1000; index++)
            CHECK_OK(hsm_batch_put(batch, "y", 1, NULL, &error));
        CHECK_OK(hsm_batch_commit(batch, NULL, &error));
        hsm_batch_free(batch);
    }
    uint64_t number = info.position.number, count = 0;
    hsm_status status;
    while ((status = hsm_feed_next(feed, &event, &error)) == HSM_STATUS_OK) {
        CHECK_OK(hsm_event_stat(event, &info, sizeof info, &error));
        CHECK(info.position.number == ++number && info.kind == HSM_EVENT_PUT);
        count++;
    }
    CHECK_STATUS(status, HSM_STATUS_END);
    CHECK(count == 5000);
    hsm_feed_free(feed);

    /* A rebuild of the index begins a new epoch, and a feed that was kept by its position goes on into it. */
    CHECK_OK(hsm_store_close(other, &error));
    hsm_store_free(other);
    position = info.position;
    CHECK_OK(hsm_feed_open(store, NULL, &feed, &error));
    CHECK(next(feed).position.number == 1);
    CHECK_OK(hsm_store_close(store, &error));
    CHECK_STATUS(hsm_feed_next(feed, &event, &error), HSM_STATUS_CLOSED);
    CHECK_STATUS(hsm_feed_next(feed, &event, &error), HSM_STATUS_CLOSED);
    hsm_feed_free(feed);
    hsm_store_free(store);
    char path[4096];
    const char *suffixes[] = {"", "-wal", "-shm"};
    for (int index = 0; index < 3; index++) {
        CHECK(snprintf(path, sizeof path, "%s/index/index.db%s", argv[1], suffixes[index]) < (int)sizeof path);
        remove(path);
    }
    CHECK_OK(hsm_store_open(argv[1], SIZE_MAX, NULL, &store, &error));
    CHECK_OK(hsm_feed_open(store, &position, &feed, &error));
    info = next(feed);
    CHECK(info.kind == HSM_EVENT_EPOCH_BEGAN && info.cause == HSM_EPOCH_REBUILT);
    CHECK(info.position.epoch == position.epoch + 1 && info.position.number == position.number + 1);
    CHECK(info.ended.epoch == position.epoch && info.ended.number == position.number);
    hsm_feed_free(feed);

    CHECK_STATUS(hsm_feed_open(NULL, NULL, &feed, &error), HSM_STATUS_INVALID);
    CHECK(feed == NULL);
    CHECK_STATUS(hsm_feed_next(NULL, &event, &error), HSM_STATUS_INVALID);
    CHECK_OK(hsm_store_close(store, &error));
    CHECK_STATUS(hsm_feed_open(store, NULL, &feed, &error), HSM_STATUS_CLOSED);
    hsm_store_free(store);
    return 0;
}
