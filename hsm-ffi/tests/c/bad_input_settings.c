/* Bad input: attributes, settings of a tier, tiers. */
#include "bad_input.h"

static void attributes(void)
{
    hsm_attributes *some = NULL;
    char *large = calloc(1, 70000);
    CHECK(large != NULL);
    CHECK_OK(hsm_attributes_new(&some, &error));
    PLAIN(hsm_attributes_free, attributes, (hsm_attributes_free(NULL), 1));
    BAD(INVALID, hsm_attributes_new, attributes_out, (NULL, &error));
    BAD(INVALID, hsm_attributes_set, attributes, (NULL, "a", 1, "b", 1, &error));
    BAD(INVALID, hsm_attributes_set, name, (some, NULL, 1, "b", 1, &error));
    BAD(INVALID, hsm_attributes_set, name, (some, "a\0b", 3, "b", 1, &error));
    UTF8(hsm_attributes_set, name, (some, NO_TEXT, SIZE_MAX, "b", 1, &error));
    BAD(INVALID, hsm_attributes_set, name_length, (some, "a", 0, "b", 1, &error));
    BAD(INVALID, hsm_attributes_set, name_length, (some, "a", TOO_LONG, "b", 1, &error));
    memset(large, 'n', 256);
    BAD(INVALID, hsm_attributes_set, name_length, (some, large, 256, "b", 1, &error));
    BAD(INVALID, hsm_attributes_set, value, (some, "a", 1, NULL, 1, &error));
    BAD(INVALID, hsm_attributes_set, value, (some, "a", 1, NULL, SIZE_MAX, &error));
    BAD(INVALID, hsm_attributes_set, value_length, (some, "a", 1, "b", TOO_LONG, &error));
    BAD(INVALID, hsm_attributes_set, value_length, (some, "a", 1, large, 65537, &error));
    BAD(INVALID, hsm_attributes_remove, attributes, (NULL, "a", 1, &error));
    BAD(INVALID, hsm_attributes_remove, name, (some, NULL, 1, &error));
    UTF8(hsm_attributes_remove, name, (some, NO_TEXT, SIZE_MAX, &error));
    BAD(INVALID, hsm_attributes_remove, name_length, (some, "a", 0, &error));
    BAD(INVALID, hsm_attributes_remove, name_length, (some, large, 256, &error));
    BAD(INVALID, hsm_attributes_expect, attributes, (NULL, "a", 1, "b", 1, &error));
    BAD(INVALID, hsm_attributes_expect, name, (some, NULL, 1, "b", 1, &error));
    UTF8(hsm_attributes_expect, name, (some, NO_TEXT, SIZE_MAX, "b", 1, &error));
    BAD(INVALID, hsm_attributes_expect, name_length, (some, "a", 0, "b", 1, &error));
    BAD(INVALID, hsm_attributes_expect, name_length, (some, large, 256, "b", 1, &error));
    FINE(hsm_attributes_expect, value, (some, "a", 1, NULL, TOO_LONG, &error));
    BAD(INVALID, hsm_attributes_expect, value_length, (some, "a", 1, "b", TOO_LONG, &error));
    BAD(INVALID, hsm_attributes_expect, value_length, (some, "a", 1, large, 65537, &error));
    BAD(INVALID, hsm_attributes_count, attributes, (NULL, &out.count, &error));
    BAD(INVALID, hsm_attributes_count, count_out, (some, NULL, &error));
    CHECK_OK(hsm_attributes_count(some, &out.count, &error));
    CHECK(out.count == 0);

    CHECK_OK(hsm_attributes_set(some, "a", 1, "b", 1, &error));
    BAD(INVALID, hsm_attributes_at, attributes, (NULL, 0, &out.bytes, &out.length, &out.value, &out.count, &error));
    BAD(END, hsm_attributes_at, index, (some, 1, &out.bytes, &out.length, &out.value, &out.count, &error));
    BAD(END, hsm_attributes_at, index, (some, SIZE_MAX, &out.bytes, &out.length, &out.value, &out.count, &error));
    BAD(INVALID, hsm_attributes_at, name_out, (some, 0, NULL, &out.length, &out.value, &out.count, &error));
    BAD(INVALID, hsm_attributes_at, name_length_out, (some, 0, &out.bytes, NULL, &out.value, &out.count, &error));
    BAD(INVALID, hsm_attributes_at, value_out, (some, 0, &out.bytes, &out.length, NULL, &out.count, &error));
    BAD(INVALID, hsm_attributes_at, value_length_out, (some, 0, &out.bytes, &out.length, &out.value, NULL, &error));
    BAD(INVALID, hsm_attributes_get, attributes, (NULL, "a", 1, &out.value, &out.length, &error));
    BAD(INVALID, hsm_attributes_get, name, (some, NULL, 1, &out.value, &out.length, &error));
    BAD(NOT_FOUND, hsm_attributes_get, name, (some, "z", 1, &out.value, &out.length, &error));
    UTF8(hsm_attributes_get, name, (some, NO_TEXT, SIZE_MAX, &out.value, &out.length, &error));
    BAD(INVALID, hsm_attributes_get, name_length, (some, "a", TOO_LONG, &out.value, &out.length, &error));
    BAD(INVALID, hsm_attributes_get, value_out, (some, "a", 1, NULL, &out.length, &error));
    BAD(INVALID, hsm_attributes_get, value_length_out, (some, "a", 1, &out.value, NULL, &error));
    hsm_attributes_free(some);
    free(large);
}

static void settings(void)
{
    hsm_tier_settings *some = NULL;
    char large[5000];
    memset(large, 'n', sizeof large);
    CHECK_OK(hsm_tier_settings_new(7, &some, &error));
    PLAIN(hsm_tier_settings_free, settings, (hsm_tier_settings_free(NULL), 1));
    BAD(INVALID, hsm_tier_settings_new, tier, (256, &made.tier_settings, &error));
    BAD(INVALID, hsm_tier_settings_new, tier, (-1, &made.tier_settings, &error));
    BAD(INVALID, hsm_tier_settings_new, settings_out, (7, NULL, &error));
    BAD(INVALID, hsm_tier_settings_set_root, settings, (NULL, "root", 4, &error));
    BAD(INVALID, hsm_tier_settings_set_root, path, (some, NULL, 4, &error));
    BAD(INVALID, hsm_tier_settings_set_root, path, (some, "ro\0ot", 5, &error));
    UTF8(hsm_tier_settings_set_root, path, (some, NO_TEXT, SIZE_MAX, &error));
    BAD(INVALID, hsm_tier_settings_set_root, path_length, (some, "root", 0, &error));
    BAD(INVALID, hsm_tier_settings_set_root, path_length, (some, large, 4097, &error));
    BAD(INVALID, hsm_tier_settings_set_root, path_length, (some, "root", TOO_LONG, &error));
    BAD(INVALID, hsm_tier_settings_set_backend, settings, (NULL, HSM_BACKEND_POSIX, &error));
    BAD(INVALID, hsm_tier_settings_set_backend, backend, (some, 0, &error));
    BAD(INVALID, hsm_tier_settings_set_backend, backend, (some, 3, &error));
    BAD(INVALID, hsm_tier_settings_set_name, settings, (NULL, "name", 4, &error));
    BAD(INVALID, hsm_tier_settings_set_name, name, (some, NULL, 4, &error));
    UTF8(hsm_tier_settings_set_name, name, (some, NO_TEXT, SIZE_MAX, &error));
    BAD(INVALID, hsm_tier_settings_set_name, name_length, (some, large, 256, &error));
    BAD(INVALID, hsm_tier_settings_set_access, settings, (NULL, HSM_ACCESS_ONLINE, &error));
    BAD(INVALID, hsm_tier_settings_set_access, access, (some, 0, &error));
    BAD(INVALID, hsm_tier_settings_set_access, access, (some, INT32_MIN, &error));
    BAD(INVALID, hsm_tier_settings_set_capacity_bytes, settings, (NULL, 1, &error));
    FINE(hsm_tier_settings_set_capacity_bytes, capacity_bytes, (some, 0, &error));
    BAD(INVALID, hsm_tier_settings_set_pack_threshold_bytes, settings, (NULL, 1, &error));
    BAD(INVALID, hsm_tier_settings_set_pack_threshold_bytes, pack_threshold_bytes, (some, 1048577, &error));
    BAD(INVALID, hsm_tier_settings_set_pack_size_bytes, settings, (NULL, 4096, &error));
    BAD(INVALID, hsm_tier_settings_set_pack_size_bytes, pack_size_bytes, (some, 4095, &error));
    BAD(INVALID, hsm_tier_settings_set_watermarks_percent, settings, (NULL, 1, 2, &error));
    SAYS(INVALID, "watermarks", hsm_tier_settings_set_watermarks_percent, low, (some, 2, 1, &error));
    SAYS(INVALID, "watermarks", hsm_tier_settings_set_watermarks_percent, low, (some, -1, 1, &error));
    SAYS(INVALID, "watermarks", hsm_tier_settings_set_watermarks_percent, high, (some, 1, 101, &error));
    hsm_tier_settings_free(some);
}

static int32_t take(void *user_data, const hsm_id *id)
{
    (void)user_data;
    (void)id;
    return 0;
}

static int destroyed;

static void destroy(void *user_data)
{
    (void)user_data;
    destroyed++;
}

static void tiers(void)
{
    const hsm_store *store = world.store, *closed = world.closed;
    hsm_tier_settings *some = NULL, *zero = NULL;
    const hsm_limits limits = {2, 3, 4};
    const hsm_id_callback none = {NULL, NULL, NULL}, half = {NULL, NULL, destroy}, whole = {take, NULL, destroy};
    CHECK_OK(hsm_tier_settings_new(77, &some, &error));
    CHECK_OK(hsm_tier_settings_get(store, 0, &zero, &error));

    BAD(INVALID, hsm_tier_stat, store, (NULL, 0, &out.tier, sizeof out.tier, &error));
    CLOSED(hsm_tier_stat, store, (closed, 0, &out.tier, sizeof out.tier, &error));
    BAD(NOT_FOUND, hsm_tier_stat, tier, (store, 77, &out.tier, sizeof out.tier, &error));
    BAD(INVALID, hsm_tier_stat, tier, (store, -1, &out.tier, sizeof out.tier, &error));
    BAD(INVALID, hsm_tier_stat, tier, (store, 256, &out.tier, sizeof out.tier, &error));
    BAD(INVALID, hsm_tier_stat, info_out, (store, 0, NULL, sizeof out.tier, &error));
    BAD(INVALID, hsm_tier_stat, info_size, (store, 0, &out.tier, 0, &error));
    BAD(INVALID, hsm_tier_stat, info_size, (store, 0, &out.tier, TOO_LONG, &error));
    BAD(INVALID, hsm_tier_next, store, (NULL, -1, &out.tier, sizeof out.tier, &error));
    CLOSED(hsm_tier_next, store, (closed, -1, &out.tier, sizeof out.tier, &error));
    BAD(INVALID, hsm_tier_next, after, (store, -2, &out.tier, sizeof out.tier, &error));
    BAD(INVALID, hsm_tier_next, after, (store, 256, &out.tier, sizeof out.tier, &error));
    BAD(END, hsm_tier_next, after, (store, 255, &out.tier, sizeof out.tier, &error));
    BAD(INVALID, hsm_tier_next, info_out, (store, -1, NULL, sizeof out.tier, &error));
    BAD(INVALID, hsm_tier_next, info_size, (store, -1, &out.tier, 0, &error));
    BAD(INVALID, hsm_tier_name, store, (NULL, 0, out.buffer, 9, &out.length, &error));
    CLOSED(hsm_tier_name, store, (closed, 0, out.buffer, 9, &out.length, &error));
    BAD(NOT_FOUND, hsm_tier_name, tier, (store, 77, out.buffer, 9, &out.length, &error));
    BAD(INVALID, hsm_tier_name, tier, (store, -1, out.buffer, 9, &out.length, &error));
    BAD(INVALID, hsm_tier_name, buffer, (store, 0, NULL, 9, &out.length, &error));
    BAD(BUFFER_TOO_SMALL, hsm_tier_name, buffer_size, (store, 0, out.buffer, 0, &out.length, &error));
    FINE(hsm_tier_name, length_out, (store, 0, out.buffer, sizeof out.buffer, NULL, &error));
    BAD(INVALID, hsm_tier_root, store, (NULL, 0, out.buffer, 9, &out.length, &error));
    CLOSED(hsm_tier_root, store, (closed, 0, out.buffer, 9, &out.length, &error));
    BAD(NOT_FOUND, hsm_tier_root, tier, (store, 77, out.buffer, 9, &out.length, &error));
    BAD(INVALID, hsm_tier_root, tier, (store, 300, out.buffer, 9, &out.length, &error));
    BAD(INVALID, hsm_tier_root, buffer, (store, 0, NULL, 1, &out.length, &error));
    BAD(BUFFER_TOO_SMALL, hsm_tier_root, buffer_size, (store, 0, out.buffer, 2, &out.length, &error));
    FINE(hsm_tier_root, length_out, (store, 0, out.buffer, sizeof out.buffer, NULL, &error));
    BAD(INVALID, hsm_tier_settings_get, store, (NULL, 0, &made.tier_settings, &error));
    CLOSED(hsm_tier_settings_get, store, (closed, 0, &made.tier_settings, &error));
    BAD(NOT_FOUND, hsm_tier_settings_get, tier, (store, 77, &made.tier_settings, &error));
    BAD(INVALID, hsm_tier_settings_get, tier, (store, -1, &made.tier_settings, &error));
    BAD(INVALID, hsm_tier_settings_get, settings_out, (store, 0, NULL, &error));
    BAD(INVALID, hsm_tier_add, store, (NULL, some, &error));
    CLOSED(hsm_tier_add, store, (closed, some, &error));
    BAD(INVALID, hsm_tier_add, settings, (store, NULL, &error));
    BAD(EXISTS, hsm_tier_add, settings, (store, zero, &error));
    BAD(INVALID, hsm_tier_change, store, (NULL, zero, &error));
    CLOSED(hsm_tier_change, store, (closed, zero, &error));
    BAD(INVALID, hsm_tier_change, settings, (store, NULL, &error));
    BAD(NOT_FOUND, hsm_tier_change, settings, (store, some, &error));
    CHECK_OK(hsm_tier_settings_set_root(zero, "elsewhere", SIZE_MAX, &error));
    SAYS(INVALID, "root", hsm_tier_change, settings, (store, zero, &error));
    BAD(INVALID, hsm_tier_set_state, store, (NULL, 0, HSM_TIER_ACTIVE, &error));
    CLOSED(hsm_tier_set_state, store, (closed, 0, HSM_TIER_ACTIVE, &error));
    BAD(NOT_FOUND, hsm_tier_set_state, tier, (store, 77, HSM_TIER_ACTIVE, &error));
    BAD(INVALID, hsm_tier_set_state, tier, (store, -1, HSM_TIER_ACTIVE, &error));
    BAD(INVALID, hsm_tier_set_state, state, (store, 0, 0, &error));
    BAD(INVALID, hsm_tier_set_state, state, (store, 0, HSM_TIER_LOST, &error));
    BAD(INVALID, hsm_tier_set_limits, store, (NULL, 0, &limits, sizeof limits, &out.position, &error));
    CLOSED(hsm_tier_set_limits, store, (closed, 0, &limits, sizeof limits, &out.position, &error));
    BAD(INVALID, hsm_tier_set_limits, tier, (store, -1, &limits, sizeof limits, &out.position, &error));
    BAD(NOT_FOUND, hsm_tier_set_limits, tier, (store, 77, &limits, sizeof limits, &out.position, &error));
    FINE(hsm_tier_set_limits, limits, (store, 0, NULL, 9, &out.position, &error));
    BAD(INVALID, hsm_tier_set_limits, limits_size, (store, 0, &limits, 0, &out.position, &error));
    BAD(INVALID, hsm_tier_set_limits, limits_size, (store, 0, &limits, TOO_LONG, &out.position, &error));
    FINE(hsm_tier_set_limits, position_out, (store, 0, &limits, sizeof limits, NULL, &error));
    BAD(INVALID, hsm_tier_limits, store, (NULL, 0, &out.limits, sizeof limits, &error));
    CLOSED(hsm_tier_limits, store, (closed, 0, &out.limits, sizeof limits, &error));
    BAD(INVALID, hsm_tier_limits, tier, (store, 256, &out.limits, sizeof limits, &error));
    BAD(NOT_FOUND, hsm_tier_limits, tier, (store, 77, &out.limits, sizeof limits, &error));
    BAD(INVALID, hsm_tier_limits, limits_out, (store, 0, NULL, sizeof limits, &error));
    BAD(INVALID, hsm_tier_limits, limits_size, (store, 0, &out.limits, 0, &error));
    BAD(INVALID, hsm_tier_drain, store, (NULL, 0, 1, &out.number, &error));
    CLOSED(hsm_tier_drain, store, (closed, 0, 1, &out.number, &error));
    BAD(NOT_FOUND, hsm_tier_drain, tier, (store, 77, 1, &out.number, &error));
    BAD(INVALID, hsm_tier_drain, tier, (store, 256, 1, &out.number, &error));
    BAD(NOT_FOUND, hsm_tier_drain, target, (store, 4, 77, &out.number, &error));
    BAD(INVALID, hsm_tier_drain, target, (store, 0, -1, &out.number, &error));
    SAYS(INVALID, "tier", hsm_tier_drain, target, (store, 4, 4, &out.number, &error));
    FINE(hsm_tier_drain, moved_out, (store, 4, 3, NULL, &error));
    BAD(INVALID, hsm_tier_lose, store, (NULL, 4, none, &error));
    CLOSED(hsm_tier_lose, store, (closed, 4, none, &error));
    BAD(NOT_FOUND, hsm_tier_lose, tier, (store, 77, whole, &error));
    BAD(INVALID, hsm_tier_lose, tier, (store, -1, whole, &error));
    BAD(INVALID, hsm_tier_lose, lost, (store, 4, half, &error));
    CHECK(destroyed == 3);
    BAD(INVALID, hsm_tier_retire, store, (NULL, 4, &error));
    CLOSED(hsm_tier_retire, store, (closed, 4, &error));
    BAD(NOT_FOUND, hsm_tier_retire, tier, (store, 77, &error));
    BAD(INVALID, hsm_tier_retire, tier, (store, 256, &error));
    BAD(EXISTS, hsm_tier_retire, tier, (store, 0, &error));
    BAD(INVALID, hsm_tiers_export, store, (NULL, out.buffer, 9, &out.length, &error));
    CLOSED(hsm_tiers_export, store, (closed, out.buffer, 9, &out.length, &error));
    BAD(INVALID, hsm_tiers_export, buffer, (store, NULL, 9, &out.length, &error));
    BAD(BUFFER_TOO_SMALL, hsm_tiers_export, buffer_size, (store, out.buffer, 9, &out.length, &error));
    BAD(BUFFER_TOO_SMALL, hsm_tiers_export, length_out, (store, NULL, 0, NULL, &error));
    BAD(INVALID, hsm_tiers_apply, store, (NULL, "tiers: []", SIZE_MAX, &error));
    CLOSED(hsm_tiers_apply, store, (closed, "tiers: []", SIZE_MAX, &error));
    BAD(INVALID, hsm_tiers_apply, yaml, (store, NULL, SIZE_MAX, &error));
    SAYS(INVALID, "tiers", hsm_tiers_apply, yaml, (store, "tiers: [", SIZE_MAX, &error));
    SAYS(INVALID, "tiers", hsm_tiers_apply, yaml, (store, "a\0b", 3, &error));
    UTF8(hsm_tiers_apply, yaml, (store, NO_TEXT, SIZE_MAX, &error));
    BAD(INVALID, hsm_tiers_apply, yaml_length, (store, "tiers: []", TOO_LONG, &error));
    hsm_tier_settings_free(some);
    hsm_tier_settings_free(zero);
}

int main(int argc, char **argv)
{
    open_world(argc, argv);
    close_the_other();
    attributes();
    settings();
    tiers();
    close_world();
    return 0;
}
