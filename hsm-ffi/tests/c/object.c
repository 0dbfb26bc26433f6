/* What is known of an object: its numbers, copies, digests, attributes and keys. */
#include "check.h"

struct names {
    int count, stop_at, destroyed;
    hsm_id dataset;
    char keys[8][8];
};

static int32_t take_name(void *user_data, const hsm_id *dataset, const void *key, size_t key_length)
{
    struct names *names = user_data;
    CHECK(names->count < 8 && key_length < 8);
    CHECK(memcmp(dataset, &names->dataset, sizeof *dataset) == 0);
    memcpy(names->keys[names->count], key, key_length);
    return ++names->count == names->stop_at ? 42 : 0;
}

static void destroy(void *user_data)
{
    ((struct names *)user_data)->destroyed++;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    hsm_store *store = NULL;
    CHECK_OK(hsm_store_open(argv[1], SIZE_MAX, NULL, &store, &error));
    hsm_put_result put;
    CHECK_OK(hsm_object_put(store, "hello", 5, NULL, &put, sizeof put, &error));

    hsm_object *object = NULL;
    hsm_object_info info;
    const uint8_t *bytes;
    size_t length;
    CHECK_OK(hsm_object_open(store, &put.id, &object, &error));
    CHECK_OK(hsm_object_stat(object, &info, sizeof info, &error));
    CHECK(memcmp(&info.id, &put.id, sizeof put.id) == 0);
    CHECK(info.generation == 1 && info.size_bytes == 5 && info.block_size_bytes == 1 << 20);
    CHECK(info.has_data == 1 && info.copies == 1 && info.attributes == 0 && info.removed_until_ns == 0);
    CHECK(info.created_ns > 0 && info.modified_ns == info.created_ns && info.changed > 0);
    CHECK_STATUS(hsm_object_key(object, &bytes, &length, &error), HSM_STATUS_END);

    hsm_copy_info copy;
    CHECK_OK(hsm_object_copy_at(object, 0, &copy, sizeof copy, &error));
    CHECK(copy.tier == 0 && copy.pieces == 1 && copy.is_verified == (copy.verified_ns != 0));
    CHECK_STATUS(hsm_object_copy_at(object, 1, &copy, sizeof copy, &error), HSM_STATUS_END);
    char text[160];
    for (size_t index = 0; index < info.digests; index++) {
        CHECK_OK(hsm_object_digest_at(object, index, text, sizeof text, &length, &error));
        CHECK(strchr(text, ':') != NULL && length == strlen(text));
    }
    CHECK_STATUS(hsm_object_digest_at(object, info.digests, text, sizeof text, &length, &error),
                 HSM_STATUS_END);
    hsm_object_free(object);

    /* Attributes and keys show in what is opened afterwards. */
    hsm_attributes *attributes = NULL;
    const hsm_attributes *lent, *again;
    CHECK_OK(hsm_attributes_new(&attributes, &error));
    CHECK_OK(hsm_attributes_set(attributes, "owner", SIZE_MAX, "ada", SIZE_MAX, &error));
    hsm_position position;
    CHECK_OK(hsm_object_set_attributes(store, &put.id, attributes, &position, &error));
    struct names names = {0};
    CHECK_OK(hsm_dataset_create(store, "set", SIZE_MAX, NULL, &names.dataset, &error));
    CHECK_OK(hsm_key_add(store, &names.dataset, "b", 1, &put.id, NULL, &error));
    CHECK_OK(hsm_key_add(store, &names.dataset, "a", 1, &put.id, NULL, &error));
    CHECK_OK(hsm_key_add(store, &names.dataset, "c", 1, &put.id, NULL, &error));
    CHECK_OK(hsm_object_open(store, &put.id, &object, &error));
    CHECK_OK(hsm_object_attributes(object, &lent, &error));
    CHECK_OK(hsm_object_attributes(object, &again, &error));
    CHECK(lent == again);
    CHECK_OK(hsm_attributes_get(lent, "owner", SIZE_MAX, &bytes, &length, &error));
    CHECK(length == 3 && memcmp(bytes, "ada", 3) == 0);
    CHECK_OK(hsm_object_key(object, &bytes, &length, &error));
    CHECK(length == 1 && bytes[0] == 'b');
    CHECK_OK(hsm_object_stat(object, &info, sizeof info, &error));
    CHECK(info.attributes == 1 && memcmp(&info.dataset, &names.dataset, sizeof info.dataset) == 0);

    /* A caller whose record is shorter, and one whose record is longer. */
    struct {
        hsm_object_info info;
        uint64_t later;
    } longer;
    memset(&longer, 0xff, sizeof longer);
    CHECK_OK(hsm_object_stat(object, &longer.info, sizeof longer, &error));
    CHECK(longer.later == 0 && longer.info.has_data == 1);
    memset(&longer, 0xff, sizeof longer);
    CHECK_OK(hsm_object_stat(object, &longer.info, 2 * sizeof(hsm_id), &error));
    CHECK(longer.info.generation == UINT64_MAX);
    CHECK_STATUS(hsm_object_stat(object, &longer.info, 0, &error), HSM_STATUS_INVALID);

    /* Names, all or until the callback has enough. */
    hsm_name_callback callback = {take_name, &names, destroy};
    CHECK_OK(hsm_object_names(store, &put.id, callback, &error));
    CHECK(names.count == 3 && names.destroyed == 1);
    CHECK(strcmp(names.keys[0], "a") == 0 && strcmp(names.keys[2], "c") == 0);
    names.count = 0;
    names.stop_at = 2;
    CHECK(hsm_object_names(store, &put.id, callback, &error) == HSM_STATUS_CANCELLED);
    CHECK(hsm_error_callback(error) == 42 && names.count == 2 && names.destroyed == 2);
    hsm_error_free(error);
    CHECK_STATUS(hsm_object_names(store, &names.dataset, callback, &error), HSM_STATUS_NOT_FOUND);
    hsm_name_callback none = {NULL, NULL, NULL};
    CHECK_STATUS(hsm_object_names(store, &put.id, none, &error), HSM_STATUS_INVALID);
    CHECK(names.destroyed == 3);

    CHECK_STATUS(hsm_object_set_attributes(store, &names.dataset, attributes, NULL, &error),
                 HSM_STATUS_NOT_FOUND);
    hsm_attributes_free(attributes);
    hsm_id zero = {{0}};
    hsm_object *missing;
    CHECK_STATUS(hsm_object_open(store, &zero, &missing, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_object_open(store, &names.dataset, &missing, &error), HSM_STATUS_NOT_FOUND);
    CHECK(missing == NULL);

    /* A handle outlives the store. */
    CHECK_OK(hsm_store_close(store, &error));
    hsm_store_free(store);
    CHECK_OK(hsm_object_stat(object, &info, sizeof info, &error));
    hsm_object_free(object);
    hsm_object_free(NULL);
    return 0;
}
