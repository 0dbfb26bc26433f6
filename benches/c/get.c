/*
 * Gets small objects at random, one call each, for a profile: syscalls and instructions an object are the difference
 * of two runs with different numbers of gets.
 *
 *     get STORE OBJECTS GETS
 *
 * Puts OBJECTS objects of 4 KiB into STORE first, if it does not exist. Prints the bytes that were got.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hsm.h"

#define SIZE 4096
#define BATCH 1000

static int failed(hsm_error *error)
{
    fprintf(stderr, "get: %s\n", error != NULL ? hsm_error_message(error) : "out of memory, or too few objects");
    hsm_error_free(error);
    return 1;
}

/* Numbers that only have to jump about: xorshift64. */
static uint64_t next_number(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static hsm_status put_batch(hsm_store *store, size_t count, uint64_t *state, hsm_error **error)
{
    hsm_batch *batch = NULL;
    uint64_t content[SIZE / 8];
    size_t refused;
    hsm_status status = hsm_batch_new(store, 1, HSM_DURABLE, &batch, error);
    while (status == HSM_STATUS_OK && count-- > 0) {
        for (size_t word = 0; word < SIZE / 8; word++)
            content[word] = next_number(state);
        status = hsm_batch_put(batch, content, SIZE, NULL, error);
    }
    if (status == HSM_STATUS_OK)
        status = hsm_batch_commit(batch, &refused, error);
    hsm_batch_free(batch);
    return status;
}

int main(int argc, char **argv)
{
    hsm_error *error = NULL;
    hsm_store *store = NULL;
    hsm_cursor *cursor = NULL;
    uint64_t state = 88172645463325252u, bytes = 0;
    size_t known = 0;
    if (argc != 4)
        return 2;
    size_t objects = strtoull(argv[2], NULL, 10), gets = strtoull(argv[3], NULL, 10);
    hsm_id *ids = malloc((objects + 1) * sizeof *ids);
    if (ids == NULL || hsm_store_open(argv[1], SIZE_MAX, NULL, &store, &error) != HSM_STATUS_OK)
        return failed(error);
    for (int round = 0; round < 2 && known < objects; round++) {
        for (size_t left = round == 0 ? 0 : objects; left > 0; left -= left < BATCH ? left : BATCH)
            if (put_batch(store, left < BATCH ? left : BATCH, &state, &error) != HSM_STATUS_OK)
                return failed(error);
        if (hsm_cursor_open(store, NULL, &cursor, &error) != HSM_STATUS_OK)
            return failed(error);
        const hsm_object *object;
        hsm_object_info info;
        while (known < objects && hsm_cursor_next(cursor, &object, NULL, NULL, &error) == HSM_STATUS_OK &&
               hsm_object_stat(object, &info, sizeof info, &error) == HSM_STATUS_OK)
            ids[known++] = info.id;
        hsm_cursor_free(cursor);
        if (error != NULL)
            return failed(error);
    }
    if (known == 0)
        return failed(NULL);
    while (gets-- > 0) {
        uint8_t content[SIZE];
        size_t read;
        if (hsm_object_get(store, &ids[next_number(&state) % known], -1, 0, content, SIZE, &read, &error) != HSM_STATUS_OK)
            return failed(error);
        bytes += read;
    }
    hsm_status status = hsm_store_close(store, &error);
    hsm_store_free(store);
    free(ids);
    if (status != HSM_STATUS_OK)
        return failed(error);
    printf("%llu\n", (unsigned long long)bytes);
    return 0;
}
