/* Copies and moves are verified before anything is dropped; stopped, they leave the source and nothing else. */
#define _XOPEN_SOURCE 700
#include "check.h"

#include <fcntl.h>
#include <ftw.h>
#include <unistd.h>

#define LARGE ((size_t)4 << 20)
#define SMALLS 5

static hsm_store *store = NULL;
static char *content, *back;

static hsm_id put(size_t size)
{
    hsm_put_result result;
    CHECK_OK(hsm_object_put(store, content, size, NULL, &result, sizeof result, &error));
    return result.id;
}

/* Whether a tier has a copy: 0, 1, or 2 when it is verified. */
static int on_tier(const hsm_id *id, int32_t tier)
{
    hsm_object *object = NULL;
    hsm_copy_info copy;
    int found = 0;
    CHECK_OK(hsm_object_open(store, id, &object, &error));
    for (size_t index = 0; hsm_object_copy_at(object, index, &copy, sizeof copy, NULL) == HSM_STATUS_OK; index++)
        if (copy.tier == tier)
            found = 1 + copy.is_verified;
    hsm_object_free(object);
    return found;
}

static void check_readable(const hsm_id *id, size_t size)
{
    size_t read = 0;
    memset(back, 0, size);
    CHECK_OK(hsm_object_get(store, id, -1, 0, back, size, &read, &error));
    CHECK(read == size && memcmp(back, content, size) == 0);
}

static int files;

static int count_file(const char *path, const struct stat *what, int type, struct FTW *where)
{
    size_t length = strlen(path);
    (void)what;
    (void)where;
    if (type == FTW_F && length > 4 && strcmp(path + length - 4, ".obj") == 0)
        files++;
    return 0;
}

/* How many objects have a file of their own on a tier. */
static int files_on_tier(const char *directory, int tier)
{
    char path[4096];
    CHECK(snprintf(path, sizeof path, "%s/tiers/%d", directory, tier) < (int)sizeof path);
    files = 0;
    CHECK(nftw(path, count_file, 8, FTW_PHYS) == 0);
    return files;
}

struct follower {
    int calls, stop_at_call, phase_at_stop, calls_in_all;
};

static int32_t follow(void *user_data, const hsm_progress *progress, size_t size)
{
    struct follower *follower = user_data;
    (void)size;
    follower->calls_in_all++;
    if (++follower->calls != follower->stop_at_call)
        return 0;
    follower->phase_at_stop = progress->phase;
    return 77;
}

/* A move that is stopped at every report in turn leaves the source readable and no file on the target. */
static void stop_a_move(const char *directory, const hsm_id *id)
{
    struct follower follower = {0};
    hsm_progress_callback callback = {follow, NULL, NULL};
    hsm_store *watched = NULL;
    int stopped_in_copy = 0, stopped_in_verify = 0;
    callback.user_data = &follower;
    CHECK_OK(hsm_store_with_progress(store, callback, &watched, &error));
    for (int stop_at = 1;; stop_at++) {
        hsm_error *stopped = NULL;
        hsm_position before, after;
        follower.calls = 0;
        follower.stop_at_call = stop_at;
        CHECK_OK(hsm_store_position(store, &before, &error));
        hsm_status status = hsm_object_move(watched, id, 0, 3, NULL, &stopped);
        if (status == HSM_STATUS_OK)
            break;
        CHECK(status == HSM_STATUS_CANCELLED && hsm_error_callback(stopped) == 77);
        hsm_error_free(stopped);
        stopped_in_copy += follower.phase_at_stop == HSM_PHASE_COPY;
        stopped_in_verify += follower.phase_at_stop == HSM_PHASE_VERIFY;
        CHECK_OK(hsm_store_position(store, &after, &error));
        CHECK(memcmp(&before, &after, sizeof before) == 0);
        CHECK(on_tier(id, 0) == 1 && on_tier(id, 3) == 0);
        CHECK(files_on_tier(directory, 0) == 1 && files_on_tier(directory, 3) == 0);
        check_readable(id, LARGE);
    }
    CHECK(stopped_in_copy >= 4 && stopped_in_verify >= 4);
    CHECK(on_tier(id, 0) == 0 && on_tier(id, 3) == 2);
    CHECK(files_on_tier(directory, 0) == 0 && files_on_tier(directory, 3) == 1);
    check_readable(id, LARGE);
    hsm_store_free(watched);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    CHECK_OK(hsm_store_open(argv[1], SIZE_MAX, NULL, &store, &error));
    content = malloc(LARGE);
    back = malloc(LARGE);
    CHECK(content != NULL && back != NULL);
    for (size_t at = 0; at < LARGE; at++)
        content[at] = (char)(at * 7 + at / 251);
    hsm_id large = put(LARGE);
    stop_a_move(argv[1], &large);

    /* Copy, release, recall, move, verify; what is so already is no error and no change. */
    hsm_position position = {9, 9};
    hsm_position none = {0, 0};
    CHECK_OK(hsm_object_copy(store, &large, -1, 1, &position, &error));
    CHECK(position.number > 0 && on_tier(&large, 1) == 2 && on_tier(&large, 3) == 2);
    CHECK_OK(hsm_object_copy(store, &large, 3, 1, &position, &error));
    CHECK(memcmp(&position, &none, sizeof none) == 0);
    CHECK_OK(hsm_object_release(store, &large, 3, 0, &position, &error));
    CHECK(position.number > 0 && on_tier(&large, 3) == 0);
    CHECK_OK(hsm_object_release(store, &large, 3, 0, &position, &error));
    CHECK(position.number == 0);
    CHECK_STATUS(hsm_object_release(store, &large, 1, 0, NULL, &error), HSM_STATUS_REFUSED);
    check_readable(&large, LARGE);
    CHECK_OK(hsm_object_recall(store, &large, 0, NULL, &error));
    CHECK(on_tier(&large, 0) == 2);
    CHECK_OK(hsm_object_move(store, &large, 0, 1, &position, &error));
    CHECK(on_tier(&large, 0) == 0 && on_tier(&large, 1) == 2);
    CHECK_OK(hsm_object_verify(store, &large, 1, &position, &error));
    CHECK(position.number > 0);

    /* What cannot be says what is wrong. */
    hsm_id nobody = {{1}}, zero = {{0}};
    CHECK_STATUS(hsm_object_copy(store, &nobody, -1, 1, NULL, &error), HSM_STATUS_NOT_FOUND);
    CHECK_STATUS(hsm_object_copy(store, &zero, -1, 1, NULL, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_object_copy(store, &large, -1, -1, NULL, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_object_copy(store, &large, 4, 2, NULL, &error), HSM_STATUS_NOT_FOUND);
    CHECK_STATUS(hsm_object_move(store, &large, -1, 2, NULL, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_object_move(store, &large, 1, 1, NULL, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_object_verify(store, &large, 4, NULL, &error), HSM_STATUS_NOT_FOUND);
    CHECK_STATUS(hsm_object_recall(store, &large, 256, NULL, &error), HSM_STATUS_INVALID);

    /* Many at once, one of which is not there. */
    hsm_id ids[SMALLS + 1];
    hsm_status statuses[SMALLS + 1];
    for (int index = 0; index < SMALLS; index++)
        ids[index] = put(1000 + (size_t)index);
    ids[SMALLS] = ids[2];
    ids[2] = nobody;
    hsm_error *failed = NULL;
    CHECK(hsm_objects_copy(store, ids, SMALLS + 1, -1, 3, statuses, &failed) == HSM_STATUS_NOT_FOUND);
    hsm_id about;
    CHECK(hsm_error_object(failed, &about) == 1 && memcmp(&about, &nobody, sizeof about) == 0);
    hsm_error_free(failed);
    for (int index = 0; index <= SMALLS; index++) {
        CHECK(statuses[index] == (index == 2 ? HSM_STATUS_NOT_FOUND : HSM_STATUS_OK));
        CHECK(index == 2 || on_tier(&ids[index], 3) == 2);
    }
    ids[2] = ids[SMALLS];
    CHECK_OK(hsm_objects_move(store, ids, SMALLS, 0, 3, NULL, &error));
    for (int index = 0; index < SMALLS; index++)
        CHECK(on_tier(&ids[index], 0) == 0 && on_tier(&ids[index], 3) == 2);
    CHECK_OK(hsm_objects_copy(store, NULL, 0, -1, 3, NULL, &error));
    CHECK_STATUS(hsm_objects_copy(store, NULL, 1, -1, 3, NULL, &error), HSM_STATUS_INVALID);
    ids[1] = zero;
    CHECK_STATUS(hsm_objects_move(store, ids, SMALLS, 3, 0, statuses, &error), HSM_STATUS_INVALID);
    CHECK(on_tier(&ids[0], 3) == 2 && on_tier(&ids[0], 0) == 0);

    /* By force the last copy goes as well. */
    CHECK_OK(hsm_object_release(store, &large, 1, 1, NULL, &error));
    CHECK(on_tier(&large, 1) == 0);
    size_t read;
    CHECK_STATUS(hsm_object_get(store, &large, -1, 0, back, 1, &read, &error), HSM_STATUS_OFFLINE);
    CHECK_OK(hsm_store_close(store, &error));
    CHECK_STATUS(hsm_object_copy(store, &ids[0], -1, 1, NULL, &error), HSM_STATUS_CLOSED);
    hsm_store_free(store);
    free(content);
    free(back);
    return 0;
}
