/* The feed tells of everything that is done to a store, with what a copy of it needs. */
#include "check.h"

static hsm_store *store = NULL;
static hsm_feed *feed = NULL;
static const hsm_event *event;
static hsm_event_info info;

/* The next event, which is of this kind. */
static void next(int32_t kind)
{
    hsm_position before = info.position;
    CHECK_OK(hsm_feed_next(feed, &event, &error));
    CHECK_OK(hsm_event_stat(event, &info, sizeof info, &error));
    CHECK(info.kind == kind && info.record_type == kind);
    CHECK(info.position.number == before.number + 1 && info.time_ns > 0 && info.instance != 0);
}

static int same(hsm_id one, hsm_id other)
{
    return memcmp(&one, &other, sizeof one) == 0;
}

static int has_key(const char *key)
{
    const uint8_t *found;
    size_t length;
    if (hsm_event_key(event, &found, &length, NULL) != HSM_STATUS_OK)
        return key == NULL;
    return key != NULL && length == strlen(key) && memcmp(found, key, length) == 0;
}

static int has_name(const char *name)
{
    const uint8_t *found;
    size_t length;
    CHECK_OK(hsm_event_name(event, &found, &length, &error));
    return length == strlen(name) && memcmp(found, name, length) == 0;
}

/* Whether the event sets an attribute so; NULL: removes it. */
static int sets(const char *name, const char *value)
{
    const hsm_attributes *attributes = NULL;
    const uint8_t *found_name, *found;
    size_t name_length, length;
    CHECK_OK(hsm_event_attributes(event, &attributes, &error));
    for (size_t index = 0; hsm_attributes_at(attributes, index, &found_name, &name_length, &found, &length,
                                             NULL) == HSM_STATUS_OK; index++)
        if (name_length == strlen(name) && memcmp(found_name, name, name_length) == 0)
            return value == NULL ? found == NULL : length == strlen(value) && memcmp(found, value, length) == 0;
    return 0;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    CHECK_OK(hsm_store_open(argv[1], SIZE_MAX, NULL, &store, &error));
    CHECK_OK(hsm_feed_open(store, NULL, &feed, &error));

    /* A store begins with its tiers. */
    for (int32_t tier = 0; tier < 5; tier++) {
        hsm_tier_info settings;
        const uint8_t *root;
        size_t length;
        next(HSM_EVENT_TIER_SET);
        CHECK(info.tier == tier && has_name("") && has_key(NULL));
        CHECK_OK(hsm_event_tier(event, &settings, sizeof settings, NULL, &error));
        CHECK(settings.tier == tier && settings.state == HSM_TIER_ACTIVE && settings.objects == 0);
        CHECK_OK(hsm_event_value(event, &root, &length, &error));
        CHECK(length == 7 && memcmp(root, "tiers/", 6) == 0);
    }

    hsm_attributes *attributes = NULL;
    hsm_id dataset;
    hsm_put_options *options = NULL;
    hsm_put_result put;
    hsm_copy_info copy;
    CHECK_OK(hsm_attributes_new(&attributes, &error));
    CHECK_OK(hsm_attributes_set(attributes, "colour", SIZE_MAX, "red", 3, &error));
    CHECK_OK(hsm_dataset_create(store, "data", SIZE_MAX, attributes, &dataset, &error));
    next(HSM_EVENT_DATASET_CREATED);
    CHECK(same(info.dataset, dataset) && has_name("data") && sets("colour", "red") && info.tier == -1);

    CHECK_OK(hsm_put_options_new(&options, &error));
    CHECK_OK(hsm_put_options_set_key(options, &dataset, "a/b", SIZE_MAX, &error));
    CHECK_OK(hsm_put_options_set_attributes(options, attributes, &error));
    CHECK_OK(hsm_put_options_set_tier(options, 1, &error));
    CHECK_OK(hsm_put_options_add_digest(options, "md5", SIZE_MAX, &error));
    CHECK_OK(hsm_object_put(store, "abc", 3, options, &put, sizeof put, &error));
    next(HSM_EVENT_PUT);
    CHECK(same(info.object, put.id) && info.generation == 1 && info.is_new == 1 && info.has_data == 1);
    CHECK(info.size_bytes == 3 && info.block_size_bytes == 1 << 20 && info.tier == 1 && info.copies == 1);
    CHECK(info.position.number == put.position.number && same(info.dataset, dataset) && info.has_key == 1);
    CHECK(has_key("a/b") && sets("colour", "red") && info.attributes == 1 && info.digests == 1);
    CHECK_OK(hsm_event_copy_at(event, 0, &copy, sizeof copy, &error));
    CHECK(copy.tier == 1 && copy.is_verified == 0 && copy.created_ns == info.time_ns);
    CHECK_STATUS(hsm_event_copy_at(event, 1, &copy, sizeof copy, &error), HSM_STATUS_END);
    char digest[64];
    size_t length;
    CHECK_OK(hsm_event_digest_at(event, 0, digest, sizeof digest, &length, &error));
    CHECK(strcmp(digest, "md5:900150983cd24fb0d6963f7d28e17f72") == 0);
    CHECK_STATUS(hsm_event_digest_at(event, 0, digest, 4, &length, &error), HSM_STATUS_BUFFER_TOO_SMALL);
    CHECK(length == 36);
    CHECK_STATUS(hsm_event_digest_at(event, 1, digest, sizeof digest, &length, &error), HSM_STATUS_END);

    /* Copies come, go, and are verified. */
    CHECK_OK(hsm_object_move(store, &put.id, 1, 3, NULL, &error));
    next(HSM_EVENT_COPY_ADDED);
    CHECK(same(info.object, put.id) && info.tier == 3 && info.generation == 1 && info.copies == 1);
    CHECK_OK(hsm_event_copy_at(event, 0, &copy, sizeof copy, &error));
    CHECK(copy.is_verified == 1 && copy.verified_ns == info.time_ns);
    next(HSM_EVENT_COPY_DROPPED);
    CHECK(same(info.object, put.id) && info.tier == 1 && info.reason == HSM_REASON_RELEASED);
    CHECK_OK(hsm_object_verify(store, &put.id, 3, NULL, &error));
    next(HSM_EVENT_COPY_VERIFIED);
    CHECK(same(info.object, put.id) && info.tier == 3 && info.is_whole == 1 && info.generation == 1);

    /* Attributes and keys. */
    CHECK_OK(hsm_attributes_remove(attributes, "colour", SIZE_MAX, &error));
    CHECK_OK(hsm_attributes_set(attributes, "size", SIZE_MAX, "", 0, &error));
    CHECK_OK(hsm_object_set_attributes(store, &put.id, attributes, NULL, &error));
    next(HSM_EVENT_ATTRIBUTES_SET);
    hsm_id none = {{0}};
    CHECK(same(info.object, put.id) && same(info.dataset, none) && info.attributes == 2);
    CHECK(sets("colour", NULL) && sets("size", ""));
    CHECK_OK(hsm_dataset_set_attributes(store, &dataset, attributes, NULL, &error));
    next(HSM_EVENT_ATTRIBUTES_SET);
    CHECK(same(info.object, none) && same(info.dataset, dataset));
    CHECK_OK(hsm_key_add(store, &dataset, "c", SIZE_MAX, &put.id, NULL, &error));
    next(HSM_EVENT_KEY_ADDED);
    CHECK(same(info.object, put.id) && same(info.dataset, dataset) && has_key("c"));
    CHECK_OK(hsm_key_remove(store, &dataset, "c", SIZE_MAX, NULL, &error));
    next(HSM_EVENT_KEY_REMOVED);
    CHECK(same(info.object, put.id) && has_key("c"));

    /* Removal and return. */
    CHECK_OK(hsm_object_remove(store, &put.id, NULL, &error));
    next(HSM_EVENT_REMOVED);
    CHECK(same(info.object, put.id) && info.until_ns > info.time_ns);
    CHECK_OK(hsm_object_undelete(store, &put.id, &error));
    next(HSM_EVENT_UNDELETED);
    CHECK(same(info.object, put.id) && same(info.dataset, dataset) && has_key("a/b"));
    CHECK_OK(hsm_object_purge(store, &put.id, NULL, &error));
    next(HSM_EVENT_REMOVED);
    next(HSM_EVENT_PURGED);
    CHECK(same(info.object, put.id));
    CHECK_OK(hsm_dataset_remove(store, &dataset, NULL, &error));
    next(HSM_EVENT_DATASET_REMOVED);
    CHECK(same(info.dataset, dataset));
    CHECK_OK(hsm_object_put_empty(store, NULL, &put, sizeof put, &error));
    next(HSM_EVENT_PUT);
    CHECK(info.has_data == 0 && info.copies == 0 && info.tier == -1 && info.has_key == 0);

    /* A tier's new settings can be given to another store. */
    hsm_tier_settings *settings = NULL;
    hsm_tier_info tier;
    hsm_store *mirror = NULL;
    CHECK_OK(hsm_tier_settings_new(7, &settings, &error));
    CHECK_OK(hsm_tier_settings_set_name(settings, "tape", SIZE_MAX, &error));
    CHECK_OK(hsm_tier_settings_set_access(settings, HSM_ACCESS_DELAYED, &error));
    CHECK_OK(hsm_tier_add(store, settings, &error));
    hsm_tier_settings_free(settings);
    next(HSM_EVENT_TIER_SET);
    CHECK(info.tier == 7 && has_name("tape"));
    CHECK_OK(hsm_event_tier(event, &tier, sizeof tier, &settings, &error));
    CHECK(tier.access == HSM_ACCESS_DELAYED);
    CHECK_OK(hsm_store_open(":memory:", SIZE_MAX, NULL, &mirror, &error));
    CHECK_OK(hsm_tier_add(mirror, settings, &error));
    CHECK_OK(hsm_tier_stat(mirror, 7, &tier, sizeof tier, &error));
    CHECK(tier.access == HSM_ACCESS_DELAYED);
    hsm_tier_settings_free(settings);
    hsm_store_free(mirror);

    CHECK_OK(hsm_object_put(store, "lost", 4, NULL, &put, sizeof put, &error));
    next(HSM_EVENT_PUT);
    CHECK_STATUS(hsm_event_tier(event, &tier, sizeof tier, &settings, &error), HSM_STATUS_END);
    CHECK(settings == NULL);
    hsm_id_callback nobody = {NULL, NULL, NULL};
    CHECK_OK(hsm_tier_lose(store, 0, nobody, &error));
    next(HSM_EVENT_TIER_SET);
    next(HSM_EVENT_COPY_DROPPED);
    CHECK(info.tier == 0 && info.reason == HSM_REASON_TIER_LOST);
    CHECK_STATUS(hsm_feed_next(feed, &event, &error), HSM_STATUS_END);

    hsm_feed_free(feed);
    hsm_put_options_free(options);
    hsm_attributes_free(attributes);
    CHECK_OK(hsm_store_close(store, &error));
    hsm_store_free(store);
    return 0;
}
