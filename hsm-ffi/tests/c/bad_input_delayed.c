/* Bad input: delayed tiers, the state of copies, and estimates. */
#include "bad_input.h"

static void settings(void)
{
    hsm_tier_settings *some = NULL;
    const uint64_t year = UINT64_C(366) * 24 * 3600 * 1000;
    CHECK_OK(hsm_tier_settings_new(7, &some, &error));
    BAD(INVALID, hsm_tier_settings_set_delay, settings, (NULL, 1, 1, 1, 1000, 1, &error));
    BAD(INVALID, hsm_tier_settings_set_delay, latency_ms, (some, year + 1, 1, 1, 1000, 1, &error));
    BAD(INVALID, hsm_tier_settings_set_delay, mount_ms, (some, 1, year + 1, 1, 1000, 1, &error));
    BAD(INVALID, hsm_tier_settings_set_delay, seek_ms, (some, 1, 1, UINT64_MAX, 1000, 1, &error));
    BAD(INVALID, hsm_tier_settings_set_delay, readable_ms, (some, 1, 1, 1, 999, 1, &error));
    BAD(INVALID, hsm_tier_settings_set_delay, readable_ms, (some, 1, 1, 1, year + 1, 1, &error));
    BAD(INVALID, hsm_tier_settings_set_delay, drives, (some, 1, 1, 1, 1000, 0, &error));
    BAD(INVALID, hsm_tier_settings_set_delay, drives, (some, 1, 1, 1, 1000, -1, &error));
    BAD(INVALID, hsm_tier_settings_set_delay, drives, (some, 1, 1, 1, 1000, 1025, &error));
    hsm_tier_settings_free(some);
}

static void states(void)
{
    const hsm_store *store = world.store, *closed = world.closed;
    const size_t size = sizeof out.copy_state;
    BAD(INVALID, hsm_tier_delay, store, (NULL, 0, &out.delay, sizeof out.delay, &error));
    CLOSED(hsm_tier_delay, store, (closed, 0, &out.delay, sizeof out.delay, &error));
    BAD(NOT_FOUND, hsm_tier_delay, tier, (store, 77, &out.delay, sizeof out.delay, &error));
    BAD(INVALID, hsm_tier_delay, tier, (store, -1, &out.delay, sizeof out.delay, &error));
    BAD(INVALID, hsm_tier_delay, info_out, (store, 0, NULL, sizeof out.delay, &error));
    BAD(INVALID, hsm_tier_delay, info_size, (store, 0, &out.delay, 0, &error));
    BAD(INVALID, hsm_object_copy_state, store, (NULL, &world.object, 0, &out.copy_state, size, &error));
    CLOSED(hsm_object_copy_state, store, (closed, &world.object, 0, &out.copy_state, size, &error));
    BAD(INVALID, hsm_object_copy_state, id, (store, NULL, 0, &out.copy_state, size, &error));
    BAD(INVALID, hsm_object_copy_state, id, (store, &world.zero, 0, &out.copy_state, size, &error));
    BAD(NOT_FOUND, hsm_object_copy_state, id, (store, &world.unknown, 0, &out.copy_state, size, &error));
    BAD(NOT_FOUND, hsm_object_copy_state, tier, (store, &world.object, 77, &out.copy_state, size, &error));
    BAD(INVALID, hsm_object_copy_state, tier, (store, &world.object, 256, &out.copy_state, size, &error));
    BAD(INVALID, hsm_object_copy_state, state_out, (store, &world.object, 0, NULL, size, &error));
    BAD(INVALID, hsm_object_copy_state, state_size, (store, &world.object, 0, &out.copy_state, 0, &error));
}

static void estimates(void)
{
    const hsm_store *store = world.store, *closed = world.closed;
    const hsm_id *id = &world.object;
    const size_t size = sizeof out.recall;
    hsm_query *query = NULL;
    CHECK_OK(hsm_query_new(&query, &error));
    BAD(INVALID, hsm_recall_estimate, store, (NULL, id, 1, 0, 0, &out.recall, size, &error));
    CLOSED(hsm_recall_estimate, store, (closed, id, 1, 0, 0, &out.recall, size, &error));
    BAD(INVALID, hsm_recall_estimate, ids, (store, NULL, 1, 0, 0, &out.recall, size, &error));
    BAD(INVALID, hsm_recall_estimate, ids, (store, &world.zero, 1, 0, 0, &out.recall, size, &error));
    FINE(hsm_recall_estimate, ids, (store, &world.unknown, 1, 0, 0, &out.recall, size, &error));
    FINE(hsm_recall_estimate, count, (store, NULL, 0, 0, 0, &out.recall, size, &error));
    BAD(NOT_FOUND, hsm_recall_estimate, target, (store, id, 1, 77, 0, &out.recall, size, &error));
    BAD(INVALID, hsm_recall_estimate, target, (store, id, 1, -1, 0, &out.recall, size, &error));
    FINE(hsm_recall_estimate, bytes_a_second, (store, id, 1, 0, UINT64_MAX, &out.recall, size, &error));
    BAD(INVALID, hsm_recall_estimate, info_out, (store, id, 1, 0, 0, NULL, size, &error));
    BAD(INVALID, hsm_recall_estimate, info_size, (store, id, 1, 0, 0, &out.recall, 0, &error));
    BAD(INVALID, hsm_recall_estimate_query, store, (NULL, query, 0, 0, &out.recall, size, &error));
    CLOSED(hsm_recall_estimate_query, store, (closed, query, 0, 0, &out.recall, size, &error));
    FINE(hsm_recall_estimate_query, query, (store, NULL, 0, 0, &out.recall, size, &error));
    BAD(NOT_FOUND, hsm_recall_estimate_query, target, (store, query, 77, 0, &out.recall, size, &error));
    BAD(INVALID, hsm_recall_estimate_query, target, (store, query, -1, 0, &out.recall, size, &error));
    FINE(hsm_recall_estimate_query, bytes_a_second, (store, query, 0, UINT64_MAX, &out.recall, size, &error));
    BAD(INVALID, hsm_recall_estimate_query, info_out, (store, query, 0, 0, NULL, size, &error));
    BAD(INVALID, hsm_recall_estimate_query, info_size, (store, query, 0, 0, &out.recall, 0, &error));
    hsm_query_free(query);
}

int main(int argc, char **argv)
{
    open_world(argc, argv);
    close_the_other();
    settings();
    states();
    estimates();
    close_world();
    return 0;
}
