/* A writer publishes at its commit, and leaves nothing without one. */
#define _XOPEN_SOURCE 700
#include "check.h"

#include <ftw.h>

#define PIECE ((size_t)3 << 20)

static uint64_t bytes_found;

static int add_size(const char *path, const struct stat *found, int kind, struct FTW *at)
{
    (void)path;
    (void)at;
    if (kind == FTW_F)
        bytes_found += (uint64_t)found->st_size;
    return 0;
}

/* What lies in the directory of the tier. */
static uint64_t bytes_on_tier(const char *directory)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/tiers/0", directory);
    bytes_found = 0;
    CHECK(nftw(path, add_size, 16, FTW_PHYS) == 0);
    return bytes_found;
}

int main(int argc, char **argv)
{
    char *piece = malloc(PIECE), *back = malloc(2 * PIECE);
    hsm_store *store = NULL;
    hsm_writer *writer = NULL;
    hsm_put_options *options = NULL;
    hsm_put_result put;
    hsm_id id;
    uint64_t size, before;
    size_t read;
    CHECK(argc == 2 && piece != NULL && back != NULL);
    memset(piece, 'p', PIECE);
    CHECK_OK(hsm_store_open(argv[1], SIZE_MAX, NULL, &store, &error));
    CHECK_OK(hsm_put_options_new(&options, &error));
    CHECK_OK(hsm_store_new_id(store, &id, &error));
    CHECK_OK(hsm_put_options_set_id(options, &id, &error));

    /* Nothing is visible before the commit. */
    before = bytes_on_tier(argv[1]);
    CHECK_OK(hsm_writer_open(store, options, &writer, &error));
    CHECK_OK(hsm_writer_write(writer, piece, PIECE, &error));
    CHECK_OK(hsm_writer_write(writer, NULL, 0, &error));
    CHECK_OK(hsm_writer_write(writer, piece, PIECE, &error));
    CHECK_OK(hsm_writer_size(writer, &size, &error));
    CHECK(size == 2 * PIECE);
    CHECK_STATUS(hsm_object_get(store, &id, -1, 0, back, 1, &read, &error), HSM_STATUS_NOT_FOUND);
    CHECK(bytes_on_tier(argv[1]) > before);

    /* Freed without one, it leaves nothing: neither the object nor its bytes. */
    hsm_writer_free(writer);
    CHECK(bytes_on_tier(argv[1]) == before);
    CHECK_STATUS(hsm_object_get(store, &id, -1, 0, back, 1, &read, &error), HSM_STATUS_NOT_FOUND);

    /* Committed, all of it is there. Wrong arguments do not spend the writer. */
    CHECK_OK(hsm_writer_open(store, options, &writer, &error));
    CHECK_OK(hsm_writer_write(writer, piece, PIECE, &error));
    CHECK_OK(hsm_writer_write(writer, piece, PIECE, &error));
    CHECK_STATUS(hsm_writer_write(writer, NULL, 1, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_writer_commit(writer, &put, 0, &error), HSM_STATUS_INVALID);
    CHECK_OK(hsm_writer_commit(writer, &put, sizeof put, &error));
    CHECK(memcmp(&put.id, &id, sizeof id) == 0);
    CHECK_OK(hsm_object_get(store, &id, -1, 0, back, 2 * PIECE, &read, &error));
    CHECK(read == 2 * PIECE && memcmp(back, piece, PIECE) == 0 && memcmp(back + PIECE, piece, PIECE) == 0);

    /* Its shell answers CLOSED. */
    CHECK_STATUS(hsm_writer_write(writer, piece, 1, &error), HSM_STATUS_CLOSED);
    CHECK_STATUS(hsm_writer_size(writer, &size, &error), HSM_STATUS_CLOSED);
    CHECK_STATUS(hsm_writer_commit(writer, &put, sizeof put, &error), HSM_STATUS_CLOSED);
    hsm_writer_free(writer);
    hsm_writer_free(NULL);

    /* A commit that is refused stores nothing and spends the writer too. */
    CHECK_OK(hsm_put_options_expect_digest(options, "crc32c:e3069283", SIZE_MAX, &error));
    CHECK_OK(hsm_writer_open(store, options, &writer, &error));
    CHECK_OK(hsm_writer_write(writer, "12345678", 8, &error));
    CHECK_STATUS(hsm_writer_commit(writer, NULL, 0, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_writer_commit(writer, NULL, 0, &error), HSM_STATUS_CLOSED);
    hsm_writer_free(writer);
    CHECK_OK(hsm_object_get(store, &id, -1, 0, back, 2 * PIECE, &read, &error));
    CHECK(read == 2 * PIECE && back[0] == 'p');

    /* A place for a handle is NULL after a failure; a writer may outlive its store. */
    writer = (hsm_writer *)&writer;
    CHECK_STATUS(hsm_writer_open(NULL, options, &writer, &error), HSM_STATUS_INVALID);
    CHECK(writer == NULL);
    CHECK_OK(hsm_writer_open(store, NULL, &writer, &error));
    CHECK_OK(hsm_writer_write(writer, piece, PIECE, &error));
    CHECK_OK(hsm_store_close(store, &error));
    CHECK_STATUS(hsm_writer_write(writer, piece, PIECE, &error), HSM_STATUS_CLOSED);
    CHECK_STATUS(hsm_writer_size(writer, &size, &error), HSM_STATUS_CLOSED);
    CHECK_STATUS(hsm_writer_commit(writer, &put, sizeof put, &error), HSM_STATUS_CLOSED);
    hsm_store_free(store);
    hsm_writer_free(writer);
    hsm_put_options_free(options);
    free(piece);
    free(back);
    return 0;
}
