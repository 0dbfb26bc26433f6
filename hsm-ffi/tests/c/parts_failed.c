/* A part whose write failed is not finished: it gives no receipt, and is written anew as another. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <signal.h>
#include <sys/resource.h>

#define BLOCK ((size_t)4096)

/* How long files may become: what is written behind that fails. */
static void limit_files(rlim_t size)
{
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = size;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

int main(int argc, char **argv)
{
    char block[BLOCK], back[BLOCK + 1];
    uint8_t receipt[4096];
    size_t length = 0, read = 0;
    struct rlimit before;
    hsm_store *store = NULL;
    hsm_put_options *options = NULL;
    hsm_parts *parts = NULL;
    hsm_part *part = NULL, *anew = NULL;
    hsm_put_result put;
    hsm_status failed;
    CHECK(argc == 2);
    memset(block, 'b', sizeof block);
    CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR && getrlimit(RLIMIT_FSIZE, &before) == 0);
    CHECK_OK(hsm_store_open(argv[1], SIZE_MAX, NULL, &store, &error));
    CHECK_OK(hsm_put_options_new(&options, &error));
    CHECK_OK(hsm_put_options_set_block_size_bytes(options, BLOCK, &error));
    CHECK_OK(hsm_parts_begin(store, options, &parts, &error));
    CHECK_OK(hsm_part_begin(parts, 0, &part, &error));
    CHECK_OK(hsm_part_write(part, block, 100, &error));

    limit_files(50);
    failed = hsm_part_write(part, block, BLOCK - 100, &error);
    limit_files(before.rlim_cur);
    CHECK(failed == HSM_STATUS_IO || failed == HSM_STATUS_FULL);
    CHECK(error != NULL && strlen(hsm_error_message(error)) > 0);
    hsm_error_free(error);

    /* The disk takes bytes again; those that are missing are missing all the same. */
    CHECK_STATUS(hsm_part_write(part, block, 1, &error), failed);
    CHECK_STATUS(hsm_part_finish(part, receipt, sizeof receipt, &length, &error), failed);
    CHECK(length == 0);
    CHECK_STATUS(hsm_part_finish(part, receipt, sizeof receipt, &length, &error), HSM_STATUS_CLOSED);
    CHECK_STATUS(hsm_part_write(part, block, 1, &error), HSM_STATUS_CLOSED);
    hsm_part_free(part);

    CHECK_OK(hsm_part_begin(parts, 0, &anew, &error));
    CHECK_OK(hsm_part_write(anew, block, sizeof block, &error));
    CHECK_OK(hsm_part_finish(anew, receipt, sizeof receipt, &length, &error));
    hsm_part_free(anew);
    CHECK_OK(hsm_parts_add_receipt(parts, receipt, length, &error));
    CHECK_OK(hsm_parts_commit(parts, &put, sizeof put, &error));
    CHECK_OK(hsm_object_get(store, &put.id, -1, 0, back, sizeof back, &read, &error));
    CHECK(read == sizeof block && memcmp(back, block, sizeof block) == 0);

    hsm_parts_free(parts);
    hsm_put_options_free(options);
    CHECK_OK(hsm_store_close(store, &error));
    hsm_store_free(store);
    return 0;
}
