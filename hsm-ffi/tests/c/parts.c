/* One object written by two processes, joined through a token, committed by who began. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <sys/wait.h>
#include <unistd.h>

#define BLOCK ((size_t)4096)
#define FIRST (5 * BLOCK)
#define LAST (3 * BLOCK + 17)

static size_t load(const char *path, void *buffer, size_t size)
{
    FILE *file = fopen(path, "rb");
    size_t length;
    CHECK(file != NULL);
    length = fread(buffer, 1, size, file);
    CHECK(fclose(file) == 0);
    return length;
}

static void save(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL && fwrite(data, 1, size, file) == size && fclose(file) == 0);
}

/* Writes a part and answers its receipt. */
static size_t write_part(const hsm_parts *parts, uint64_t offset, char fill, size_t size, void *receipt, size_t room)
{
    char run[1000];
    hsm_part *part = NULL;
    size_t length = 0, again = 0;
    memset(run, fill, sizeof run);
    CHECK_OK(hsm_part_begin(parts, offset, &part, &error));
    while (size > 0) {
        size_t now = size < sizeof run ? size : sizeof run;
        CHECK_OK(hsm_part_write(part, run, now, &error));
        size -= now;
    }
    CHECK_STATUS(hsm_part_finish(part, NULL, 0, &length, &error), HSM_STATUS_BUFFER_TOO_SMALL);
    CHECK(length > 0 && length <= room);
    CHECK_STATUS(hsm_part_finish(part, receipt, length - 1, NULL, &error), HSM_STATUS_BUFFER_TOO_SMALL);
    CHECK_OK(hsm_part_finish(part, receipt, length, &again, &error));
    CHECK_OK(hsm_part_finish(part, receipt, room, NULL, &error));
    CHECK(again == length);
    CHECK_STATUS(hsm_part_write(part, run, 1, &error), HSM_STATUS_CLOSED);
    hsm_part_free(part);
    return length;
}

/* The second process: this program again, with the paths of the store, the token and the receipt. */
static int join(const char *directory, const char *token_path, const char *receipt_path)
{
    hsm_store *store = NULL;
    hsm_parts *parts = NULL;
    uint64_t block = 0;
    uint8_t token[128], receipt[4096];
    size_t length = load(token_path, token, sizeof token);
    CHECK_OK(hsm_store_open(directory, SIZE_MAX, NULL, &store, &error));
    CHECK_OK(hsm_parts_join(store, token, length, &parts, &error));
    CHECK_OK(hsm_parts_block_size(parts, &block, &error));
    CHECK(block == BLOCK);
    length = write_part(parts, FIRST, 'l', LAST, receipt, sizeof receipt);
    save(receipt_path, receipt, length);
    CHECK_STATUS(hsm_parts_commit(parts, NULL, 0, &error), HSM_STATUS_INVALID); /* who began commits */
    hsm_parts_free(parts);
    CHECK_OK(hsm_store_close(store, &error));
    hsm_store_free(store);
    return 0;
}

int main(int argc, char **argv)
{
    char directory[4096], token_path[4200], receipt_path[4200];
    char back[FIRST + LAST + 1];
    uint8_t token[128], first[4096], last[4096], damaged[4096];
    size_t token_length = 0, first_length, last_length, read;
    hsm_store *store = NULL;
    hsm_put_options *options = NULL;
    hsm_parts *parts = NULL;
    hsm_part *part = NULL;
    hsm_put_result put;
    hsm_id id;
    pid_t child;
    int ended = 0;
    if (argc == 5)
        return join(argv[2], argv[3], argv[4]);
    CHECK(argc == 2);
    snprintf(directory, sizeof directory, "%s/store", argv[1]);
    snprintf(token_path, sizeof token_path, "%s/token", argv[1]);
    snprintf(receipt_path, sizeof receipt_path, "%s/receipt", argv[1]);
    CHECK_OK(hsm_store_open(directory, SIZE_MAX, NULL, &store, &error));
    CHECK_OK(hsm_put_options_new(&options, &error));
    CHECK_OK(hsm_put_options_set_block_size_bytes(options, BLOCK, &error));
    CHECK_OK(hsm_put_options_add_digest(options, "sha256", SIZE_MAX, &error));
    CHECK_OK(hsm_store_new_id(store, &id, &error));
    CHECK_OK(hsm_put_options_set_id(options, &id, &error));
    CHECK_OK(hsm_parts_begin(store, options, &parts, &error));
    CHECK_STATUS(hsm_parts_token(parts, token, 3, &token_length, &error), HSM_STATUS_BUFFER_TOO_SMALL);
    CHECK(token_length > 3);
    CHECK_OK(hsm_parts_token(parts, token, sizeof token, &token_length, &error));
    save(token_path, token, token_length);

    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        execl(argv[0], argv[0], "join", directory, token_path, receipt_path, (char *)NULL);
        _exit(127);
    }
    first_length = write_part(parts, 0, 'f', FIRST, first, sizeof first);
    CHECK(waitpid(child, &ended, 0) == child && WIFEXITED(ended) && WEXITSTATUS(ended) == 0);
    last_length = load(receipt_path, last, sizeof last);

    /* What is no token, no receipt, no edge of a block. */
    {
        hsm_parts *other = (hsm_parts *)&other;
        token[token_length - 1] ^= 1;
        CHECK_STATUS(hsm_parts_join(store, token, token_length, &other, &error), HSM_STATUS_INVALID);
        CHECK(other == NULL);
    }
    memcpy(damaged, first, first_length);
    damaged[first_length / 2] ^= 1;
    CHECK_STATUS(hsm_parts_add_receipt(parts, damaged, first_length, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_part_begin(parts, BLOCK + 1, &part, &error), HSM_STATUS_INVALID);
    CHECK(part == NULL);

    /* In any order; nothing is there before the commit, and all of it after. */
    CHECK_OK(hsm_parts_add_receipt(parts, last, last_length, &error));
    CHECK_OK(hsm_parts_add_receipt(parts, first, first_length, &error));
    CHECK_STATUS(hsm_object_get(store, &id, -1, 0, back, 1, &read, &error), HSM_STATUS_NOT_FOUND);
    CHECK_STATUS(hsm_parts_commit(parts, &put, 0, &error), HSM_STATUS_INVALID);
    CHECK_OK(hsm_parts_commit(parts, &put, sizeof put, &error));
    CHECK(memcmp(&put.id, &id, sizeof id) == 0 && put.generation > 0);
    CHECK_OK(hsm_object_get(store, &id, -1, 0, back, sizeof back, &read, &error));
    CHECK(read == FIRST + LAST && back[0] == 'f' && back[FIRST - 1] == 'f');
    CHECK(back[FIRST] == 'l' && back[FIRST + LAST - 1] == 'l');
    CHECK_STATUS(hsm_parts_commit(parts, &put, sizeof put, &error), HSM_STATUS_CLOSED);
    CHECK_STATUS(hsm_parts_token(parts, token, sizeof token, &token_length, &error), HSM_STATUS_CLOSED);
    CHECK_STATUS(hsm_part_begin(parts, 0, &part, &error), HSM_STATUS_CLOSED);
    CHECK_STATUS(hsm_parts_add_receipt(parts, first, first_length, &error), HSM_STATUS_CLOSED);
    hsm_parts_free(parts);

    /* A receipt is missing: nothing changes. */
    CHECK_OK(hsm_parts_begin(store, options, &parts, &error));
    last_length = write_part(parts, BLOCK, 'x', BLOCK, last, sizeof last);
    CHECK_OK(hsm_parts_add_receipt(parts, last, last_length, &error));
    CHECK_STATUS(hsm_parts_commit(parts, &put, sizeof put, &error), HSM_STATUS_INVALID);
    hsm_parts_free(parts);
    CHECK_OK(hsm_object_get(store, &id, -1, 0, back, sizeof back, &read, &error));
    CHECK(read == FIRST + LAST && back[BLOCK] == 'f');

    /* Freed in any order, also after the store was closed. */
    CHECK_OK(hsm_parts_begin(store, options, &parts, &error));
    CHECK_OK(hsm_part_begin(parts, 0, &part, &error));
    hsm_parts_free(parts);
    CHECK_OK(hsm_store_close(store, &error));
    CHECK_STATUS(hsm_part_write(part, "x", 1, &error), HSM_STATUS_CLOSED);
    CHECK_STATUS(hsm_part_finish(part, NULL, 0, NULL, &error), HSM_STATUS_CLOSED);
    hsm_part_free(part);
    hsm_part_free(NULL);
    hsm_parts_free(NULL);
    hsm_put_options_free(options);
    hsm_store_free(store);
    return 0;
}
