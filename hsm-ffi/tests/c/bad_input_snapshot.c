/* Bad input: snapshots on a tier, restoring from them, and rebuilding without. */
#include "bad_input.h"

static int destroyed;

static int32_t nod(void *user_data, const hsm_finding *finding, size_t size)
{
    (void)user_data, (void)finding, (void)size;
    return 0;
}

static int32_t follow(void *user_data, const hsm_progress *progress, size_t size)
{
    (void)user_data, (void)progress, (void)size;
    return 0;
}

static void destroy(void *user_data)
{
    (void)user_data;
    destroyed++;
}

static char directory[4096];

/* A path beside the store. */
static const char *beside(const char *name)
{
    static char places[8][8192];
    static size_t taken = 0;
    char *place = places[taken++ % 8];
    snprintf(place, sizeof places[0], "%s%s", directory, name);
    return place;
}

int main(int argc, char **argv)
{
    const hsm_progress_callback nobody = {NULL, NULL, NULL}, deaf = {NULL, NULL, destroy};
    const hsm_progress_callback follows = {follow, NULL, destroy};
    const hsm_finding_callback silent = {NULL, NULL, NULL}, half = {NULL, NULL, destroy}, whole = {nod, NULL, destroy};
    hsm_store_options *options = NULL;
    hsm_store *store, *closed;
    hsm_position position;
    const char *root, *none, *to;
    open_world(argc, argv);
    close_the_other();
    store = world.store;
    closed = world.closed;
    snprintf(directory, sizeof directory, "%s", argv[1]);
    root = beside("/tiers/1");
    none = beside("/tiers/2");
    to = beside("-restored");

    CHECK_OK(hsm_store_options_new(&options, &error));
    BAD(INVALID, hsm_store_options_set_root, options, (NULL, 1, "root", SIZE_MAX, &error));
    BAD(INVALID, hsm_store_options_set_root, tier, (options, -1, "root", SIZE_MAX, &error));
    BAD(INVALID, hsm_store_options_set_root, tier, (options, 256, "root", SIZE_MAX, &error));
    BAD(INVALID, hsm_store_options_set_root, path, (options, 1, NULL, 4, &error));
    BAD(INVALID, hsm_store_options_set_root, path, (options, 1, "ro\0ot", 5, &error));
    BAD(INVALID, hsm_store_options_set_root, path_length, (options, 1, "root", 0, &error));
    BAD(INVALID, hsm_store_options_set_root, path_length, (options, 1, "root", TOO_LONG, &error));

    BAD(INVALID, hsm_store_snapshot_to, store, (NULL, 1, 0, &out.position, &error));
    CLOSED(hsm_store_snapshot_to, store, (closed, 1, 0, &out.position, &error));
    BAD(INVALID, hsm_store_snapshot_to, tier, (store, -1, 0, &out.position, &error));
    BAD(INVALID, hsm_store_snapshot_to, tier, (store, 256, 0, &out.position, &error));
    BAD(NOT_FOUND, hsm_store_snapshot_to, tier, (store, 200, 0, &out.position, &error));
    FINE(hsm_store_snapshot_to, keep, (store, 1, UINT32_MAX, &out.position, &error));
    FINE(hsm_store_snapshot_to, position_out, (store, 1, 0, NULL, &error));

    BAD(INVALID, hsm_snapshot_next, store, (NULL, 1, NULL, &out.snapshot, sizeof out.snapshot, &error));
    CLOSED(hsm_snapshot_next, store, (closed, 1, NULL, &out.snapshot, sizeof out.snapshot, &error));
    BAD(INVALID, hsm_snapshot_next, tier, (store, -1, NULL, &out.snapshot, sizeof out.snapshot, &error));
    BAD(INVALID, hsm_snapshot_next, tier, (store, 256, NULL, &out.snapshot, sizeof out.snapshot, &error));
    BAD(NOT_FOUND, hsm_snapshot_next, tier, (store, 200, NULL, &out.snapshot, sizeof out.snapshot, &error));
    FINE(hsm_snapshot_next, before, (store, 1, NULL, &out.snapshot, sizeof out.snapshot, &error));
    memset(&position, 0, sizeof position);
    BAD(END, hsm_snapshot_next, before, (store, 1, &position, &out.snapshot, sizeof out.snapshot, &error));
    BAD(INVALID, hsm_snapshot_next, info_out, (store, 1, NULL, NULL, sizeof out.snapshot, &error));
    BAD(INVALID, hsm_snapshot_next, info_size, (store, 1, NULL, &out.snapshot, 0, &error));
    BAD(INVALID, hsm_snapshot_next, info_size, (store, 1, NULL, &out.snapshot, TOO_LONG, &error));

    BAD(INVALID, hsm_store_restore, path,
        (NULL, 4, root, SIZE_MAX, NULL, &out.restored, sizeof out.restored, &error));
    BAD(INVALID, hsm_store_restore, path,
        ("pa\0th", 5, root, SIZE_MAX, NULL, &out.restored, sizeof out.restored, &error));
    BAD(EXISTS, hsm_store_restore, path,
        (argv[1], SIZE_MAX, root, SIZE_MAX, NULL, &out.restored, sizeof out.restored, &error));
    BAD(INVALID, hsm_store_restore, path_length,
        (to, 0, root, SIZE_MAX, NULL, &out.restored, sizeof out.restored, &error));
    BAD(INVALID, hsm_store_restore, path_length,
        (to, TOO_LONG, root, SIZE_MAX, NULL, &out.restored, sizeof out.restored, &error));
    BAD(INVALID, hsm_store_restore, root,
        (to, SIZE_MAX, NULL, 4, NULL, &out.restored, sizeof out.restored, &error));
    BAD(INVALID, hsm_store_restore, root,
        (to, SIZE_MAX, "ro\0ot", 5, NULL, &out.restored, sizeof out.restored, &error));
    BAD(INVALID, hsm_store_restore, root,
        (to, SIZE_MAX, argv[1], SIZE_MAX, NULL, &out.restored, sizeof out.restored, &error));
    BAD(NOT_FOUND, hsm_store_restore, root,
        (to, SIZE_MAX, none, SIZE_MAX, NULL, &out.restored, sizeof out.restored, &error));
    BAD(INVALID, hsm_store_restore, root_length,
        (to, SIZE_MAX, root, 0, NULL, &out.restored, sizeof out.restored, &error));
    BAD(INVALID, hsm_store_restore, root_length,
        (to, SIZE_MAX, root, TOO_LONG, NULL, &out.restored, sizeof out.restored, &error));
    BAD(INVALID, hsm_store_restore, restored_size,
        (to, SIZE_MAX, root, SIZE_MAX, NULL, &out.restored, 0, &error));
    BAD(INVALID, hsm_store_restore, restored_size,
        (to, SIZE_MAX, root, SIZE_MAX, NULL, &out.restored, TOO_LONG, &error));
    /* A root that is not that tier's. */
    CHECK_OK(hsm_store_options_set_root(options, 2, argv[1], SIZE_MAX, &error));
    BAD(OFFLINE, hsm_store_restore, options,
        (to, SIZE_MAX, root, SIZE_MAX, options, &out.restored, sizeof out.restored, &error));
    FINE(hsm_store_restore, restored_out, (to, SIZE_MAX, root, SIZE_MAX, NULL, NULL, 0, &error));
    BAD(EXISTS, hsm_store_restore, path,
        (to, SIZE_MAX, root, SIZE_MAX, NULL, &out.restored, sizeof out.restored, &error));

    to = beside("-rebuilt");
    BAD(INVALID, hsm_store_options_add_root, options, (NULL, root, SIZE_MAX, &error));
    BAD(INVALID, hsm_store_options_add_root, path, (options, NULL, 4, &error));
    BAD(INVALID, hsm_store_options_add_root, path, (options, "ro\0ot", 5, &error));
    BAD(INVALID, hsm_store_options_add_root, path_length, (options, root, 0, &error));
    BAD(INVALID, hsm_store_options_add_root, path_length, (options, root, TOO_LONG, &error));

    SAYS(INVALID, "name the roots", hsm_store_rebuild, options,
         (to, SIZE_MAX, options, nobody, silent, &out.rebuilt, sizeof out.rebuilt, &error));
    BAD(INVALID, hsm_store_rebuild, options, (to, SIZE_MAX, NULL, nobody, silent, NULL, 0, &error));
    CHECK_OK(hsm_store_options_add_root(options, root, SIZE_MAX, &error));
    BAD(INVALID, hsm_store_rebuild, path, (NULL, 4, options, nobody, silent, NULL, 0, &error));
    BAD(INVALID, hsm_store_rebuild, path, ("pa\0th", 5, options, nobody, silent, NULL, 0, &error));
    BAD(EXISTS, hsm_store_rebuild, path,
        (argv[1], SIZE_MAX, options, nobody, silent, &out.rebuilt, sizeof out.rebuilt, &error));
    BAD(INVALID, hsm_store_rebuild, path_length, (to, 0, options, nobody, silent, NULL, 0, &error));
    BAD(INVALID, hsm_store_rebuild, path_length, (to, TOO_LONG, options, nobody, silent, NULL, 0, &error));
    BAD(INVALID, hsm_store_rebuild, progress, (to, SIZE_MAX, options, deaf, silent, NULL, 0, &error));
    CHECK(destroyed == 1);
    BAD(INVALID, hsm_store_rebuild, found, (to, SIZE_MAX, options, nobody, half, NULL, 0, &error));
    CHECK(destroyed == 2);
    BAD(INVALID, hsm_store_rebuild, rebuilt_size,
        (to, SIZE_MAX, options, nobody, silent, &out.rebuilt, 0, &error));
    BAD(INVALID, hsm_store_rebuild, rebuilt_size,
        (to, SIZE_MAX, options, nobody, silent, &out.rebuilt, TOO_LONG, &error));
    FINE(hsm_store_rebuild, rebuilt_out, (to, SIZE_MAX, options, follows, whole, NULL, 0, &error));
    CHECK(destroyed == 4);
    CHECK_OK(hsm_store_options_add_root(options, argv[1], SIZE_MAX, &error));
    to = beside("-not-rebuilt");
    SAYS(INVALID, "no root of a tier", hsm_store_rebuild, options,
         (to, SIZE_MAX, options, nobody, silent, &out.rebuilt, sizeof out.rebuilt, &error));

    hsm_store_options_free(options);
    close_world();
    return 0;
}
