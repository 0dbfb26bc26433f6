/* Bad places: a store's directory, or the disk below it, that is not as it should be. */
#define _GNU_SOURCE
#include "bad_input.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define MEBIBYTE ((size_t)1 << 20)

/* Beside the store of the other cases. */
static char above[4096];

static const char *beside(const char *name)
{
    static char places[64][8192];
    static size_t taken = 0;
    char *place = places[taken++];
    CHECK(taken <= sizeof places / sizeof places[0]);
    snprintf(place, sizeof places[0], "%s/%s", above, name);
    return place;
}

static void write_file(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL && fwrite(data, 1, size, file) == size && fclose(file) == 0);
}

/* Replaces one byte of a file. Answers the one before. */
static int replace(const char *path, long at, int byte)
{
    FILE *file = fopen(path, "r+b");
    int before;
    CHECK(file != NULL && fseek(file, at, SEEK_SET) == 0);
    before = fgetc(file);
    CHECK(before != EOF && fseek(file, at, SEEK_SET) == 0 && fputc(byte, file) == byte && fclose(file) == 0);
    return before;
}

static int entries(const char *directory)
{
    DIR *opened = opendir(directory);
    int count = -2;
    CHECK(opened != NULL);
    while (readdir(opened) != NULL)
        count++;
    closedir(opened);
    return count;
}

/* A store with one object, closed. */
static void make_store(const char *directory, hsm_put_result *put)
{
    hsm_store *store = NULL;
    CHECK_OK(hsm_store_open(directory, SIZE_MAX, NULL, &store, &error));
    CHECK_OK(hsm_object_put(store, "bytes", 5, NULL, put, sizeof *put, &error));
    CHECK_OK(hsm_store_close(store, &error));
    hsm_store_free(store);
}

/* It opens, and has its object and its position. */
static void check_store(const char *directory, const hsm_put_result *put)
{
    hsm_store *store = NULL;
    hsm_position position;
    char back[8];
    size_t read;
    CHECK_OK(hsm_store_open(directory, SIZE_MAX, NULL, &store, &error));
    CHECK_OK(hsm_store_position(store, &position, &error));
    CHECK(memcmp(&position, &put->position, sizeof position) == 0);
    CHECK_OK(hsm_object_get(store, &put->id, -1, 0, back, sizeof back, &read, &error));
    CHECK(read == 5 && memcmp(back, "bytes", 5) == 0);
    CHECK_OK(hsm_store_close(store, &error));
    hsm_store_free(store);
}

static void directories_that_are_no_store(void)
{
    const char *file = beside("file"), *other = beside("other"), *empty = beside("empty");
    hsm_store_options *options = NULL;
    CHECK_OK(hsm_store_options_new(&options, &error));
    write_file(file, "text", 4);
    SAYS(INVALID, "it is no directory", hsm_store_open, path, (file, SIZE_MAX, NULL, &made.store, &error));
    SAYS(IO, "missing", hsm_store_open, path, (beside("missing/store"), SIZE_MAX, NULL, &made.store, &error));

    CHECK(mkdir(other, 0755) == 0);
    write_file(beside("other/file"), "text", 4);
    SAYS(INVALID, "not an hsm store", hsm_store_open, path, (other, SIZE_MAX, NULL, &made.store, &error));
    CHECK(entries(other) == 1);

    CHECK(mkdir(empty, 0755) == 0);
    CHECK_OK(hsm_store_options_set_create(options, HSM_CREATE_NEVER, &error));
    SAYS(INVALID, "not an hsm store", hsm_store_open, options, (empty, SIZE_MAX, options, &made.store, &error));
    CHECK_OK(hsm_store_options_set_create(options, HSM_CREATE_IF_MISSING, &error));
    CHECK_OK(hsm_store_options_set_index_directory(options, file, SIZE_MAX, &error));
    SAYS(IO, "file", hsm_store_open, options, (empty, SIZE_MAX, options, &made.store, &error));
    hsm_store_options_free(options);
}

static void stores_of_another_kind(void)
{
    const char *directory = beside("changed");
    hsm_put_result put;
    int before;
    make_store(directory, &put);

    /* A version that is not known yet, in a file that has no checksum, and the same in one that has. */
    before = replace(beside("changed/lock"), 8, 2);
    SAYS(UNSUPPORTED, "needs a newer hsm", hsm_store_open, path, (directory, SIZE_MAX, NULL, &made.store, &error));
    replace(beside("changed/lock"), 8, before);
    before = replace(beside("changed/HSM-STORE"), 8, 2);
    SAYS(CORRUPT, "HSM-STORE", hsm_store_open, path, (directory, SIZE_MAX, NULL, &made.store, &error));
    replace(beside("changed/HSM-STORE"), 8, before);
    /* A file that is no store's. */
    before = replace(beside("changed/HSM-STORE"), 0, 'H');
    SAYS(CORRUPT, "HSM-STORE", hsm_store_open, path, (directory, SIZE_MAX, NULL, &made.store, &error));
    replace(beside("changed/HSM-STORE"), 0, before);
    check_store(directory, &put);
}

static void a_tier_that_is_unmounted(const char *directory)
{
    const hsm_store *store = world.store;
    const hsm_id *id = &world.object;
    hsm_put_options *options = NULL;
    hsm_writer *writer = NULL;
    char root[8192];
    snprintf(root, sizeof root, "%s/tiers/1", directory);
    CHECK_OK(hsm_object_copy(store, id, -1, 1, NULL, &error));
    look_at_store(&world.position, &world.listed, &world.sum);
    CHECK_OK(hsm_put_options_new(&options, &error));
    CHECK_OK(hsm_put_options_set_tier(options, 1, &error));
    CHECK_OK(hsm_writer_open(store, options, &writer, &error));
    CHECK_OK(hsm_writer_write(writer, "x", 1, &error));
    CHECK(rename(root, beside("away")) == 0);

    SAYS(OFFLINE, "tier 1", hsm_object_put, options, (store, "x", 1, options, &out.put, sizeof out.put, &error));
    SAYS(OFFLINE, "tier 1", hsm_writer_commit, writer, (writer, &out.put, sizeof out.put, &error));
    SAYS(OFFLINE, "tier 1", hsm_parts_begin, options, (store, options, &made.parts, &error));
    SAYS(OFFLINE, "tier 1", hsm_object_get, tier, (store, id, 1, 0, out.buffer, 99, &out.length, &error));
    SAYS(OFFLINE, "tier 1", hsm_object_get_path, tier, (store, id, 1, beside("got"), SIZE_MAX, &out.number, &error));
    SAYS(OFFLINE, "tier 1", hsm_reader_open, tier, (store, id, 1, &made.reader, &error));
    SAYS(OFFLINE, "tier 1", hsm_object_verify, tier, (store, id, 1, &out.position, &error));
    SAYS(OFFLINE, "tier 1", hsm_object_copy, source, (store, id, 1, 2, &out.position, &error));
    SAYS(OFFLINE, "tier 1", hsm_object_move, source, (store, id, 1, 2, &out.position, &error));
    SAYS(REFUSED, "archive it first", hsm_object_release, tier, (store, id, 0, 0, &out.position, &error));
    CHECK(access(root, F_OK) != 0);
    CHECK_OK(hsm_tier_stat(store, 1, &out.tier, sizeof out.tier, &error));
    CHECK(!out.tier.is_online);
    FINE(hsm_object_get, tier, (store, id, -1, 0, out.buffer, 99, &out.length, &error));

    /* A drain sets the tier draining before it begins. */
    CHECK_STATUS(hsm_tier_drain(store, 1, 2, NULL, &error), HSM_STATUS_OFFLINE);
    CHECK_OK(hsm_tier_set_state(store, 1, HSM_TIER_ACTIVE, &error));
    CHECK(rename(beside("away"), root) == 0);
    FINE(hsm_object_verify, tier, (store, id, 1, NULL, &error));
    hsm_writer_free(writer);
    hsm_put_options_free(options);
}

/* The mounts of before. Those of this test are this thread's own, so that none outlives it. */
static int mounts = -1;

/* Where this user may not mount, what needs it is left out; in CI it has to be. */
static int can_mount(const char *place)
{
    int before = open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC), mounted;
    CHECK(before >= 0);
    if (unshare(CLONE_NEWNS) == 0)
        mounts = before;
    else
        close(before);
    mounted = mounts >= 0 && mount("none", "/", "", MS_REC | MS_PRIVATE, NULL) == 0 && mkdir(place, 0755) == 0 &&
              mount("none", place, "tmpfs", 0, "size=8m") == 0;
    if (!mounted) {
        printf("skipped: this user cannot mount a file system\n");
        CHECK(getenv("CI") == NULL);
    }
    return mounted;
}

static void a_disk_that_is_read_only(const char *disk)
{
    const char *directory = beside("disk/store"), *none = beside("disk/none"), *file = beside("disk/file");
    const hsm_id *id = &world.object;
    hsm_put_result put;
    make_store(directory, &put);
    CHECK(mount("none", disk, "", MS_REMOUNT | MS_RDONLY, "size=8m") == 0);
    SAYS(IO, "Read-only file system", hsm_store_open, path, (directory, SIZE_MAX, NULL, &made.store, &error));
    SAYS(IO, "Read-only file system", hsm_store_open, path, (none, SIZE_MAX, NULL, &made.store, &error));
    SAYS(IO, "Read-only file system", hsm_object_get_path, path,
         (world.store, id, -1, file, SIZE_MAX, &out.number, &error));
    CHECK(mount("none", disk, "", MS_REMOUNT, "size=8m") == 0);
    check_store(directory, &put);
}

static void a_disk_that_is_full(void)
{
    static char content[MEBIBYTE];
    const hsm_store *store;
    const hsm_id *id = &world.object;
    hsm_writer *writer = NULL;
    hsm_parts *parts = NULL;
    hsm_part *part = NULL;
    hsm_batch *batch = NULL;
    hsm_attributes *attributes = NULL;
    hsm_put_result large;
    hsm_store *before = world.store;
    char *arguments[2];
    FILE *ballast;
    size_t i;
    for (i = 0; i < sizeof content; i++)
        content[i] = (char)(i * 2654435761u >> 13);
    arguments[1] = (char *)(size_t)beside("disk/full");
    hsm_store_free(world.closed);
    open_world(2, arguments);
    store = world.store;
    CHECK_OK(hsm_writer_open(store, NULL, &writer, &error));
    CHECK_OK(hsm_parts_begin(store, NULL, &parts, &error));
    CHECK_OK(hsm_part_begin(parts, 0, &part, &error));
    CHECK_OK(hsm_batch_new(store, 0, HSM_DURABLE, &batch, &error));
    CHECK_OK(hsm_batch_put(batch, content, sizeof content, NULL, &error));
    CHECK_OK(hsm_object_put(store, content, sizeof content, NULL, &large, sizeof large, &error));
    look_at_store(&world.position, &world.listed, &world.sum);
    ballast = fopen(beside("disk/ballast"), "wb");
    CHECK(ballast != NULL);
    while (fwrite(content, 1, sizeof content, ballast) == sizeof content && fflush(ballast) == 0)
        ;
    CHECK(ferror(ballast));
    fclose(ballast);

    BAD(FULL, hsm_object_get_path, path, (store, &large.id, -1, beside("disk/got"), SIZE_MAX, &out.number, &error));
    BAD(FULL, hsm_object_put, store, (store, "x", 1, NULL, &out.put, sizeof out.put, &error));
    BAD(FULL, hsm_object_put, store, (store, content, MEBIBYTE, NULL, &out.put, sizeof out.put, &error));
    BAD(FULL, hsm_object_put_at, store, (store, id, 0, content, MEBIBYTE, 0, &out.put, sizeof out.put, &error));
    BAD(FULL, hsm_writer_write, size, (writer, content, MEBIBYTE, &error));
    BAD(FULL, hsm_writer_commit, writer, (writer, &out.put, sizeof out.put, &error));
    BAD(FULL, hsm_part_write, size, (part, content, MEBIBYTE, &error));
    BAD(FULL, hsm_batch_commit, failed_out, (batch, NULL, &error));
    BAD(FULL, hsm_object_copy, target, (store, id, -1, 1, &out.position, &error));
    hsm_writer_free(writer);
    hsm_part_free(part);
    hsm_parts_free(parts);
    hsm_batch_free(batch);

    /* What frees room is still done, and with room again so is everything. */
    CHECK_OK(hsm_attributes_new(&attributes, &error));
    CHECK_OK(hsm_attributes_set(attributes, "a", 1, "b", 1, &error));
    FINE(hsm_object_set_attributes, store, (store, id, attributes, NULL, &error));
    CHECK(remove(beside("disk/ballast")) == 0);
    FINE(hsm_object_put, store, (store, content, MEBIBYTE, NULL, &out.put, sizeof out.put, &error));
    hsm_attributes_free(attributes);
    hsm_store_free(before);
}

int main(int argc, char **argv)
{
    const char *disk;
    open_world(argc, argv);
    snprintf(above, sizeof above, "%s/..", argv[1]);
    disk = beside("disk");
    close_the_other();
    directories_that_are_no_store();
    stores_of_another_kind();
    a_tier_that_is_unmounted(argv[1]);
    if (can_mount(disk)) {
        a_disk_that_is_read_only(beside("disk"));
        a_disk_that_is_full();
    }
    close_world();
    /* Given up before the thread ends: they take the kernel a while. */
    CHECK(mounts < 0 || (setns(mounts, CLONE_NEWNS) == 0 && close(mounts) == 0));
    return 0;
}
