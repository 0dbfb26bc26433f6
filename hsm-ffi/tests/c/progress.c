/* Long calls on a watched handle tell how far they have come, and stop when they are told to. */
#include "check.h"

#define LARGE ((size_t)3 << 20)

struct follower {
    int32_t calls, stop_at_call, destroyed;
    int32_t seen[16]; /* how often each phase was */
    hsm_progress last;
};

static int32_t follow(void *user_data, const hsm_progress *progress, size_t size)
{
    struct follower *follower = user_data;
    CHECK(size >= sizeof follower->last);
    CHECK(progress->phase > 0 && progress->phase < 16);
    follower->last = *progress;
    follower->seen[progress->phase]++;
    follower->calls++;
    return follower->calls == follower->stop_at_call ? -9 : 0;
}

static void destroy(void *user_data)
{
    ((struct follower *)user_data)->destroyed++;
}

static hsm_store *watch(const hsm_store *store, struct follower *follower)
{
    hsm_progress_callback callback = {follow, NULL, destroy};
    hsm_store *watched = NULL;
    memset(follower, 0, sizeof *follower);
    callback.user_data = follower;
    CHECK_OK(hsm_store_with_progress(store, callback, &watched, &error));
    CHECK(watched != NULL && follower->destroyed == 0);
    return watched;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    hsm_store *store = NULL;
    CHECK_OK(hsm_store_open(argv[1], SIZE_MAX, NULL, &store, &error));
    char *content = malloc(LARGE), *back = malloc(LARGE);
    CHECK(content != NULL && back != NULL);
    for (size_t at = 0; at < LARGE; at++)
        content[at] = (char)(at * 7 + at / 251);

    /* A callback that is refused is destroyed all the same. */
    struct follower follower = {0};
    hsm_store *watched = NULL;
    hsm_progress_callback nothing = {NULL, NULL, destroy};
    nothing.user_data = &follower;
    CHECK_STATUS(hsm_store_with_progress(store, nothing, &watched, &error), HSM_STATUS_INVALID);
    CHECK(watched == NULL && follower.destroyed == 1);
    hsm_progress_callback good = {follow, NULL, destroy};
    good.user_data = &follower;
    CHECK_STATUS(hsm_store_with_progress(NULL, good, &watched, &error), HSM_STATUS_INVALID);
    CHECK(watched == NULL && follower.destroyed == 2);
    CHECK_STATUS(hsm_store_with_progress(store, good, NULL, &error), HSM_STATUS_INVALID);
    CHECK(follower.destroyed == 3);

    /* A put, a get and a move report, and add up. */
    watched = watch(store, &follower);
    hsm_put_result put;
    CHECK_OK(hsm_object_put(watched, content, LARGE, NULL, &put, sizeof put, &error));
    CHECK(follower.seen[HSM_PHASE_PUT] >= 4 && follower.last.bytes_total == LARGE);
    CHECK(follower.last.bytes_done == LARGE && follower.last.objects_done == 1);
    size_t read = 0;
    CHECK_OK(hsm_object_get(watched, &put.id, -1, 0, back, LARGE, &read, &error));
    CHECK(read == LARGE && memcmp(content, back, LARGE) == 0);
    CHECK(follower.seen[HSM_PHASE_GET] >= 4 && follower.last.bytes_done == LARGE);
    CHECK_OK(hsm_object_move(watched, &put.id, 0, 2, NULL, &error));
    CHECK(follower.seen[HSM_PHASE_COPY] >= 4 && follower.seen[HSM_PHASE_VERIFY] >= 3);
    CHECK(follower.last.objects_done == 1 && follower.last.objects_total == 1);
    CHECK_OK(hsm_store_maintain(watched, NULL, 0, &error));
    CHECK(follower.seen[HSM_PHASE_PURGE] > 0);
    uint64_t moved = 0;
    CHECK_OK(hsm_tier_drain(watched, 2, 1, &moved, &error));
    CHECK(moved == 1 && follower.last.objects_total == 1);

    /* The first handle is as it was. */
    int32_t calls = follower.calls;
    CHECK_OK(hsm_object_get(store, &put.id, -1, 0, back, LARGE, &read, &error));
    CHECK(follower.calls == calls);

    /* What the callback returned comes back; nothing of a stopped put is left. */
    hsm_store_free(watched);
    CHECK(follower.destroyed == 1);
    watched = watch(store, &follower);
    follower.stop_at_call = 3;
    hsm_position before, after;
    CHECK_OK(hsm_store_position(store, &before, &error));
    hsm_error *stopped = NULL;
    hsm_put_result untouched = put;
    CHECK(hsm_object_put(watched, content, LARGE, NULL, &put, sizeof put, &stopped) == HSM_STATUS_CANCELLED);
    CHECK(memcmp(&put, &untouched, sizeof put) == 0 && follower.calls == 3);
    CHECK(hsm_error_status(stopped) == HSM_STATUS_CANCELLED && hsm_error_callback(stopped) == -9);
    hsm_error_free(stopped);
    CHECK_OK(hsm_store_position(store, &after, &error));
    CHECK(memcmp(&before, &after, sizeof before) == 0);

    /* What was made from the watched handle keeps the callback; closing one handle closes both. */
    hsm_reader *reader = NULL;
    CHECK_OK(hsm_reader_open(watched, &put.id, -1, &reader, &error));
    hsm_store_free(watched);
    CHECK(follower.destroyed == 0);
    hsm_reader_free(reader);
    CHECK(follower.destroyed == 1);
    watched = watch(store, &follower);
    CHECK_OK(hsm_store_close(watched, &error));
    CHECK_STATUS(hsm_store_position(store, &after, &error), HSM_STATUS_CLOSED);
    hsm_store *late = NULL;
    CHECK_STATUS(hsm_store_with_progress(store, good, &late, &error), HSM_STATUS_CLOSED);
    hsm_store_free(store);
    hsm_store_free(watched);
    free(content);
    free(back);
    return 0;
}
