/* A new store has the tiers that its options name, and settings refuse what makes no sense. */
#include "check.h"

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    hsm_store_options *options = NULL;
    hsm_tier_settings *fast = NULL, *scratch = NULL;
    CHECK_OK(hsm_store_options_new(&options, &error));
    CHECK_OK(hsm_tier_settings_new(3, &fast, &error));
    CHECK_OK(hsm_tier_settings_set_root(fast, "tiers/fast", SIZE_MAX, &error));
    CHECK_OK(hsm_tier_settings_set_pack_threshold_bytes(fast, 0, &error));
    CHECK_OK(hsm_tier_settings_set_pack_size_bytes(fast, 4096, &error));
    CHECK_OK(hsm_tier_settings_new(255, &scratch, &error));
    CHECK_OK(hsm_tier_settings_set_backend(scratch, HSM_BACKEND_MEMORY, &error));

    CHECK_STATUS(hsm_tier_settings_set_backend(fast, 9, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_tier_settings_set_access(fast, 0, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_tier_settings_set_root(fast, "", SIZE_MAX, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_tier_settings_set_name(fast, "\xff", 1, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_tier_settings_set_pack_size_bytes(fast, 4095, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_tier_settings_set_pack_threshold_bytes(fast, (1 << 20) + 1, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_tier_settings_set_watermarks_percent(fast, 61, 60, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_tier_settings_set_watermarks_percent(fast, -1, 60, &error), HSM_STATUS_INVALID);
    hsm_tier_settings *none;
    CHECK_STATUS(hsm_tier_settings_new(256, &none, &error), HSM_STATUS_INVALID);
    CHECK(none == NULL);

    CHECK_OK(hsm_store_options_add_tier(options, scratch, &error));
    CHECK_OK(hsm_store_options_add_tier(options, fast, &error));
    CHECK_STATUS(hsm_store_options_add_tier(options, fast, &error), HSM_STATUS_EXISTS);
    hsm_tier_settings_free(fast);
    hsm_tier_settings_free(scratch);
    hsm_tier_settings_free(NULL);

    hsm_store *store = NULL;
    CHECK_OK(hsm_store_open(argv[1], SIZE_MAX, options, &store, &error));
    hsm_store_options_free(options);
    hsm_tier_info info;
    CHECK_OK(hsm_tier_next(store, -1, &info, sizeof info, &error));
    CHECK(info.tier == 3 && info.backend == HSM_BACKEND_POSIX && info.is_online == 1);
    CHECK(info.pack_threshold_bytes == 0 && info.pack_size_bytes == 4096);
    CHECK_OK(hsm_tier_next(store, 3, &info, sizeof info, &error));
    CHECK(info.tier == 255 && info.backend == HSM_BACKEND_MEMORY && info.is_online == 1);
    CHECK_STATUS(hsm_tier_next(store, 255, &info, sizeof info, &error), HSM_STATUS_END);

    char root[16];
    size_t length;
    CHECK_OK(hsm_tier_root(store, 3, root, sizeof root, &length, &error));
    CHECK(length == 10 && strcmp(root, "tiers/fast") == 0);
    CHECK_OK(hsm_tier_root(store, 255, root, sizeof root, &length, &error));
    CHECK(length == 0);

    CHECK_OK(hsm_store_close(store, &error));
    hsm_store_free(store);
    return 0;
}
