/* Packs of which little lives are rewritten: their room comes back, and what lives in them stays as it is. */
#include "check.h"

#define COUNT ((size_t)40)
#define SIZE ((size_t)1000)

static int32_t nothing(void *user_data, const hsm_finding *finding, size_t size)
{
    (void)user_data;
    (void)size;
    fprintf(stderr, "finding of kind %d: %s\n", (int)finding->kind, finding->detail);
    return -7;
}

static int32_t note(void *user_data, const hsm_finding *finding, size_t size)
{
    (void)size;
    *(hsm_finding *)user_data = *finding;
    return strlen(finding->detail) > 0 ? 0 : -7;
}

static void check_content(hsm_store *store, const hsm_id *id, int with)
{
    unsigned char expected[SIZE], found[SIZE];
    size_t read = 0;
    memset(expected, with, SIZE);
    CHECK_OK(hsm_object_get(store, id, -1, 0, found, SIZE, &read, &error));
    CHECK(read == SIZE && memcmp(expected, found, SIZE) == 0);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    hsm_store *store = NULL;
    CHECK_OK(hsm_store_open(argv[1], SIZE_MAX, NULL, &store, &error));
    hsm_put_result put[COUNT];
    unsigned char content[SIZE];
    for (size_t i = 0; i < COUNT; i++) {
        memset(content, (int)i, SIZE);
        CHECK_OK(hsm_object_put(store, content, SIZE, NULL, &put[i], sizeof put[i], &error));
    }
    for (size_t i = 0; i < COUNT; i++)
        if (i % 10 != 0)
            CHECK_OK(hsm_object_purge(store, &put[i].id, NULL, &error));

    /* The pack is still being appended to: nothing is to be done. */
    hsm_finding_callback found = {nothing, NULL, NULL};
    hsm_compacted done;
    CHECK_OK(hsm_store_compact(store, -1, NULL, 0, found, &done, sizeof done, &error));
    CHECK(done.packs == 0 && done.objects == 0 && done.tiers_passed_over == 0);

    /* Once it is not, it is rewritten where less lives in it than is asked for. */
    CHECK_OK(hsm_store_close(store, &error));
    hsm_store_free(store);
    CHECK_OK(hsm_store_open(argv[1], SIZE_MAX, NULL, &store, &error));
    hsm_compact_options options = {5, 0, 0};
    CHECK_OK(hsm_store_compact(store, -1, &options, sizeof options, found, &done, sizeof done, &error));
    CHECK(done.packs == 0 && done.objects == 0);

    /* A tier that takes nothing is passed over, and why is said. */
    hsm_finding why;
    hsm_finding_callback noted = {note, NULL, NULL};
    noted.user_data = &why;
    CHECK_OK(hsm_tier_set_state(store, 0, HSM_TIER_READ_ONLY, &error));
    CHECK_OK(hsm_store_compact(store, 0, NULL, 0, noted, &done, sizeof done, &error));
    CHECK(done.objects == 0 && done.tiers_passed_over == 1);
    CHECK(why.kind == HSM_FINDING_OUT_OF_REACH && why.tier == 0);
    CHECK_OK(hsm_tier_set_state(store, 0, HSM_TIER_ACTIVE, &error));

    hsm_position before;
    CHECK_OK(hsm_store_position(store, &before, &error));
    CHECK_OK(hsm_store_compact(store, 0, NULL, 0, found, &done, sizeof done, &error));
    CHECK(done.packs == 1 && done.objects == 4 && done.bytes == 4 * SIZE);
    CHECK(done.packs_removed == 1 && done.bytes_removed > COUNT * SIZE && done.copies_left == 0);
    for (size_t i = 0; i < COUNT; i += 10)
        check_content(store, &put[i].id, (int)i);

    /* Whoever follows the feed is told, and nothing else. */
    hsm_feed *feed = NULL;
    const hsm_event *event = NULL;
    CHECK_OK(hsm_feed_open(store, &before, &feed, &error));
    for (size_t i = 0; i < 4; i++) {
        hsm_event_info info;
        CHECK_OK(hsm_feed_next(feed, &event, &error));
        CHECK_OK(hsm_event_stat(event, &info, sizeof info, &error));
        CHECK(info.kind == HSM_EVENT_COPY_RELOCATED && info.generation == 1 && info.tier == 0 && info.copies == 1);
    }
    CHECK_STATUS(hsm_feed_next(feed, &event, &error), HSM_STATUS_END);
    hsm_feed_free(feed);

    /* Maintenance moves nothing. */
    hsm_maintained did;
    CHECK_OK(hsm_object_purge(store, &put[0].id, NULL, &error));
    CHECK_OK(hsm_object_purge(store, &put[10].id, NULL, &error));
    CHECK_OK(hsm_object_purge(store, &put[20].id, NULL, &error));
    CHECK_OK(hsm_store_close(store, &error));
    hsm_store_free(store);
    CHECK_OK(hsm_store_open(argv[1], SIZE_MAX, NULL, &store, &error));
    CHECK_OK(hsm_store_maintain(store, &did, sizeof did, &error));
    CHECK(did.packs_removed == 0);
    CHECK_OK(hsm_store_compact(store, -1, NULL, 0, found, &done, sizeof done, &error));
    CHECK(done.objects == 1 && done.packs_removed == 1);
    check_content(store, &put[30].id, 30);
    hsm_store_free(store);
    return 0;
}
