/* A reader keeps the generation that it began with. */
#include "check.h"

#define LARGE ((size_t)2 << 20)

int main(int argc, char **argv)
{
    char *old = malloc(LARGE), *back = malloc(LARGE);
    hsm_store *store = NULL;
    hsm_reader *reader = NULL, *late = NULL;
    hsm_put_options *options = NULL;
    hsm_put_result put;
    const hsm_object *object = NULL;
    hsm_object_info info;
    size_t read, total = 0;
    hsm_status status;
    CHECK(argc == 2 && old != NULL && back != NULL);
    memset(old, 'o', LARGE);
    CHECK_OK(hsm_store_open(argv[1], SIZE_MAX, NULL, &store, &error));
    CHECK_OK(hsm_put_options_new(&options, &error));
    CHECK_OK(hsm_object_put(store, old, LARGE, options, &put, sizeof put, &error));
    CHECK_OK(hsm_reader_open(store, &put.id, -1, &reader, &error));
    CHECK_OK(hsm_reader_read(reader, back, 1000, &read, &error));
    CHECK(read == 1000);

    /* Overwritten, and what it had cleaned away: who reads goes on, who comes late gets the new one. */
    CHECK_OK(hsm_put_options_set_id(options, &put.id, &error));
    CHECK_OK(hsm_object_put(store, "new", 3, options, &put, sizeof put, &error));
    CHECK_OK(hsm_store_maintain(store, NULL, 0, &error));
    CHECK_OK(hsm_reader_open(store, &put.id, 0, &late, &error));
    CHECK_OK(hsm_reader_read(late, back + 1000, 100, &read, &error));
    CHECK(read == 3 && memcmp(back + 1000, "new", 3) == 0);
    total = 1000;
    while ((status = hsm_reader_read(reader, back + total, 300000, &read, &error)) == HSM_STATUS_OK)
        total += read;
    CHECK(status == HSM_STATUS_END && error == NULL);
    CHECK(total == LARGE && memcmp(back, old, LARGE) == 0);
    CHECK_STATUS(hsm_reader_read(reader, back, 1, &read, &error), HSM_STATUS_END);

    /* What was known of it is of that generation too. */
    CHECK_OK(hsm_reader_object(reader, &object, &error));
    CHECK_OK(hsm_object_stat(object, &info, sizeof info, &error));
    CHECK(info.size_bytes == LARGE && info.generation + 1 == put.generation);
    CHECK_OK(hsm_reader_object(late, &object, &error));
    CHECK_OK(hsm_object_stat(object, &info, sizeof info, &error));
    CHECK(info.size_bytes == 3 && info.generation == put.generation);

    /* At an offset, wherever the sequence stands. */
    memset(back, 0, 10);
    CHECK_OK(hsm_reader_read_at(reader, 5, back, 10, &read, &error));
    CHECK(read == 10 && memcmp(back, old, 10) == 0);
    CHECK_OK(hsm_reader_read_at(reader, LARGE - 4, back, 10, &read, &error));
    CHECK(read == 4);
    CHECK_OK(hsm_reader_read_at(reader, UINT64_MAX, back, 10, &read, &error));
    CHECK(read == 0);
    CHECK_OK(hsm_reader_read_at(late, 1, back, 10, &read, &error));
    CHECK(read == 2 && memcmp(back, "ew", 2) == 0);

    CHECK_STATUS(hsm_reader_read(reader, back, 0, &read, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_reader_read(reader, NULL, 1, &read, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_reader_read(NULL, back, 1, &read, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_reader_read_at(reader, 0, back, 1, NULL, &error), HSM_STATUS_INVALID);
    hsm_reader_free(late);
    CHECK_STATUS(hsm_reader_open(store, &put.id, 77, &late, &error), HSM_STATUS_NOT_FOUND);
    CHECK(late == NULL);

    CHECK_OK(hsm_store_close(store, &error));
    CHECK_STATUS(hsm_reader_read(reader, back, 1, &read, &error), HSM_STATUS_CLOSED);
    CHECK_STATUS(hsm_reader_read_at(reader, 0, back, 1, &read, &error), HSM_STATUS_CLOSED);
    CHECK_STATUS(hsm_reader_object(reader, &object, &error), HSM_STATUS_CLOSED);
    hsm_store_free(store);
    hsm_reader_free(reader);
    hsm_reader_free(NULL);
    hsm_put_options_free(options);
    free(old);
    free(back);
    return 0;
}
