/* A store is lost with every snapshot, and made again from the roots of its tiers. */
#include "check.h"

static char directory[4000];

static const char *at(const char *name)
{
    static char path[4][5000];
    static int next;
    char *text = path[next++ % 4];
    snprintf(text, sizeof path[0], "%s/%s", directory, name);
    return text;
}

static void add_tier(hsm_store_options *options, int32_t tier, const char *root)
{
    hsm_tier_settings *settings = NULL;
    CHECK_OK(hsm_tier_settings_new(tier, &settings, &error));
    CHECK_OK(hsm_tier_settings_set_root(settings, at(root), SIZE_MAX, &error));
    CHECK_OK(hsm_store_options_add_tier(options, settings, &error));
    hsm_tier_settings_free(settings);
}

static hsm_id put(hsm_store *store, const char *text, int32_t tier)
{
    hsm_put_result result;
    hsm_put_options *options = NULL;
    CHECK_OK(hsm_put_options_new(&options, &error));
    CHECK_OK(hsm_put_options_set_tier(options, tier, &error));
    CHECK_OK(hsm_object_put(store, text, strlen(text), options, &result, sizeof result, &error));
    hsm_put_options_free(options);
    return result.id;
}

/* Flips a bit of the bytes that a text lies in, in the one file of a tier's root that holds them. */
static void damage(const char *text, const char *finding_of)
{
    char found[5000], command[6000], byte;
    snprintf(command, sizeof command, "grep -rlaF -- '%s' '%s' > '%s'", text, at(finding_of), at("found"));
    CHECK(system(command) == 0);
    FILE *list = fopen(at("found"), "r");
    CHECK(list != NULL && fgets(found, sizeof found, list) != NULL);
    fclose(list);
    found[strcspn(found, "\n")] = '\0';
    FILE *file = fopen(found, "r+b");
    CHECK(file != NULL);
    static char bytes[1 << 20];
    size_t length = fread(bytes, 1, sizeof bytes, file), place = 0;
    while (place + strlen(text) <= length && memcmp(bytes + place, text, strlen(text)) != 0)
        place++;
    CHECK(place + strlen(text) <= length);
    byte = bytes[place] ^ 1;
    CHECK(fseek(file, (long)place, SEEK_SET) == 0 && fwrite(&byte, 1, 1, file) == 1 && fclose(file) == 0);
}

static hsm_finding seen[8];
static size_t count;

static int32_t note(void *data, const hsm_finding *finding, size_t size)
{
    (void)data;
    CHECK(size >= sizeof *finding && finding->detail != NULL && finding->detail[0] != '\0' && count < 8);
    seen[count++] = *finding;
    return 0;
}

static int32_t follow(void *data, const hsm_progress *progress, size_t size)
{
    CHECK(size >= sizeof *progress && progress->phase == HSM_PHASE_REBUILD);
    *(hsm_progress *)data = *progress;
    return 0;
}

static int32_t stop(void *data, const hsm_progress *progress, size_t size)
{
    (void)progress, (void)size;
    return ++*(int *)data == 3 ? 7 : 0;
}

int main(int arguments, char **argument)
{
    hsm_store *store = NULL;
    hsm_store_options *options = NULL;
    CHECK(arguments == 2);
    snprintf(directory, sizeof directory, "%s", argument[1]);
    CHECK_OK(hsm_store_options_new(&options, &error));
    add_tier(options, 0, "disk");
    add_tier(options, 1, "archive");
    CHECK_OK(hsm_store_open(at("store"), SIZE_MAX, options, &store, &error));
    hsm_store_options_free(options);
    hsm_id whole = put(store, "whole on both tiers", 0), bad = put(store, "damaged on the archive alone", 0);
    hsm_id lost = put(store, "damaged where it lies", 1);
    hsm_id id;
    CHECK_OK(hsm_object_copy(store, &whole, -1, 1, NULL, &error));
    CHECK_OK(hsm_object_copy(store, &bad, -1, 1, NULL, &error));
    CHECK_OK(hsm_store_id(store, &id, &error));
    CHECK_OK(hsm_store_close(store, &error));
    hsm_store_free(store);
    CHECK(rename(at("store"), at("lost")) == 0);
    damage("damaged on the archive", "archive");
    damage("damaged where it lies", "archive");

    /* It needs roots, can be followed and stopped, and tells what is not whole. */
    const hsm_progress_callback nobody = {NULL, NULL, NULL};
    const hsm_finding_callback tell = {note, NULL, NULL}, silent = {NULL, NULL, NULL};
    hsm_rebuilt rebuilt;
    CHECK_OK(hsm_store_options_new(&options, &error));
    CHECK_STATUS(hsm_store_rebuild(at("store"), SIZE_MAX, options, nobody, tell, NULL, 0, &error), HSM_STATUS_INVALID);
    CHECK_OK(hsm_store_options_add_root(options, at("archive"), SIZE_MAX, &error));
    CHECK_OK(hsm_store_options_add_root(options, at("disk"), SIZE_MAX, &error));
    int calls = 0;
    const hsm_progress_callback stopping = {stop, &calls, NULL};
    CHECK_STATUS(hsm_store_rebuild(at("store"), SIZE_MAX, options, stopping, silent, NULL, 0, &error),
                 HSM_STATUS_CANCELLED);
    CHECK(calls == 3);
    CHECK_STATUS(hsm_store_open(at("store"), SIZE_MAX, NULL, &store, &error), HSM_STATUS_INVALID);
    hsm_progress last;
    memset(&last, 0, sizeof last);
    const hsm_progress_callback following = {follow, &last, NULL};
    CHECK_OK(hsm_store_rebuild(at("store"), SIZE_MAX, options, following, tell, &rebuilt, sizeof rebuilt, &error));
    CHECK(memcmp(&rebuilt.id, &id, sizeof id) == 0 && rebuilt.tiers == 2);
    CHECK(rebuilt.objects == 2 && rebuilt.copies == 3 && rebuilt.damaged == 2 && rebuilt.lost == 1);
    CHECK(rebuilt.bytes == strlen("whole on both tiers") + strlen("damaged on the archive alone"));
    CHECK(last.objects_done == 3 && last.bytes_done > 0 && last.bytes_total > last.bytes_done);
    CHECK(rebuilt.unread == 0 && count == 3);
    size_t copies = 0;
    for (size_t i = 0; i < count; i++) {
        if (seen[i].kind == HSM_FINDING_COPY) {
            CHECK(seen[i].tier == 1 && seen[i].fault == HSM_FAULT_DAMAGED && seen[i].is_packed == 1);
            CHECK(seen[i].offset > 0 && seen[i].serial > 0 && seen[i].generation == 1);
            copies++;
        } else {
            CHECK(seen[i].kind == HSM_FINDING_PARTIAL && seen[i].taken == 0 && seen[i].generation == 1);
            CHECK(memcmp(&seen[i].object, &lost, sizeof lost) == 0);
        }
    }
    CHECK(copies == 2);
    CHECK_STATUS(hsm_store_rebuild(at("store"), SIZE_MAX, options, nobody, tell, NULL, 0, &error), HSM_STATUS_EXISTS);
    hsm_store_options_free(options);

    /* It is read until it is reconciled, and goes on then. */
    char buffer[100];
    size_t length = 0;
    CHECK_OK(hsm_store_open(at("store"), SIZE_MAX, NULL, &store, &error));
    CHECK_OK(hsm_object_get(store, &bad, -1, 0, buffer, sizeof buffer, &length, &error));
    CHECK(length == strlen("damaged on the archive alone"));
    CHECK_STATUS(hsm_object_get(store, &lost, -1, 0, buffer, sizeof buffer, &length, &error), HSM_STATUS_NOT_FOUND);
    CHECK_STATUS(hsm_object_remove(store, &whole, NULL, &error), HSM_STATUS_REFUSED);
    CHECK_OK(hsm_store_reconcile(store, silent, NULL, 0, &error));
    put(store, "on it goes", 0);
    CHECK_OK(hsm_store_close(store, &error));
    hsm_store_free(store);
    return 0;
}
