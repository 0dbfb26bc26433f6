/* Datasets are created, listed and removed, and give objects keys. */
#include "check.h"

static hsm_dataset_info stat_dataset(const hsm_store *store, const hsm_id *id)
{
    hsm_dataset *dataset = NULL;
    hsm_dataset_info info;
    CHECK_OK(hsm_dataset_open(store, id, &dataset, &error));
    CHECK_OK(hsm_dataset_stat(dataset, &info, sizeof info, &error));
    hsm_dataset_free(dataset);
    return info;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    hsm_store *store = NULL;
    CHECK_OK(hsm_store_open(argv[1], SIZE_MAX, NULL, &store, &error));

    hsm_attributes *attributes = NULL;
    CHECK_OK(hsm_attributes_new(&attributes, &error));
    CHECK_OK(hsm_attributes_set(attributes, "owner", SIZE_MAX, "ada", SIZE_MAX, &error));
    CHECK_OK(hsm_attributes_remove(attributes, "none", SIZE_MAX, &error));
    hsm_id one, two, found;
    CHECK_OK(hsm_dataset_create(store, "two", SIZE_MAX, NULL, &two, &error));
    CHECK_OK(hsm_dataset_create(store, "one", SIZE_MAX, attributes, &one, &error));
    CHECK_STATUS(hsm_dataset_create(store, "one", 3, NULL, &found, &error), HSM_STATUS_EXISTS);
    CHECK_STATUS(hsm_dataset_create(store, "", 0, NULL, &found, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_dataset_create(store, "three", SIZE_MAX, NULL, NULL, &error), HSM_STATUS_INVALID);
    CHECK_OK(hsm_dataset_find(store, "one", SIZE_MAX, &found, &error));
    CHECK(memcmp(&found, &one, sizeof one) == 0);
    CHECK_STATUS(hsm_dataset_find(store, "three", SIZE_MAX, &found, &error), HSM_STATUS_NOT_FOUND);

    /* In the order of names. */
    const char *expected[] = {"one", "two"};
    char after[256] = "";
    int listed = 0;
    hsm_dataset *dataset = NULL;
    hsm_status status;
    while ((status = hsm_dataset_next(store, listed == 0 ? NULL : after, SIZE_MAX, &dataset, &error)) ==
           HSM_STATUS_OK) {
        const char *name;
        size_t length;
        CHECK_OK(hsm_dataset_name(dataset, &name, &length, &error));
        CHECK(listed < 2 && strcmp(name, expected[listed]) == 0 && length == strlen(name));
        memcpy(after, name, length + 1);
        hsm_dataset_free(dataset);
        listed++;
    }
    CHECK_STATUS(status, HSM_STATUS_END);
    CHECK(listed == 2 && dataset == NULL);

    /* A handle keeps what it was opened with. */
    CHECK_OK(hsm_dataset_open(store, &one, &dataset, &error));
    CHECK_OK(hsm_attributes_remove(attributes, "owner", SIZE_MAX, &error));
    CHECK_OK(hsm_attributes_set(attributes, "step", SIZE_MAX, "7", 1, &error));
    hsm_position before, position;
    CHECK_OK(hsm_store_position(store, &before, &error));
    CHECK_OK(hsm_dataset_set_attributes(store, &one, attributes, &position, &error));
    CHECK(position.number > before.number);
    const hsm_attributes *lent;
    const uint8_t *value;
    size_t length;
    CHECK_OK(hsm_dataset_attributes(dataset, &lent, &error));
    CHECK_OK(hsm_attributes_get(lent, "owner", SIZE_MAX, &value, &length, &error));
    CHECK(length == 3 && memcmp(value, "ada", 3) == 0);
    hsm_dataset_free(dataset);
    CHECK_OK(hsm_dataset_open(store, &one, &dataset, &error));
    CHECK_OK(hsm_dataset_attributes(dataset, &lent, &error));
    CHECK_STATUS(hsm_attributes_get(lent, "owner", SIZE_MAX, &value, &length, &error), HSM_STATUS_NOT_FOUND);
    CHECK_OK(hsm_attributes_get(lent, "step", SIZE_MAX, &value, &length, &error));
    hsm_dataset_free(dataset);
    hsm_attributes_free(attributes);

    /* Keys: any bytes but NUL. */
    hsm_put_result put;
    CHECK_OK(hsm_object_put(store, "x", 1, NULL, &put, sizeof put, &error));
    CHECK_OK(hsm_key_add(store, &one, "a/\xff\n", SIZE_MAX, &put.id, &position, &error));
    CHECK_OK(hsm_key_add(store, &two, "same", 4, &put.id, NULL, &error));
    CHECK_STATUS(hsm_key_add(store, &two, "same", 4, &put.id, NULL, &error), HSM_STATUS_EXISTS);
    CHECK_STATUS(hsm_key_add(store, &two, "", 0, &put.id, NULL, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_key_add(store, &two, "a\0b", 3, &put.id, NULL, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_key_add(store, &put.id, "a", 1, &put.id, NULL, &error), HSM_STATUS_NOT_FOUND);
    CHECK_STATUS(hsm_key_add(store, &two, "a", 1, &two, NULL, &error), HSM_STATUS_NOT_FOUND);
    CHECK_OK(hsm_key_find(store, &one, "a/\xff\n", 4, &found, &error));
    CHECK(memcmp(&found, &put.id, sizeof found) == 0);
    CHECK_STATUS(hsm_key_find(store, &one, "same", 4, &found, &error), HSM_STATUS_NOT_FOUND);
    CHECK(stat_dataset(store, &one).keys == 1 && stat_dataset(store, &one).attributes == 1);
    CHECK_STATUS(hsm_dataset_remove(store, &one, NULL, &error), HSM_STATUS_EXISTS);
    CHECK_OK(hsm_key_remove(store, &one, "a/\xff\n", SIZE_MAX, NULL, &error));
    CHECK_STATUS(hsm_key_remove(store, &one, "a/\xff\n", SIZE_MAX, NULL, &error), HSM_STATUS_NOT_FOUND);
    CHECK_OK(hsm_dataset_remove(store, &one, &position, &error));
    CHECK_STATUS(hsm_dataset_open(store, &one, &dataset, &error), HSM_STATUS_NOT_FOUND);
    CHECK(dataset == NULL);
    hsm_dataset_free(NULL);

    CHECK_OK(hsm_store_close(store, &error));
    hsm_store_free(store);
    return 0;
}
