/* A store is compared with what lies on its tiers; damage is named, healed, and said to be lost where it is. */
#include "check.h"

#define LARGE ((size_t)200000)

struct seen {
    int32_t calls, stop_at_call, destroyed, words;
    hsm_finding last;
};

static int32_t see(void *user_data, const hsm_finding *finding, size_t size)
{
    struct seen *seen = user_data;
    CHECK(size >= sizeof seen->last);
    seen->last = *finding;
    seen->words = strlen(finding->detail) > 0;
    seen->last.detail = NULL;
    seen->calls++;
    return seen->calls == seen->stop_at_call ? -7 : 0;
}

static void destroy(void *user_data)
{
    ((struct seen *)user_data)->destroyed++;
}

static hsm_finding_callback into(struct seen *seen)
{
    hsm_finding_callback callback = {see, NULL, destroy};
    memset(seen, 0, sizeof *seen);
    callback.user_data = seen;
    return callback;
}

/* Writes over a byte of every file of a tier whose name ends so. */
static void harm(const char *directory, int tier, const char *suffix)
{
    char command[2048];
    int length = snprintf(command, sizeof command,
                          "find '%s/tiers/%d' -name '*.%s' -exec sh -c "
                          "'printf X | dd of=\"$0\" bs=1 seek=5000 conv=notrunc status=none' {} ';'",
                          directory, tier, suffix);
    CHECK(length > 0 && (size_t)length < sizeof command);
    CHECK(system(command) == 0);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    hsm_store *store = NULL;
    CHECK_OK(hsm_store_open(argv[1], SIZE_MAX, NULL, &store, &error));
    char *content = calloc(LARGE, 1);
    CHECK(content != NULL);
    hsm_put_result put;
    CHECK_OK(hsm_object_put(store, content, LARGE, NULL, &put, sizeof put, &error));
    CHECK_OK(hsm_object_copy(store, &put.id, -1, 3, NULL, &error));

    /* All is well. */
    struct seen seen;
    hsm_checked checked;
    CHECK_OK(hsm_store_check(store, NULL, 0, into(&seen), &checked, sizeof checked, &error));
    CHECK(seen.calls == 0 && seen.destroyed == 1);
    CHECK(checked.copies == 2 && checked.bad == 0 && checked.strays == 0 && checked.contradictions == 0);
    hsm_scrubbed scrubbed;
    CHECK_OK(hsm_store_scrub(store, -1, NULL, 0, into(&seen), &scrubbed, sizeof scrubbed, &error));
    CHECK(seen.calls == 0 && seen.destroyed == 1 && scrubbed.whole == 2 && scrubbed.bad == 0);

    /* What was verified lately is not read again. */
    hsm_scrub_options options = {0};
    options.not_verified_since_ns = 1;
    CHECK_OK(hsm_store_scrub(store, -1, &options, sizeof options, into(&seen), &scrubbed, sizeof scrubbed, &error));
    CHECK(scrubbed.whole == 0 && scrubbed.passed_over == 2);

    /* A damaged copy is named. */
    harm(argv[1], 3, "obj");
    memset(&options, 0, sizeof options);
    CHECK_OK(hsm_store_scrub(store, 0, &options, sizeof options, into(&seen), &scrubbed, sizeof scrubbed, &error));
    CHECK(scrubbed.whole == 1 && scrubbed.bad == 0);
    CHECK_OK(hsm_store_scrub(store, -1, &options, sizeof options, into(&seen), &scrubbed, sizeof scrubbed, &error));
    CHECK(scrubbed.whole == 1 && scrubbed.bad == 1 && scrubbed.healed == 0 && seen.calls == 1 && seen.words);
    CHECK(seen.last.kind == HSM_FINDING_COPY && seen.last.tier == 3 && seen.last.fault == HSM_FAULT_DAMAGED);
    CHECK(seen.last.remedy == HSM_REMEDY_NONE && seen.last.offset == 0 && seen.last.generation == 1);
    CHECK(memcmp(&seen.last.object, &put.id, sizeof put.id) == 0);

    /* A callback stops it, and its number comes back. */
    hsm_finding_callback stopping = into(&seen);
    seen.stop_at_call = 1;
    hsm_status status = hsm_store_scrub(store, -1, NULL, 0, stopping, NULL, 0, &error);
    CHECK(status == HSM_STATUS_CANCELLED && hsm_error_callback(error) == -7 && seen.destroyed == 1);
    hsm_error_free(error);
    error = NULL;

    /* It is healed when that is asked for. */
    options.heal = 1;
    options.bytes_a_second = UINT64_MAX;
    CHECK_OK(hsm_store_scrub(store, -1, &options, sizeof options, into(&seen), &scrubbed, sizeof scrubbed, &error));
    CHECK(scrubbed.bad == 1 && scrubbed.healed == 1 && scrubbed.lost == 0);
    CHECK(seen.last.remedy == HSM_REMEDY_HEALED);
    CHECK_OK(hsm_store_scrub(store, -1, NULL, 0, into(&seen), &scrubbed, sizeof scrubbed, &error));
    CHECK(scrubbed.whole == 2 && scrubbed.bad == 0);

    /* Where no copy is whole, that is said. */
    CHECK_OK(hsm_store_maintain(store, NULL, 0, &error));
    harm(argv[1], 0, "obj");
    harm(argv[1], 3, "obj");
    CHECK_OK(hsm_store_scrub(store, -1, &options, sizeof options, into(&seen), &scrubbed, sizeof scrubbed, &error));
    CHECK(scrubbed.bad == 2 && scrubbed.healed == 0 && scrubbed.lost == 2);
    CHECK(seen.last.remedy == HSM_REMEDY_LOST);

    /* Options that are wrong are refused, and the callback is destroyed all the same. */
    options.reserved = 1;
    CHECK_STATUS(hsm_store_scrub(store, -1, &options, sizeof options, into(&seen), NULL, 0, &error),
                 HSM_STATUS_INVALID);
    CHECK(seen.destroyed == 1);
    options.reserved = 0;
    options.heal = 2;
    CHECK_STATUS(hsm_store_scrub(store, -1, &options, sizeof options, into(&seen), NULL, 0, &error),
                 HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_store_scrub(store, -2, NULL, 0, into(&seen), NULL, 0, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_store_check(NULL, NULL, 0, into(&seen), NULL, 0, &error), HSM_STATUS_INVALID);
    CHECK(seen.destroyed == 1);
    struct {
        hsm_check_options known;
        int64_t later;
    } longer = {{0, 0}, 0};
    hsm_finding_callback nobody = {NULL, NULL, NULL};
    CHECK_OK(hsm_store_check(store, &longer.known, sizeof longer, nobody, NULL, 0, &error));
    longer.later = 1;
    CHECK_STATUS(hsm_store_check(store, &longer.known, sizeof longer, nobody, NULL, 0, &error), HSM_STATUS_INVALID);

    hsm_store_free(store);
    free(content);
    return 0;
}
