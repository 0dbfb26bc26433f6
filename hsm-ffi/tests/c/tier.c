/* Tiers are added, changed, drained, lost and retired while the store is in use. */
#include "check.h"

static hsm_tier_info stat_tier(const hsm_store *store, int32_t tier)
{
    hsm_tier_info info;
    CHECK_OK(hsm_tier_stat(store, tier, &info, sizeof info, &error));
    CHECK(info.tier == tier);
    return info;
}

static hsm_id put(const hsm_store *store, const char *text)
{
    hsm_put_result result;
    CHECK_OK(hsm_object_put(store, text, strlen(text), NULL, &result, sizeof result, &error));
    return result.id;
}

struct told {
    hsm_id ids[4];
    int32_t count, stop_with, destroyed;
};

static int32_t tell(void *user_data, const hsm_id *id)
{
    struct told *told = user_data;
    CHECK(told->count < 4);
    told->ids[told->count++] = *id;
    return told->stop_with;
}

static void destroy(void *user_data)
{
    ((struct told *)user_data)->destroyed++;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    hsm_store *store = NULL;
    CHECK_OK(hsm_store_open(argv[1], SIZE_MAX, NULL, &store, &error));

    /* A new store has five, the hottest first. */
    hsm_tier_info info = {0};
    int32_t after = -1, tiers = 0;
    hsm_status status;
    while ((status = hsm_tier_next(store, after, &info, sizeof info, &error)) == HSM_STATUS_OK) {
        CHECK(info.tier == tiers && info.is_online == 1 && info.state == HSM_TIER_ACTIVE);
        CHECK(info.backend == HSM_BACKEND_POSIX && info.access == HSM_ACCESS_ONLINE && info.objects == 0);
        after = info.tier;
        tiers++;
    }
    CHECK_STATUS(status, HSM_STATUS_END);
    CHECK(tiers == 5);
    CHECK_STATUS(hsm_tier_stat(store, 7, &info, sizeof info, &error), HSM_STATUS_NOT_FOUND);
    CHECK_STATUS(hsm_tier_stat(store, 256, &info, sizeof info, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_tier_stat(store, -1, &info, sizeof info, &error), HSM_STATUS_INVALID);

    /* One more, and its settings changed. */
    hsm_tier_settings *settings = NULL;
    CHECK_OK(hsm_tier_settings_new(7, &settings, &error));
    CHECK_OK(hsm_tier_settings_set_name(settings, "tape", SIZE_MAX, &error));
    CHECK_OK(hsm_tier_settings_set_access(settings, HSM_ACCESS_DELAYED, &error));
    CHECK_OK(hsm_tier_add(store, settings, &error));
    CHECK_STATUS(hsm_tier_add(store, settings, &error), HSM_STATUS_EXISTS);
    hsm_tier_settings_free(settings);
    CHECK_OK(hsm_tier_settings_get(store, 7, &settings, &error));
    CHECK_OK(hsm_tier_settings_set_capacity_bytes(settings, 1 << 20, &error));
    CHECK_OK(hsm_tier_settings_set_watermarks_percent(settings, 50, 60, &error));
    CHECK_OK(hsm_tier_change(store, settings, &error));
    CHECK_OK(hsm_tier_settings_set_root(settings, "elsewhere", SIZE_MAX, &error));
    CHECK_STATUS(hsm_tier_change(store, settings, &error), HSM_STATUS_INVALID);
    hsm_tier_settings_free(settings);
    info = stat_tier(store, 7);
    CHECK(info.capacity_bytes == 1 << 20 && info.access == HSM_ACCESS_DELAYED);
    CHECK(info.low_watermark_percent == 50 && info.high_watermark_percent == 60);

    char text[32];
    size_t length;
    CHECK_OK(hsm_tier_name(store, 7, text, sizeof text, &length, &error));
    CHECK(length == 4 && strcmp(text, "tape") == 0);
    CHECK_OK(hsm_tier_root(store, 7, text, sizeof text, NULL, &error));
    CHECK(strcmp(text, "tiers/7") == 0);
    CHECK_STATUS(hsm_tier_root(store, 7, text, 7, &length, &error), HSM_STATUS_BUFFER_TOO_SMALL);
    CHECK(length == 7);

    /* States. */
    CHECK_OK(hsm_tier_set_state(store, 7, HSM_TIER_READ_ONLY, &error));
    CHECK(stat_tier(store, 7).state == HSM_TIER_READ_ONLY);
    CHECK_STATUS(hsm_tier_set_state(store, 7, HSM_TIER_LOST, &error), HSM_STATUS_INVALID);
    CHECK_OK(hsm_tier_set_state(store, 7, HSM_TIER_ACTIVE, &error));

    /* Draining moves what is there, and the tier can be retired. */
    hsm_id one = put(store, "one"), two = put(store, "two");
    CHECK(stat_tier(store, 0).objects == 2 && stat_tier(store, 0).bytes == 6);
    CHECK_STATUS(hsm_tier_retire(store, 0, &error), HSM_STATUS_EXISTS);
    uint64_t moved = 0;
    CHECK_STATUS(hsm_tier_drain(store, 0, 0, &moved, &error), HSM_STATUS_INVALID);
    CHECK_OK(hsm_tier_drain(store, 0, 7, &moved, &error));
    CHECK(moved == 2 && stat_tier(store, 0).objects == 0 && stat_tier(store, 7).objects == 2);
    CHECK(stat_tier(store, 0).state == HSM_TIER_DRAINING);
    CHECK_OK(hsm_tier_retire(store, 0, &error));
    CHECK_STATUS(hsm_tier_stat(store, 0, &info, sizeof info, &error), HSM_STATUS_NOT_FOUND);

    /* Losing tells of each object that is gone, or stops where the callback says so. */
    struct told told = {.stop_with = 5};
    hsm_id_callback lost = {tell, &told, destroy};
    CHECK(hsm_tier_lose(store, 7, lost, &error) == HSM_STATUS_CANCELLED);
    CHECK(hsm_error_callback(error) == 5 && told.count == 1 && told.destroyed == 1);
    hsm_error_free(error);
    CHECK(memcmp(&told.ids[0], &one, sizeof one) == 0 || memcmp(&told.ids[0], &two, sizeof two) == 0);
    info = stat_tier(store, 7);
    CHECK(info.state == HSM_TIER_LOST && info.is_online == 0);
    told.stop_with = 0;
    CHECK_OK(hsm_tier_lose(store, 7, lost, &error));
    CHECK(told.destroyed == 2);
    CHECK(stat_tier(store, 7).objects == 0);
    hsm_id_callback none = {NULL, NULL, NULL};
    CHECK_OK(hsm_tier_lose(store, 7, none, &error));

    /* user_data is destroyed also where nothing was done. */
    CHECK_STATUS(hsm_tier_lose(NULL, 7, lost, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_tier_lose(store, 99, lost, &error), HSM_STATUS_NOT_FOUND);
    lost.call = NULL;
    CHECK_STATUS(hsm_tier_lose(store, 7, lost, &error), HSM_STATUS_INVALID);
    CHECK(told.destroyed == 5);

    /* As YAML, out and in. */
    CHECK_STATUS(hsm_tiers_export(store, NULL, 0, &length, &error), HSM_STATUS_BUFFER_TOO_SMALL);
    char *yaml = malloc(length + 1);
    CHECK(yaml != NULL);
    CHECK_OK(hsm_tiers_export(store, yaml, length + 1, NULL, &error));
    CHECK(strstr(yaml, "tape") != NULL);
    CHECK_OK(hsm_tiers_apply(store, yaml, SIZE_MAX, &error));
    free(yaml);
    CHECK_OK(hsm_tiers_apply(store, "tiers: [{index: 9, root: tiers/9, name: cold}]", SIZE_MAX, &error));
    CHECK_OK(hsm_tier_name(store, 9, text, sizeof text, NULL, &error));
    CHECK(strcmp(text, "cold") == 0);
    CHECK_STATUS(hsm_tiers_apply(store, "tiers: [{index: 9, rot: x}]", SIZE_MAX, &error), HSM_STATUS_INVALID);
    /* Whatever the parser says of it, the message is one line. */
    CHECK(hsm_tiers_apply(store, "tiers: [{index: 256}]", SIZE_MAX, &error) == HSM_STATUS_INVALID);
    CHECK(strstr(hsm_error_message(error), "256") != NULL && strchr(hsm_error_message(error), '\n') == NULL);
    hsm_error_free(error);

    hsm_limits limits = {2, 30, 1 << 20}, found = {9, 9, 9};
    CHECK_OK(hsm_tier_limits(store, 9, &found, sizeof found, &error));
    CHECK(found.actions_max == 0 && found.operations_a_second == 0 && found.bytes_a_second == 0);
    CHECK_OK(hsm_tier_set_limits(store, 9, &limits, sizeof limits, NULL, &error));
    CHECK_OK(hsm_tier_limits(store, 9, &found, sizeof found, &error));
    CHECK(memcmp(&found, &limits, sizeof found) == 0);
    CHECK_OK(hsm_tier_set_limits(store, 9, NULL, 0, NULL, &error));
    CHECK_OK(hsm_tier_limits(store, 9, &found, sizeof found, &error));
    CHECK(found.actions_max == 0 && found.bytes_a_second == 0);

    CHECK_OK(hsm_store_close(store, &error));
    CHECK_STATUS(hsm_tier_stat(store, 9, &info, sizeof info, &error), HSM_STATUS_CLOSED);
    hsm_store_free(store);
    return 0;
}
