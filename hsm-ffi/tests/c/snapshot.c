/* A store is backed up to a tier, lost, and restored from there. */
#define _XOPEN_SOURCE 700 /* for nftw() */
#include "check.h"
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TIERS = 2, BACKUP = 1 };

static char directory[4000];

static const char *at(const char *name)
{
    static char path[4][5000];
    static int next;
    char *text = path[next++ % 4];
    snprintf(text, sizeof path[0], "%s/%s", directory, name);
    return text;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

static void remove_tree(const char *path)
{
    CHECK(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
}

static hsm_store *create(void)
{
    static const char *const roots[TIERS] = {"disk", "archive"};
    hsm_store_options *options = NULL;
    CHECK_OK(hsm_store_options_new(&options, &error));
    for (int32_t tier = 0; tier < TIERS; ++tier) {
        hsm_tier_settings *settings = NULL;
        CHECK_OK(hsm_tier_settings_new(tier, &settings, &error));
        CHECK_OK(hsm_tier_settings_set_root(settings, at(roots[tier]), SIZE_MAX, &error));
        CHECK_OK(hsm_store_options_add_tier(options, settings, &error));
        hsm_tier_settings_free(settings);
    }
    hsm_store *store = NULL;
    CHECK_OK(hsm_store_open(at("store"), SIZE_MAX, options, &store, &error));
    hsm_store_options_free(options);
    return store;
}

static hsm_id put(hsm_store *store, const char *text)
{
    hsm_put_result result;
    CHECK_OK(hsm_object_put(store, text, strlen(text), NULL, &result, sizeof result, &error));
    return result.id;
}

static int32_t stop(void *data, const hsm_progress *progress, size_t size)
{
    CHECK(size >= sizeof *progress);
    *(int32_t *)data = progress->phase;
    return 1;
}

static int unknown;

/* What was put behind the snapshot is told of, and nothing else of an object. */
static int32_t note_unknown(void *late, const hsm_finding *finding, size_t size)
{
    CHECK(size == sizeof *finding);
    if (finding->kind == HSM_FINDING_STRAY)
        return 0;
    CHECK(finding->kind == HSM_FINDING_UNKNOWN && finding->generation == 1 && finding->is_packed == 1);
    CHECK(memcmp(&finding->object, late, sizeof finding->object) == 0);
    unknown++;
    return 0;
}

int main(int count, char **arguments)
{
    CHECK(count == 2);
    snprintf(directory, sizeof directory, "%s", arguments[1]);
    hsm_store *store = create();
    hsm_id kept = put(store, "kept"), removed = put(store, "removed");
    CHECK_OK(hsm_object_remove(store, &removed, NULL, &error));

    /* No snapshot yet, and none where it cannot be. */
    hsm_restored restored;
    CHECK_STATUS(hsm_store_restore(at("other"), SIZE_MAX, at("archive"), SIZE_MAX, NULL, &restored, sizeof restored,
                                   &error),
                 HSM_STATUS_NOT_FOUND);
    CHECK_STATUS(hsm_store_snapshot_to(store, 9, 0, NULL, &error), HSM_STATUS_NOT_FOUND);
    CHECK_STATUS(hsm_store_snapshot_to(store, -1, 0, NULL, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_store_snapshot_to(NULL, BACKUP, 0, NULL, &error), HSM_STATUS_INVALID);

    /* It can be followed, and stopped. */
    int32_t phase = 0;
    hsm_progress_callback callback = {stop, &phase, NULL};
    hsm_store *watched = NULL;
    CHECK_OK(hsm_store_with_progress(store, callback, &watched, &error));
    CHECK_STATUS(hsm_store_snapshot_to(watched, BACKUP, 0, NULL, &error), HSM_STATUS_CANCELLED);
    CHECK(phase == HSM_PHASE_SNAPSHOT);
    hsm_store_free(watched);

    hsm_position taken, last;
    CHECK_OK(hsm_store_snapshot_to(store, BACKUP, 0, &taken, &error));
    CHECK_OK(hsm_store_position(store, &last, &error));
    CHECK(memcmp(&taken, &last, sizeof taken) == 0);
    CHECK_OK(hsm_store_snapshot_to(store, BACKUP, 1, NULL, &error));
    hsm_snapshot_info info;
    CHECK_OK(hsm_snapshot_next(store, BACKUP, NULL, &info, sizeof info, &error));
    CHECK(memcmp(&info.position, &taken, sizeof taken) == 0 && info.bytes > 0 && info.made_ns > 0);
    CHECK_STATUS(hsm_snapshot_next(store, BACKUP, &info.position, &info, sizeof info, &error), HSM_STATUS_END);
    CHECK_STATUS(hsm_snapshot_next(store, 0, NULL, &info, sizeof info, &error), HSM_STATUS_END);
    hsm_id late = put(store, "too late for the snapshot");
    hsm_id id;
    CHECK_OK(hsm_store_id(store, &id, &error));
    CHECK_STATUS(hsm_store_restore(at("store"), SIZE_MAX, at("archive"), SIZE_MAX, NULL, NULL, 0, &error),
                 HSM_STATUS_EXISTS);
    hsm_store_free(store);

    /* The directory is lost, and one root has moved. */
    remove_tree(at("store"));
    CHECK(rename(at("disk"), at("moved")) == 0);
    hsm_store_options *options = NULL;
    CHECK_OK(hsm_store_options_new(&options, &error));
    CHECK_STATUS(hsm_store_options_set_root(options, 300, at("moved"), SIZE_MAX, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_store_options_set_root(options, 0, "", SIZE_MAX, &error), HSM_STATUS_INVALID);
    CHECK_OK(hsm_store_options_set_root(options, 0, at("moved"), SIZE_MAX, &error));
    CHECK_STATUS(hsm_store_restore(at("store"), SIZE_MAX, at("nowhere"), SIZE_MAX, options, NULL, 0, &error),
                 HSM_STATUS_INVALID);
    CHECK_OK(hsm_store_restore(at("store"), SIZE_MAX, at("archive"), SIZE_MAX, options, &restored, sizeof restored,
                               &error));
    CHECK(memcmp(&restored.id, &id, sizeof id) == 0);
    CHECK(memcmp(&restored.position, &taken, sizeof taken) == 0);
    CHECK(restored.tier == BACKUP && restored.passed_over == 0);
    hsm_store_options_free(options);

    /* It is read until it is reconciled. */
    CHECK_OK(hsm_store_open(at("store"), SIZE_MAX, NULL, &store, &error));
    CHECK_STATUS(hsm_object_remove(store, &kept, NULL, &error), HSM_STATUS_REFUSED);
    hsm_reconciled found;
    hsm_finding_callback note = {note_unknown, &late, NULL};
    CHECK_OK(hsm_store_reconcile(store, note, &found, sizeof found, &error));
    CHECK(unknown == 1 && found.unknown_objects == 1 && found.copies_adopted == 0 && found.copies_missing == 0);
    CHECK(found.unknown_places == 1 && found.new_epoch.epoch == taken.epoch + 2);
    char buffer[100];
    size_t length = 0;
    CHECK_OK(hsm_object_get(store, &kept, -1, 0, buffer, sizeof buffer, &length, &error));
    CHECK(length == 4 && memcmp(buffer, "kept", length) == 0);
    CHECK_STATUS(hsm_object_get(store, &removed, -1, 0, buffer, sizeof buffer, &length, &error),
                 HSM_STATUS_NOT_FOUND);
    CHECK_STATUS(hsm_object_get(store, &late, -1, 0, buffer, sizeof buffer, &length, &error), HSM_STATUS_NOT_FOUND);
    put(store, "on it goes");
    CHECK_OK(hsm_store_close(store, &error));
    hsm_store_free(store);
    return 0;
}
