/* Where a client works: files of configuration, JSON above them, and the environment; and what goes wrong there. */
#include "check.h"

#include <sys/stat.h>
#include <unistd.h>

#define ONE "00000000-0000-0000-0000-000000000001"

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

static int is_there(const char *path)
{
    struct stat is;
    return stat(path, &is) == 0;
}

/* Begins a client, puts an object, and says whether the store lies in this cache. */
static void check_cache(const char *config_path, const char *extra, const char *cache)
{
    char store[256], words[256];
    snprintf(store, sizeof store, "%s/store/HSM-STORE", cache);
    CHECK(!is_there(store));
    CHECK_OK(hestia_initialize(config_path, "a token", extra));
    put_text(ONE, HESTIA_CREATE, "here", 0);
    CHECK_OK(hestia_output_info());
    CHECK_OK(hestia_finish());
    CHECK(is_there(store));
    CHECK_OK(hestia_initialize(config_path, NULL, extra));
    CHECK_CONTENT(ONE, "here");
    CHECK_OK(hestia_finish());
    (void)words;
}

static void a_cache_is_found_in_this_order(void)
{
    check_cache(NULL, NULL, ".cache/hestia");
    CHECK(setenv("HESTIA_CACHE_DIR", "variable", 1) == 0);
    check_cache("", "", "variable");
    CHECK(mkdir(".config", 0700) == 0 && mkdir(".config/hestia", 0700) == 0);
    write_file(".config/hestia/hestia.yaml", "cache_path: default\n");
    check_cache(NULL, NULL, "default");
    write_file("named.yaml", "cache_path: named\n");
    CHECK(setenv("HESTIA_CONFIG_PATH", "named.yaml", 1) == 0);
    check_cache(NULL, NULL, "named");
    write_file("given.yaml", "cache_path: given\nlogger:\n  level: info\n");
    check_cache("given.yaml", NULL, "given");
    check_cache("given.yaml", "{\"cache_path\": \"extra\", \"server\": {\"port\": 1}}", "extra");
    CHECK(unsetenv("HESTIA_CONFIG_PATH") == 0);
}

static void tiers_and_backends_are_those_of_the_file(void)
{
    uint8_t *tiers = NULL;
    size_t count = 0;
    HestiaId id = id_of(ONE);
    write_file("tiers.yaml", "cache_path: tiered\ntiers:\n  - {id: 3, priority: 3}\n  - {id: 9, priority: 9, capacity: 100}\n"
                             "object_store_backends:\n  - backend_type: file\n    tiers: {ids: [3]}\n    config: {root: fast}\n"
                             "event_feed: {active: n}\n");
    CHECK_OK(hestia_initialize("tiers.yaml", NULL, NULL));
    CHECK_OK(hestia_list_tiers(&tiers, &count));
    CHECK(count == 2 && tiers[0] == 3 && tiers[1] == 9);
    CHECK_OK(hestia_free_tier_ids(&tiers));
    put_text(ONE, HESTIA_CREATE, "on the lowest", 0);
    CHECK_OK(hestia_object_locate(&id, &tiers, &count));
    CHECK(count == 1 && tiers[0] == 3);
    CHECK_OK(hestia_free_tier_ids(&tiers));
    CHECK(is_there("tiered/fast/3/HSM-TIER") && is_there("tiered/store/tiers/9") && !is_there("tiered/event_feed.yaml"));
    /* Tier 9 takes no more than its capacity. */
    char large[200] = {0};
    HestiaTier tier = tier_of(9);
    HestiaIoContext io = memory(large, sizeof large, 0);
    CHECK_CODE(hestia_object_put(&id, HESTIA_UPDATE, &io, &tier), HESTIA_ERROR_UNKNOWN);
    CHECK_CONTENT(ONE, "on the lowest");
    CHECK_OK(hestia_finish());
    /* One that is named later is added. */
    CHECK_OK(hestia_initialize("tiers.yaml", NULL, "{\"tiers\": [{\"priority\": 3}, {\"priority\": 4}], \"object_store_backends\": []}"));
    CHECK_OK(hestia_list_tiers(&tiers, &count));
    CHECK(count == 3 && tiers[1] == 4);
    CHECK_OK(hestia_free_tier_ids(&tiers));
    CHECK_OK(hestia_finish());
}

static void a_key_that_is_not_known_is_reported(void)
{
    char words[512];
    write_file("typo.yaml", "cache_path: typo\nevent_fed:\n  active: n\n");
    CHECK_OK(hestia_initialize("typo.yaml", NULL, NULL));
    CHECK_OK(hestia_get_last_error(words, sizeof words));
    CHECK(strstr(words, "event_fed") != NULL);
    CHECK_OK(hestia_finish());
}

static void what_cannot_be_is_refused(void)
{
    static const char *const extras[] = {
        "{", "[1]", "{\"cache_path\": [1]}", "{\"server\": {\"controller_address\": \"10.0.0.1\"}}", "{\"tiers\": [{}]}",
        "{\"tiers\": [{\"priority\": 0}], \"object_store_backends\": [{\"backend_type\": \"s3\", \"tiers\": {\"ids\": [0]}}]}",
        "{\"event_feed\": {\"active\": \"perhaps\"}}", "{\"cache_path\": \"given.yaml/below\"}", "{cache_path: yaml}",
        "{\"event_feed\": {\"output_path\": \"no/such/directory/feed\"}, \"cache_path\": \"feedless\"}",
    };
    char words[256];
    for (size_t index = 0; index < sizeof extras / sizeof extras[0]; index++) {
        CHECK_CODE(hestia_initialize("given.yaml", NULL, extras[index]), HESTIA_ERROR_CLIENT_STATE);
        CHECK_OK(hestia_get_last_error(words, sizeof words));
        CHECK(words[0] != 0);
        CHECK_CODE(hestia_finish(), HESTIA_ERROR_CLIENT_STATE);
    }
    CHECK_CODE(hestia_initialize("missing.yaml", NULL, NULL), HESTIA_ERROR_CLIENT_STATE);
    write_file("broken.yaml", "a: [\n");
    CHECK_CODE(hestia_initialize("broken.yaml", NULL, NULL), HESTIA_ERROR_CLIENT_STATE);
    CHECK_CODE(hestia_initialize((char *)1, NULL, NULL), HESTIA_ERROR_CLIENT_STATE);
}

/* A store that is older than the roots of its tiers, as after a backup was restored, takes no changes, and can be read. */
static void a_store_that_takes_no_changes_can_be_read(void)
{
    static const char extra[] =
        "{\"cache_path\": \"backed-up\", \"tiers\": [{\"priority\": 0}], \"object_store_backends\": "
        "[{\"backend_type\": \"file\", \"tiers\": {\"ids\": [0]}, \"config\": {\"root\": \"root\"}}]}";
    CHECK_OK(hestia_initialize(NULL, NULL, extra));
    put_text(ONE, HESTIA_CREATE, "before", 0);
    CHECK_OK(hestia_finish());
    CHECK(system("cp -a backed-up/store backup") == 0);
    CHECK_OK(hestia_initialize(NULL, NULL, extra));
    put_text("00000000-0000-0000-0000-000000000002", HESTIA_CREATE, "after", 0);
    CHECK_OK(hestia_finish());
    CHECK(system("rm -r backed-up/store && mv backup backed-up/store") == 0);
    struct stat before;
    CHECK(stat("backed-up/event_feed.yaml", &before) == 0);
    off_t told = before.st_size;

    CHECK_OK(hestia_initialize(NULL, NULL, extra));
    CHECK_CONTENT(ONE, "before");
    HestiaId id = id_of(ONE);
    HestiaIoContext io = memory((char *)"x", 1, 0);
    CHECK_CODE(hestia_object_put(&id, HESTIA_UPDATE, &io, NULL), HESTIA_ERROR_UNKNOWN);
    /* Nothing of that is told: what the file of events has is from before. */
    struct stat is;
    CHECK(stat("backed-up/event_feed.yaml", &is) == 0 && is.st_size == told);
    size_t length = 3;
    char text[4] = {0}, *activity = NULL;
    CHECK_OK(hestia_data_get(ONE, text, &length, 0, 0, &activity, NULL));
    CHECK(activity == NULL && strcmp(text, "bef") == 0);
    CHECK_OK(hestia_finish());
}

int main(int count, char **arguments)
{
    CHECK(count == 2 && chdir(arguments[1]) == 0);
    a_cache_is_found_in_this_order();
    tiers_and_backends_are_those_of_the_file();
    a_key_that_is_not_known_is_reported();
    what_cannot_be_is_refused();
    a_store_that_takes_no_changes_can_be_read();
    return 0;
}
