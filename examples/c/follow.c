/*
 * follow: prints what has changed in an hsm store, one event a line.
 *
 *     cc -o follow examples/c/follow.c $(pkg-config --cflags --libs hsm)
 *
 * Of hsm it shows the feed. A program that follows a store, an index of its own say, keeps the position of the last
 * event it has dealt with, and begins behind it the next time: nothing is missed and nothing comes twice.
 */
#define _POSIX_C_SOURCE 200809L

#include "parts/say.h"

#include <inttypes.h>

enum { EXIT_DONE = 0, EXIT_ERROR = 1, EXIT_USAGE = 2 };

static const char help[] =
    "Prints what has changed in an hsm store, one event a line: its position, what happened, to which object, dataset\n"
    "or tier, and the key or name that it tells of.\n"
    "\n"
    "Usage: follow STORE [AFTER]\n"
    "\n"
    "AFTER is a position that was printed; what stands behind it is printed. Without it, all is.\n"
    "\n"
    "Exits with\n"
    "  0  when all was printed that there is by now\n"
    "  1  when it failed; the reason is on stderr\n"
    "  2  when the command line is wrong\n";

/* A later version of hsm may bring kinds that are not here: who does not need them passes over them. */
static const char *const kinds[] = {
    [HSM_EVENT_PUT] = "put",
    [HSM_EVENT_COPY_ADDED] = "copy-added",
    [HSM_EVENT_COPY_DROPPED] = "copy-dropped",
    [HSM_EVENT_COPY_VERIFIED] = "copy-verified",
    [HSM_EVENT_ATTRIBUTES_SET] = "attributes-set",
    [HSM_EVENT_REMOVED] = "removed",
    [HSM_EVENT_UNDELETED] = "undeleted",
    [HSM_EVENT_PURGED] = "purged",
    [HSM_EVENT_DATASET_CREATED] = "dataset-created",
    [HSM_EVENT_DATASET_REMOVED] = "dataset-removed",
    [HSM_EVENT_KEY_ADDED] = "key-added",
    [HSM_EVENT_KEY_REMOVED] = "key-removed",
    [HSM_EVENT_TIER_SET] = "tier-set",
    [HSM_EVENT_SETTING_SET] = "setting-set",
    [HSM_EVENT_EPOCH_BEGAN] = "epoch-began",
    [HSM_EVENT_COPY_RELOCATED] = "copy-relocated",
    [HSM_EVENT_ACTION_SUBMITTED] = "action-submitted",
    [HSM_EVENT_ACTION_CHANGED] = "action-changed",
    [HSM_EVENT_ACTION_FORGOTTEN] = "action-forgotten",
    [HSM_EVENT_ACCESSED] = "accessed",
};

/* Prints an event. What it lends, such as its key, is there until the next one. */
static int print_event(const hsm_event *event)
{
    static const hsm_id none;
    hsm_error *error = NULL;
    hsm_event_info info;
    char id[HSM_ID_TEXT_SIZE];
    const uint8_t *text = NULL;
    size_t length = 0;
    if (hsm_event_stat(event, &info, sizeof info, &error) != HSM_STATUS_OK)
        return failed(error, "read an event");
    int is_known = info.kind > 0 && (size_t)info.kind < sizeof kinds / sizeof *kinds && kinds[info.kind] != NULL;
    printf("%" PRIu64 ":%" PRIu64 " %s", info.position.epoch, info.position.number, is_known ? kinds[info.kind] : "unknown");
    const hsm_id *about = memcmp(&info.object, &none, sizeof none) != 0 ? &info.object : &info.dataset;
    if (memcmp(about, &none, sizeof none) != 0) {
        if (hsm_id_format(about, id, sizeof id, &error) != HSM_STATUS_OK)
            return failed(error, "write an id");
        printf(" %s", id);
    }
    if (info.tier >= 0)
        printf(" tier %d", (int)info.tier);
    /* An event has a key, or a name, or neither; then the answer is HSM_STATUS_END, which is no error. */
    hsm_status status = hsm_event_key(event, &text, &length, &error);
    if (status == HSM_STATUS_END)
        status = hsm_event_name(event, &text, &length, &error);
    if (status != HSM_STATUS_OK && status != HSM_STATUS_END)
        return failed(error, "read an event");
    if (status == HSM_STATUS_OK && length > 0) {
        putchar(' ');
        print_name(stdout, (const char *)text, length);
    }
    putchar('\n');
    return 0;
}

/* Prints every event behind a position. */
static int follow(const hsm_store *store, const hsm_position *after)
{
    hsm_error *error = NULL;
    hsm_feed *feed = NULL;
    const hsm_event *event = NULL;
    int outcome = 0;
    hsm_status status = hsm_feed_open(store, after, &feed, &error);
    while (status == HSM_STATUS_OK && outcome == 0 && (status = hsm_feed_next(feed, &event, &error)) == HSM_STATUS_OK)
        outcome = print_event(event);
    /* There is no more now. Asked later, the feed goes on with what came since. */
    if (status != HSM_STATUS_OK && status != HSM_STATUS_END)
        outcome = failed(error, "read the feed");
    hsm_feed_free(feed);
    return outcome;
}

/* Opens a store that is there. Read-only is enough to follow it. */
static int open_store(const char *path, hsm_store **store)
{
    hsm_error *error = NULL;
    hsm_store_options *options = NULL;
    int outcome = 0;
    if (hsm_store_options_new(&options, &error) != HSM_STATUS_OK ||
        hsm_store_options_set_create(options, HSM_CREATE_NEVER, &error) != HSM_STATUS_OK ||
        hsm_store_options_set_read_only(options, 1, &error) != HSM_STATUS_OK ||
        hsm_store_open(path, SIZE_MAX, options, store, &error) != HSM_STATUS_OK)
        outcome = failed(error, "open the store");
    hsm_store_options_free(options);
    return outcome;
}

int main(int count, char **arguments)
{
    hsm_store *store = NULL;
    hsm_error *error = NULL;
    hsm_position after = {0, 0};
    char rest = 0;
    program_name = "follow";
    if (count == 2 && strcmp(arguments[1], "--help") == 0)
        return fputs(help, stdout) < 0 || fflush(stdout) != 0 ? EXIT_ERROR : EXIT_DONE;
    if (count < 2 || count > 3 ||
        (count == 3 && sscanf(arguments[2], "%" SCNu64 ":%" SCNu64 "%c", &after.epoch, &after.number, &rest) != 2)) {
        say("a store, and perhaps a position such as 1:23, is needed; see follow --help");
        return EXIT_USAGE;
    }
    int outcome = open_store(arguments[1], &store);
    if (outcome == 0)
        outcome = follow(store, &after);
    if (store != NULL && hsm_store_close(store, &error) != HSM_STATUS_OK)
        outcome = failed(error, "close the store");
    hsm_store_free(store);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        say("cannot write to stdout");
        outcome = -1;
    }
    return outcome == 0 ? EXIT_DONE : EXIT_ERROR;
}
