/* A batch happens together; each change of one that is not atomic has an answer of its own. */
#include "check.h"

static hsm_store *store = NULL;

static hsm_put_options *options_with_id(const hsm_id *id, int32_t mode)
{
    hsm_put_options *options = NULL;
    CHECK_OK(hsm_put_options_new(&options, &error));
    CHECK_OK(hsm_put_options_set_id(options, id, &error));
    CHECK_OK(hsm_put_options_set_mode(options, mode, &error));
    return options;
}

static void check_content(const hsm_id *id, const char *content)
{
    char back[64];
    size_t read;
    CHECK_OK(hsm_object_get(store, id, -1, 0, back, sizeof back, &read, &error));
    CHECK(read == strlen(content) && memcmp(back, content, read) == 0);
}

static void check_absent(const hsm_id *id)
{
    char byte;
    size_t read;
    CHECK_STATUS(hsm_object_get(store, id, -1, 0, &byte, 1, &read, &error), HSM_STATUS_NOT_FOUND);
}

/* Three changes, the second of which cannot be. */
static hsm_batch *three(int32_t atomic, const hsm_id *fresh, const hsm_id *taken)
{
    hsm_batch *batch = NULL;
    hsm_put_options *options = options_with_id(fresh, HSM_PUT_CREATE);
    CHECK_OK(hsm_batch_new(store, atomic, HSM_DURABLE, &batch, &error));
    CHECK_OK(hsm_batch_put(batch, "fresh", 5, options, &error));
    hsm_put_options_free(options);
    options = options_with_id(taken, HSM_PUT_CREATE);
    CHECK_OK(hsm_batch_put(batch, "taken", 5, options, &error));
    hsm_put_options_free(options);
    CHECK_OK(hsm_batch_put_empty(batch, NULL, &error));
    return batch;
}

int main(int argc, char **argv)
{
    hsm_batch *batch = NULL;
    hsm_attributes *attributes = NULL;
    hsm_put_options *options = NULL;
    hsm_put_result put, result;
    hsm_id fresh, unknown, dataset, found;
    size_t count = 0, failed = 0;
    int i;
    CHECK(argc == 2);
    CHECK_OK(hsm_store_open(argv[1], SIZE_MAX, NULL, &store, &error));
    CHECK_OK(hsm_object_put(store, "there", 5, NULL, &put, sizeof put, &error));
    CHECK_OK(hsm_store_new_id(store, &fresh, &error));
    CHECK_OK(hsm_store_new_id(store, &unknown, &error));

    /* Atomic: all fail with the one. */
    batch = three(1, &fresh, &put.id);
    CHECK_STATUS(hsm_batch_result(batch, 0, &result, sizeof result, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_batch_commit(batch, &failed, &error), HSM_STATUS_EXISTS);
    for (i = 0; i < 3; i++)
        CHECK_STATUS(hsm_batch_result(batch, (size_t)i, &result, sizeof result, &error), HSM_STATUS_EXISTS);
    CHECK_STATUS(hsm_batch_result(batch, 3, &result, sizeof result, &error), HSM_STATUS_END);
    hsm_batch_free(batch);
    check_absent(&fresh);

    /* Not atomic: each for itself. */
    batch = three(0, &fresh, &put.id);
    CHECK_OK(hsm_batch_count(batch, &count, &error));
    CHECK(count == 3);
    CHECK_OK(hsm_batch_commit(batch, &failed, &error));
    CHECK(failed == 1);
    CHECK_OK(hsm_batch_result(batch, 0, &result, sizeof result, &error));
    CHECK(memcmp(&result.id, &fresh, sizeof fresh) == 0 && result.generation > 0);
    check_content(&fresh, "fresh");
    CHECK_STATUS(hsm_batch_result(batch, 1, &result, sizeof result, &error), HSM_STATUS_EXISTS);
    check_content(&put.id, "there");
    CHECK_OK(hsm_batch_result(batch, 2, &result, sizeof result, &error));
    check_absent(&result.id);

    /* Its shell answers CLOSED, but still says what became of it. */
    CHECK_STATUS(hsm_batch_put(batch, "x", 1, NULL, &error), HSM_STATUS_CLOSED);
    CHECK_STATUS(hsm_batch_put_empty(batch, NULL, &error), HSM_STATUS_CLOSED);
    CHECK_STATUS(hsm_batch_remove(batch, &put.id, &error), HSM_STATUS_CLOSED);
    CHECK_STATUS(hsm_batch_commit(batch, &failed, &error), HSM_STATUS_CLOSED);
    CHECK_OK(hsm_batch_count(batch, &count, &error));
    CHECK(count == 3);
    hsm_batch_free(batch);

    /* Without a place for the number of failures, the first of them is the answer. */
    CHECK_OK(hsm_store_new_id(store, &fresh, &error));
    batch = three(0, &fresh, &put.id);
    CHECK_STATUS(hsm_batch_commit(batch, NULL, &error), HSM_STATUS_EXISTS);
    hsm_batch_free(batch);
    check_content(&fresh, "fresh");

    /* The other kinds of change, one of an object that is not there. */
    CHECK_OK(hsm_attributes_new(&attributes, &error));
    CHECK_OK(hsm_attributes_set(attributes, "owner", SIZE_MAX, "ada", SIZE_MAX, &error));
    CHECK_OK(hsm_batch_new(store, 0, HSM_RELAXED, &batch, &error));
    CHECK_OK(hsm_batch_set_attributes(batch, &put.id, attributes, &error));
    CHECK_OK(hsm_batch_remove(batch, &fresh, &error));
    CHECK_OK(hsm_batch_remove(batch, &unknown, &error));
    CHECK_STATUS(hsm_batch_remove(batch, &fresh, &error), HSM_STATUS_INVALID); /* each object once */
    CHECK_STATUS(hsm_batch_set_attributes(batch, &unknown, NULL, &error), HSM_STATUS_INVALID);
    CHECK_OK(hsm_batch_count(batch, &count, &error));
    CHECK(count == 3);
    CHECK_OK(hsm_batch_commit(batch, &failed, &error));
    CHECK(failed == 1);
    CHECK_STATUS(hsm_batch_result(batch, 2, NULL, 0, &error), HSM_STATUS_NOT_FOUND);
    CHECK_OK(hsm_batch_result(batch, 1, &result, sizeof result, &error));
    CHECK(result.position.number > put.position.number);
    hsm_batch_free(batch);
    hsm_attributes_free(attributes);
    check_absent(&fresh);

    /* A key for what is there. */
    CHECK_OK(hsm_dataset_create(store, "runs", SIZE_MAX, NULL, &dataset, &error));
    CHECK_OK(hsm_batch_new(store, 1, HSM_DURABLE, &batch, &error));
    CHECK_OK(hsm_batch_add_key(batch, &dataset, "a/b", SIZE_MAX, &put.id, &error));
    CHECK_STATUS(hsm_batch_add_key(batch, &dataset, "a/b", 3, &unknown, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_batch_add_key(batch, &dataset, "", 0, &unknown, &error), HSM_STATUS_INVALID);
    CHECK_OK(hsm_batch_commit(batch, NULL, &error));
    hsm_batch_free(batch);
    CHECK_OK(hsm_key_find(store, &dataset, "a/b", SIZE_MAX, &found, &error));
    CHECK(memcmp(&found, &put.id, sizeof found) == 0);

    /* A move, with another change; then it was done already. */
    for (i = 0; i < 2; i++) {
        CHECK_OK(hsm_batch_new(store, 1, HSM_DURABLE, &batch, &error));
        CHECK_OK(hsm_batch_move(batch, &put.id, 0, 1, &error));
        CHECK_STATUS(hsm_batch_move(batch, &put.id, 0, 1, &error), HSM_STATUS_INVALID);
        CHECK_STATUS(hsm_batch_move(batch, &fresh, 0, 77, &error), HSM_STATUS_NOT_FOUND);
        if (i == 0)
            CHECK_OK(hsm_batch_put(batch, "more", 4, NULL, &error));
        CHECK_OK(hsm_batch_commit(batch, NULL, &error));
        CHECK_OK(hsm_batch_result(batch, 0, &result, sizeof result, &error));
        CHECK(memcmp(&result.id, &put.id, sizeof found) == 0 && result.generation == 0);
        CHECK((result.position.number == 0) == (i == 1));
        hsm_batch_free(batch);
        check_content(&put.id, "there");
    }

    /* A digest that does not fit adds nothing. */
    CHECK_OK(hsm_put_options_new(&options, &error));
    CHECK_OK(hsm_put_options_expect_digest(options, "crc32c:e3069283", SIZE_MAX, &error));
    CHECK_OK(hsm_batch_new(store, 1, HSM_DURABLE, &batch, &error));
    CHECK_STATUS(hsm_batch_put(batch, "other", 5, options, &error), HSM_STATUS_INVALID);
    CHECK_OK(hsm_batch_put(batch, "123456789", 9, options, &error));
    CHECK_OK(hsm_batch_commit(batch, NULL, &error));
    CHECK_OK(hsm_batch_result(batch, 0, &result, sizeof result, &error));
    check_content(&result.id, "123456789");
    hsm_batch_free(batch);
    hsm_put_options_free(options);

    /* One without changes; one that is freed without a commit; one that outlives its store. */
    CHECK_OK(hsm_batch_new(store, 1, HSM_DURABLE, &batch, &error));
    CHECK_OK(hsm_batch_commit(batch, &failed, &error));
    CHECK(failed == 0);
    CHECK_STATUS(hsm_batch_result(batch, 0, NULL, 0, &error), HSM_STATUS_END);
    hsm_batch_free(batch);
    CHECK_OK(hsm_store_new_id(store, &fresh, &error));
    hsm_batch_free(three(0, &fresh, &put.id));
    check_absent(&fresh);
    CHECK_STATUS(hsm_batch_new(store, 0, 2, &batch, &error), HSM_STATUS_INVALID);
    CHECK(batch == NULL);
    batch = three(1, &fresh, &put.id);
    CHECK_OK(hsm_store_close(store, &error));
    CHECK_STATUS(hsm_batch_put(batch, "x", 1, NULL, &error), HSM_STATUS_CLOSED);
    CHECK_STATUS(hsm_batch_commit(batch, &failed, &error), HSM_STATUS_CLOSED);
    hsm_store_free(store);
    hsm_batch_free(batch);
    hsm_batch_free(NULL);
    return 0;
}
