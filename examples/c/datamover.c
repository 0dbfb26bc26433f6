/*
 * datamover: gives an hsm object, or all objects of a dataset, a hint, or moves them between tiers.
 *
 *     cc -o datamover examples/c/datamover.c $(pkg-config --cflags --libs hsm)
 *
 * Of hsm it shows moving, copying and releasing, one object and many at once; attributes that are hints; a
 * listing that is worked on page by page; and progress of long calls. A move copies, syncs, reads the copy back and
 * commits it, and only then drops the source; a copy that is the last is not dropped.
 */
#define _POSIX_C_SOURCE 200809L

#include "parts/say.h"

#include <stdlib.h>

enum { EXIT_DONE = 0, EXIT_ERROR = 1, EXIT_USAGE = 2 };

static const char help[] =
    "Gives an hsm object, or all objects of a dataset, a hint, or moves them between tiers.\n"
    "\n"
    "Usage: datamover --store DIR WHICH WHAT\n"
    "\n"
    "WHICH is one of\n"
    "  --object ID                 the object with this id\n"
    "  --dataset NAME              every object of a dataset\n"
    "  --dataset NAME --key KEY    the object with this key there\n"
    "\n"
    "WHAT is one of\n"
    "  --hint NAME=VALUE           set the attribute NAME, such as trigger_migration=0,1; remove it where VALUE is empty\n"
    "  --move SOURCE,TARGET        move what lies on the tier SOURCE to the tier TARGET\n"
    "  --copy TARGET               see to it that the tier TARGET has a copy\n"
    "  --release TIER              drop the copy on TIER; never the last one\n"
    "\n"
    "Tiers are numbered 0 (the hottest) to 255. Objects without data, such as directories of a tree, are passed over\n"
    "when a whole dataset is moved. What fails is named, and the others go on.\n"
    "\n"
    "Exits with\n"
    "  0  when all was done\n"
    "  1  when something failed; the reason is on stderr\n"
    "  2  when the command line is wrong\n";

/* Objects that are changed at once: they share syncs and commits. */
#define PAGE 1000

struct mover {
    /* Asked for; NULL where it was not. */
    const char *store_path, *object, *dataset, *key;
    const char *hint, *move, *copy, *release;
    size_t hint_name_length; /* Of NAME=VALUE. */
    int32_t source, target;  /* Tiers. */
    /* Open. */
    hsm_store *store;
    hsm_store *watched; /* The same store; its long calls report how far they are. */
    hsm_attributes *attributes; /* The hint. */
    /* The page under way. */
    hsm_id ids[PAGE];
    hsm_status statuses[PAGE];
    size_t count;
    uint64_t done, refused;
};

/* Says that the command line is wrong. */
static int usage(const char *what, const char *why)
{
    say("%s %s; see %s --help", what, why, program_name);
    return EXIT_USAGE;
}

/* Reads the number of a tier. -1: it is none, or something follows but `end`. */
static int32_t read_tier(const char *text, char end, const char **rest)
{
    int32_t tier = 0;
    const char *at = text;
    while (*at >= '0' && *at <= '9' && tier <= 255)
        tier = tier * 10 + (*at++ - '0');
    *rest = at + 1;
    return at == text || *at != end || tier > 255 ? -1 : tier;
}

static int read_arguments(struct mover *mover, int count, char **arguments)
{
    const struct {
        const char *name, **value;
    } options[] = {
        {"--store", &mover->store_path}, {"--object", &mover->object}, {"--dataset", &mover->dataset}, {"--key", &mover->key},
        {"--hint", &mover->hint}, {"--move", &mover->move}, {"--copy", &mover->copy}, {"--release", &mover->release},
    };
    for (int at = 1; at < count; at += 2) {
        size_t option = 0;
        while (option < sizeof options / sizeof *options && strcmp(options[option].name, arguments[at]) != 0)
            option++;
        if (option == sizeof options / sizeof *options)
            return usage(arguments[at], "is no option");
        if (at + 1 == count)
            return usage(arguments[at], "needs a value");
        *options[option].value = arguments[at + 1];
    }
    if (mover->store_path == NULL)
        return usage("--store", "is needed");
    if ((mover->object != NULL) == (mover->dataset != NULL) || (mover->key != NULL && mover->dataset == NULL))
        return usage("either --object, or --dataset with or without --key,", "is needed");
    if ((mover->hint != NULL) + (mover->move != NULL) + (mover->copy != NULL) + (mover->release != NULL) != 1)
        return usage("one of --hint, --move, --copy and --release", "is needed");
    const char *rest = "";
    mover->source = -1; /* Any. */
    if (mover->move != NULL && ((mover->source = read_tier(mover->move, ',', &rest)) < 0 || (mover->target = read_tier(rest, 0, &rest)) < 0))
        return usage(mover->move, "is no pair of tiers such as 0,2");
    if (mover->copy != NULL && (mover->target = read_tier(mover->copy, 0, &rest)) < 0)
        return usage(mover->copy, "is no tier: they are numbered 0 to 255");
    if (mover->release != NULL && (mover->target = read_tier(mover->release, 0, &rest)) < 0)
        return usage(mover->release, "is no tier: they are numbered 0 to 255");
    if (mover->hint != NULL) {
        const char *equals = strchr(mover->hint, '=');
        if (equals == NULL || equals == mover->hint)
            return usage(mover->hint, "is no hint such as NAME=VALUE");
        mover->hint_name_length = (size_t)(equals - mover->hint);
    }
    return 0;
}

/* What the library calls while it works. To return anything but 0 would stop it. */
static int32_t show_progress(void *user_data, const hsm_progress *now, size_t size)
{
    const struct mover *mover = user_data;
    (void)size; /* A library of another version may know more or fewer fields. */
    progress_show("datamover", mover->done + now->objects_done, now->bytes_done);
    return 0;
}

/* Opens the store, and a second handle of it that reports progress where somebody looks. */
static int open_store(struct mover *mover)
{
    hsm_error *error = NULL;
    hsm_store_options *options = NULL;
    hsm_progress_callback callback = {show_progress, mover, NULL};
    int outcome = 0;
    if (hsm_store_options_new(&options, &error) != HSM_STATUS_OK ||
        hsm_store_options_set_create(options, HSM_CREATE_NEVER, &error) != HSM_STATUS_OK ||
        hsm_store_open(mover->store_path, SIZE_MAX, options, &mover->store, &error) != HSM_STATUS_OK ||
        hsm_store_with_progress(mover->store, callback, &mover->watched, &error) != HSM_STATUS_OK)
        outcome = failed(error, "open the store");
    hsm_store_options_free(options);
    return outcome;
}

/* The hint as a change of attributes: one that is set, or one that goes. */
static int make_hint(struct mover *mover)
{
    hsm_error *error = NULL;
    const char *value = mover->hint + mover->hint_name_length + 1;
    if (hsm_attributes_new(&mover->attributes, &error) != HSM_STATUS_OK)
        return failed(error, "make an attribute");
    hsm_status status = *value == 0 ? hsm_attributes_remove(mover->attributes, mover->hint, mover->hint_name_length, &error)
                                    : hsm_attributes_set(mover->attributes, mover->hint, mover->hint_name_length, value, SIZE_MAX, &error);
    return status == HSM_STATUS_OK ? 0 : failed(error, "make an attribute");
}

/* Says that one object was refused, and frees the error. */
static void refuse(struct mover *mover, const hsm_id *object, hsm_error *error)
{
    char id[HSM_ID_TEXT_SIZE] = "";
    mover->refused++;
    hsm_id_format(object, id, sizeof id, NULL);
    say("%s: %s", id, hsm_error_message(error));
    hsm_error_free(error);
}

/* Does what was asked for with one object. */
static void change_one(struct mover *mover, const hsm_id *object)
{
    hsm_error *error = NULL;
    hsm_status status = mover->hint != NULL   ? hsm_object_set_attributes(mover->store, object, mover->attributes, NULL, &error)
                        : mover->move != NULL ? hsm_object_move(mover->watched, object, mover->source, mover->target, NULL, &error)
                        : mover->copy != NULL ? hsm_object_copy(mover->watched, object, -1, mover->target, NULL, &error)
                                              : hsm_object_release(mover->store, object, mover->target, 0, NULL, &error);
    if (status == HSM_STATUS_OK)
        mover->done++;
    else
        refuse(mover, object, error);
}

/* Sets the hint on a page of objects: a batch, so they share one commit. */
static int hint_page(struct mover *mover)
{
    hsm_error *error = NULL;
    hsm_batch *batch = NULL;
    size_t refused = 0;
    hsm_status status = hsm_batch_new(mover->store, 0, HSM_DURABLE, &batch, &error);
    for (size_t at = 0; at < mover->count && status == HSM_STATUS_OK; at++)
        status = hsm_batch_set_attributes(batch, &mover->ids[at], mover->attributes, &error);
    if (status == HSM_STATUS_OK)
        status = hsm_batch_commit(batch, &refused, &error);
    if (status != HSM_STATUS_OK)
        failed(error, "set the hint");
    for (size_t at = 0; at < mover->count && status == HSM_STATUS_OK; at++) {
        hsm_put_result result;
        if (refused > 0 && hsm_batch_result(batch, at, &result, sizeof result, &error) != HSM_STATUS_OK)
            refuse(mover, &mover->ids[at], error);
        else
            mover->done++;
    }
    hsm_batch_free(batch);
    return status == HSM_STATUS_OK ? 0 : -1;
}

/* Does what was asked for with a page of objects. */
static int change_page(struct mover *mover)
{
    if (mover->hint != NULL)
        return hint_page(mover);
    if (mover->release != NULL) {
        for (size_t at = 0; at < mover->count; at++)
            change_one(mover, &mover->ids[at]);
        return 0;
    }
    /* Many at once: small ones share packs, syncs and commits. Each has its own answer. */
    hsm_error *error = NULL;
    hsm_status status = mover->move != NULL
                            ? hsm_objects_move(mover->watched, mover->ids, mover->count, mover->source, mover->target, mover->statuses, &error)
                            : hsm_objects_copy(mover->watched, mover->ids, mover->count, mover->source, mover->target, mover->statuses, &error);
    if (status == HSM_STATUS_OK) {
        mover->done += mover->count;
        return 0;
    }
    hsm_error_free(error);
    /* Something failed. Those that did are asked for again, each for itself, to hear why. */
    for (size_t at = 0; at < mover->count; at++) {
        if (mover->statuses[at] == HSM_STATUS_OK)
            mover->done++;
        else
            change_one(mover, &mover->ids[at]);
    }
    return 0;
}

/* Whether an object is in the page already: one that has two keys is listed twice. */
static int is_in_page(const struct mover *mover, const hsm_id *object)
{
    for (size_t at = 0; at < mover->count; at++)
        if (memcmp(&mover->ids[at], object, sizeof *object) == 0)
            return 1;
    return 0;
}

/* Goes through the dataset. A cursor holds nothing in the store, so that objects may change while it is open. */
static int change_dataset(struct mover *mover, const hsm_id *dataset)
{
    hsm_error *error = NULL;
    hsm_query *query = NULL;
    hsm_cursor *cursor = NULL;
    const hsm_object *object = NULL;
    int outcome = 0;
    hsm_status status = hsm_query_new(&query, &error);
    if (status == HSM_STATUS_OK)
        status = hsm_query_set_dataset(query, dataset, &error);
    /* Only what has a copy there can be moved or released from there. */
    if (status == HSM_STATUS_OK && (mover->move != NULL || mover->release != NULL))
        status = hsm_query_set_tier(query, mover->move != NULL ? mover->source : mover->target, &error);
    if (status == HSM_STATUS_OK && mover->copy != NULL)
        status = hsm_query_set_not_on_tier(query, mover->target, &error);
    if (status == HSM_STATUS_OK)
        status = hsm_cursor_open(mover->store, query, &cursor, &error);
    while (status == HSM_STATUS_OK && outcome == 0) {
        hsm_object_info info;
        const uint8_t *key = NULL;
        size_t length = 0;
        status = hsm_cursor_next(cursor, &object, &key, &length, &error);
        if (status == HSM_STATUS_OK)
            status = hsm_object_stat(object, &info, sizeof info, &error);
        if (status == HSM_STATUS_OK && (mover->hint != NULL || info.has_data != 0) && !is_in_page(mover, &info.id))
            mover->ids[mover->count++] = info.id;
        if (mover->count == PAGE || (status == HSM_STATUS_END && mover->count > 0)) {
            outcome = change_page(mover);
            mover->count = 0;
        }
    }
    if (status != HSM_STATUS_END && status != HSM_STATUS_OK)
        outcome = failed(error, "list the dataset");
    hsm_cursor_free(cursor);
    hsm_query_free(query);
    return outcome;
}

static int work(struct mover *mover)
{
    hsm_error *error = NULL;
    hsm_id id;
    if (mover->hint != NULL && make_hint(mover) != 0)
        return -1;
    if (mover->object != NULL) {
        if (hsm_id_parse(mover->object, SIZE_MAX, &id, &error) != HSM_STATUS_OK)
            return failed(error, "read the id");
        change_one(mover, &id);
        return 0;
    }
    if (hsm_dataset_find(mover->store, mover->dataset, SIZE_MAX, &id, &error) != HSM_STATUS_OK)
        return failed(error, "find the dataset");
    if (mover->key == NULL)
        return change_dataset(mover, &id);
    hsm_id object;
    if (hsm_key_find(mover->store, &id, mover->key, SIZE_MAX, &object, &error) != HSM_STATUS_OK)
        return failed(error, "find the key");
    change_one(mover, &object);
    return 0;
}

int main(int count, char **arguments)
{
    static struct mover mover; /* Too large for a small stack. */
    hsm_error *error = NULL;
    program_name = "datamover";
    if (count == 2 && strcmp(arguments[1], "--help") == 0)
        return fputs(help, stdout) < 0 || fflush(stdout) != 0 ? EXIT_ERROR : EXIT_DONE;
    int code = read_arguments(&mover, count, arguments);
    hsm_id id;
    if (code == 0 && mover.object != NULL && hsm_id_parse(mover.object, SIZE_MAX, &id, NULL) != HSM_STATUS_OK)
        code = usage(mover.object, "is no id");
    if (code != 0)
        return code;
    progress.is_wanted = isatty(2);
    int outcome = open_store(&mover);
    if (outcome == 0)
        outcome = work(&mover);
    hsm_attributes_free(mover.attributes);
    if (mover.store != NULL && hsm_store_close(mover.store, &error) != HSM_STATUS_OK)
        outcome = failed(error, "close the store");
    hsm_store_free(mover.watched);
    hsm_store_free(mover.store);
    progress_clear();
    if (outcome == 0)
        printf("datamover: %llu objects done, %llu refused\n", (unsigned long long)mover.done, (unsigned long long)mover.refused);
    if (fflush(stdout) != 0)
        outcome = -1;
    return outcome == 0 && mover.refused == 0 ? EXIT_DONE : EXIT_ERROR;
}
