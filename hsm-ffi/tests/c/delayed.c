/* A tape tier, as a program sees it: offline, asked for and waiting, readable until its time is over; an estimate before,
 * and what it came to. */
#include "check.h"

static hsm_copy_state state_of(const hsm_store *store, const hsm_id *id, int32_t tier)
{
    hsm_copy_state state;
    CHECK_OK(hsm_object_copy_state(store, id, tier, &state, sizeof state, &error));
    CHECK(state.reserved == 0);
    return state;
}

/* A library that takes an hour to answer: what was asked for there waits, whoever looks, and is called off. */
static void what_was_asked_for_waits(const hsm_store *store)
{
    hsm_tier_settings *vault = NULL;
    hsm_put_options *to_vault = NULL;
    hsm_put_result put;
    hsm_copy_state state;
    hsm_action_info action;
    hsm_id id;
    hsm_ran ran;
    CHECK_OK(hsm_tier_settings_new(5, &vault, &error));
    CHECK_OK(hsm_tier_settings_set_delay(vault, 3600000, 1, 1, 1000, 1, &error));
    CHECK_OK(hsm_tier_add(store, vault, &error));
    hsm_tier_settings_free(vault);
    CHECK_OK(hsm_put_options_new(&to_vault, &error));
    CHECK_OK(hsm_put_options_set_tier(to_vault, 5, &error));
    CHECK_OK(hsm_object_put(store, "y", 1, to_vault, &put, sizeof put, &error));
    hsm_put_options_free(to_vault);
    do
        state = state_of(store, &put.id, 5);
    while (state.state == HSM_COPY_READABLE);
    CHECK(state.state == HSM_COPY_OFFLINE);
    CHECK_OK(hsm_action_submit(store, HSM_ACTION_RECALL, &put.id, -1, 0, 0, NULL, &id, &error));
    CHECK_OK(hsm_store_run(store, 0, &ran, sizeof ran, &error));
    CHECK(ran.done == 0 && ran.failed == 0 && ran.put_off == 0);
    state = state_of(store, &put.id, 5);
    CHECK(state.state == HSM_COPY_WAITING && state.time_ns > 0);
    CHECK_OK(hsm_action_stat(store, &id, &action, sizeof action, &error));
    CHECK(action.state == HSM_ACTION_QUEUED && action.not_before_ns == state.time_ns);
    CHECK_OK(hsm_action_cancel(store, &id, &error));
}

int main(int argc, char **argv)
{
    hsm_store *store = NULL;
    hsm_store_options *options = NULL;
    hsm_tier_settings *tape = NULL, *disk = NULL;
    hsm_put_options *to_tape = NULL;
    hsm_put_result put;
    hsm_delay_info delay;
    hsm_recall_info recall;
    hsm_copy_state state;
    hsm_action_info action;
    hsm_group_info group;
    hsm_ran ran;
    hsm_id group_id, id;
    char byte;
    size_t read;

    CHECK_OK(hsm_tier_settings_new(0, &disk, &error));
    CHECK_OK(hsm_tier_settings_new(4, &tape, &error));
    CHECK_OK(hsm_tier_settings_set_delay(tape, 1, 2, 3, 1000, 2, &error));
    CHECK_OK(hsm_store_options_new(&options, &error));
    CHECK_OK(hsm_store_options_add_tier(options, disk, &error));
    CHECK_OK(hsm_store_options_add_tier(options, tape, &error));
    CHECK(argc > 1);
    CHECK_OK(hsm_store_open(argv[1], SIZE_MAX, options, &store, &error));
    hsm_store_options_free(options);

    CHECK_OK(hsm_tier_delay(store, 4, &delay, sizeof delay, &error));
    CHECK(delay.latency_ms == 1 && delay.mount_ms == 2 && delay.seek_ms == 3 && delay.readable_ms == 1000);
    CHECK(delay.drives == 2 && delay.fetches == 0 && delay.mounts == 0);
    CHECK_OK(hsm_tier_delay(store, 0, &delay, sizeof delay, &error));
    CHECK(delay.drives == 0 && delay.readable_ms == 0);

    CHECK_OK(hsm_put_options_new(&to_tape, &error));
    CHECK_OK(hsm_put_options_set_tier(to_tape, 4, &error));
    CHECK_OK(hsm_object_put(store, "x", 1, to_tape, &put, sizeof put, &error));
    id = put.id;
    CHECK(state_of(store, &id, 4).state == HSM_COPY_READABLE);
    do
        state = state_of(store, &id, 4);
    while (state.state == HSM_COPY_READABLE);
    CHECK(state.state == HSM_COPY_OFFLINE && state.time_ns == 0);
    CHECK(hsm_object_get(store, &id, -1, 0, &byte, 1, &read, &error) == HSM_STATUS_OFFLINE);
    CHECK(strstr(hsm_error_message(error), "recall") != NULL && hsm_error_tier(error) == 4);
    hsm_error_free(error);
    error = NULL;

    CHECK_OK(hsm_recall_estimate(store, &id, 1, 0, 1000, &recall, sizeof recall, &error));
    CHECK(recall.objects == 1 && recall.bytes == 1 && recall.places == 1 && recall.mounts == 1);
    CHECK(recall.wait_ns == 6000000 && recall.read_ns == 1000000 && recall.missing == 0);
    CHECK_OK(hsm_recall_estimate_query(store, NULL, 0, 0, &recall, sizeof recall, &error));
    CHECK(recall.objects == 1 && recall.wait_ns == 6000000 && recall.read_ns == 0);

    /* To the tape tier itself: it becomes readable there. To the disk: a copy that stays. */
    CHECK_OK(hsm_action_submit(store, HSM_ACTION_RECALL, &id, -1, 4, 0, NULL, &action.id, &error));
    do {
        CHECK_OK(hsm_store_run(store, 100, &ran, sizeof ran, &error));
        CHECK(ran.failed == 0 && ran.put_off == 0);
    } while (ran.done == 0);
    CHECK_OK(hsm_group_submit(store, HSM_ACTION_RECALL, &id, 1, -1, 0, 0, NULL, &group_id, &error));
    do {
        CHECK_OK(hsm_store_run(store, 100, NULL, 0, &error));
        CHECK_OK(hsm_group_stat(store, &group_id, &group, sizeof group, &error));
        CHECK(group.failed == 0);
    } while (group.done == 0);
    CHECK(state_of(store, &id, 0).state == HSM_COPY_ONLINE);
    CHECK_OK(hsm_object_get(store, &id, -1, 0, &byte, 1, &read, &error));
    CHECK(read == 1 && byte == 'x');
    CHECK_OK(hsm_tier_delay(store, 4, &delay, sizeof delay, &error));
    CHECK(delay.fetches >= 1 && delay.mounts >= 1 && delay.opens >= 1);

    what_was_asked_for_waits(store);
    hsm_put_options_free(to_tape);
    hsm_tier_settings_free(disk);
    hsm_tier_settings_free(tape);
    CHECK_OK(hsm_store_close(store, &error));
    hsm_store_free(store);
    return 0;
}
