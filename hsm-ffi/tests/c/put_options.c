/* Options of a put refuse what cannot be, keep what they were, and serve many puts. */
#include "check.h"

int main(int argc, char **argv)
{
    hsm_put_options *options = NULL;
    hsm_store *store = NULL;
    hsm_attributes *attributes = NULL;
    hsm_object *object = NULL;
    const hsm_attributes *recorded = NULL;
    const uint8_t *value;
    size_t length;
    hsm_put_result first, second;
    hsm_id id, dataset, found, none = {{0}};
    int i;
    CHECK(argc == 2);
    CHECK_OK(hsm_store_open(argv[1], SIZE_MAX, NULL, &store, &error));
    CHECK_OK(hsm_put_options_new(&options, &error));
    CHECK_STATUS(hsm_put_options_new(NULL, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_put_options_set_mode(NULL, HSM_PUT_CREATE, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_put_options_set_mode(options, 3, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_put_options_set_tier(options, 256, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_put_options_set_tier(options, -2, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_put_options_set_durability(options, -1, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_put_options_set_block_size_bytes(options, 4097, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_put_options_add_digest(options, "sha0", SIZE_MAX, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_put_options_expect_digest(options, "md5:00", SIZE_MAX, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_put_options_set_key(options, &none, "key", 3, &error), HSM_STATUS_INVALID);

    /* What was refused left the defaults as they were. */
    CHECK_OK(hsm_object_put(store, "one", 3, options, &first, sizeof first, &error));
    CHECK(first.generation == 1 && first.position.number > 0);

    /* An id that the caller chose: created, updated, and not created twice. */
    CHECK_OK(hsm_store_new_id(store, &id, &error));
    CHECK_OK(hsm_put_options_set_id(options, &id, &error));
    CHECK_OK(hsm_put_options_set_mode(options, HSM_PUT_UPDATE, &error));
    CHECK_STATUS(hsm_object_put(store, "two", 3, options, NULL, 0, &error), HSM_STATUS_NOT_FOUND);
    CHECK_OK(hsm_put_options_set_mode(options, HSM_PUT_CREATE, &error));
    CHECK_OK(hsm_object_put(store, "two", 3, options, &first, sizeof first, &error));
    CHECK(memcmp(&first.id, &id, sizeof id) == 0);
    CHECK_STATUS(hsm_object_put(store, "two", 3, options, NULL, 0, &error), HSM_STATUS_EXISTS);
    CHECK_OK(hsm_put_options_set_mode(options, HSM_PUT_UPSERT, &error));
    CHECK_OK(hsm_object_put(store, "three", 5, options, &second, sizeof second, &error));
    CHECK(memcmp(&second.id, &id, sizeof id) == 0 && second.generation == first.generation + 1);

    /* NULL and zeros leave the id to the library again. */
    CHECK_OK(hsm_put_options_set_id(options, &none, &error));
    CHECK_OK(hsm_object_put(store, "four", 4, options, &first, sizeof first, &error));
    CHECK(memcmp(&first.id, &id, sizeof id) != 0);
    CHECK_OK(hsm_put_options_set_id(options, NULL, &error));
    CHECK_OK(hsm_put_options_set_key(options, NULL, NULL, 0, &error));

    /* A tier that is there, and one that is not. */
    CHECK_OK(hsm_put_options_set_tier(options, 200, &error));
    CHECK_STATUS(hsm_object_put(store, "five", 4, options, NULL, 0, &error), HSM_STATUS_NOT_FOUND);
    CHECK_OK(hsm_put_options_set_tier(options, 0, &error));
    CHECK_OK(hsm_put_options_set_durability(options, HSM_RELAXED, &error));
    CHECK_OK(hsm_put_options_set_block_size_bytes(options, 4096, &error));
    CHECK_OK(hsm_put_options_set_size_hint_bytes(options, 4, &error));
    CHECK_OK(hsm_object_put(store, "five", 4, options, NULL, 0, &error));

    /* A key: the object that has it is meant, and another one cannot take it. */
    CHECK_OK(hsm_dataset_create(store, "runs", SIZE_MAX, NULL, &dataset, &error));
    CHECK_OK(hsm_put_options_set_key(options, &dataset, "a/b", SIZE_MAX, &error));
    CHECK_OK(hsm_object_put(store, "keyed", 5, options, &first, sizeof first, &error));
    CHECK_OK(hsm_key_find(store, &dataset, "a/b", SIZE_MAX, &found, &error));
    CHECK(memcmp(&found, &first.id, sizeof found) == 0);
    CHECK_OK(hsm_object_put(store, "again", 5, options, &second, sizeof second, &error));
    CHECK(memcmp(&second.id, &first.id, sizeof found) == 0 && second.generation == first.generation + 1);
    CHECK_OK(hsm_put_options_set_id(options, &id, &error));
    CHECK_STATUS(hsm_object_put(store, "other", 5, options, NULL, 0, &error), HSM_STATUS_EXISTS);
    CHECK_OK(hsm_put_options_set_id(options, NULL, &error));
    CHECK_OK(hsm_put_options_set_key(options, &found, "a/b", SIZE_MAX, &error)); /* no dataset */
    CHECK_STATUS(hsm_object_put(store, "other", 5, options, NULL, 0, &error), HSM_STATUS_NOT_FOUND);
    CHECK_OK(hsm_put_options_set_key(options, NULL, NULL, 0, &error));

    /* Attributes are copied. */
    CHECK_OK(hsm_attributes_new(&attributes, &error));
    CHECK_OK(hsm_attributes_set(attributes, "owner", SIZE_MAX, "ada", SIZE_MAX, &error));
    CHECK_OK(hsm_put_options_set_attributes(options, attributes, &error));
    hsm_attributes_free(attributes);
    CHECK_OK(hsm_object_put(store, "six", 3, options, &first, sizeof first, &error));
    CHECK_OK(hsm_object_open(store, &first.id, &object, &error));
    CHECK_OK(hsm_object_attributes(object, &recorded, &error));
    CHECK_OK(hsm_attributes_get(recorded, "owner", SIZE_MAX, &value, &length, &error));
    CHECK(length == 3 && memcmp(value, "ada", 3) == 0);
    hsm_object_free(object);
    CHECK_OK(hsm_put_options_set_attributes(options, NULL, &error));

    /* Digests, at most 16 of them. The value is of "123456789", from the catalogue of CRC algorithms. */
    CHECK_OK(hsm_put_options_expect_digest(options, "crc32c:E3069283", SIZE_MAX, &error));
    CHECK_OK(hsm_object_put(store, "123456789", 9, options, NULL, 0, &error));
    CHECK_STATUS(hsm_object_put(store, "123456780", 9, options, NULL, 0, &error), HSM_STATUS_INVALID);
    for (i = 1; i < 16; i++)
        CHECK_OK(hsm_put_options_add_digest(options, "sha256", SIZE_MAX, &error));
    CHECK_STATUS(hsm_put_options_add_digest(options, "sha256", SIZE_MAX, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_put_options_expect_digest(options, "crc32c:e3069283", SIZE_MAX, &error), HSM_STATUS_INVALID);

    hsm_put_options_free(options);
    hsm_put_options_free(NULL);
    CHECK_OK(hsm_store_close(store, &error));
    hsm_store_free(store);
    return 0;
}
