/* Many objects in one call: each whole and once, by ids and by a dataset, and the errors with their object. */
#include "check.h"

#define COUNT 300

static hsm_store *store = NULL;
static unsigned char content[COUNT][700];
static hsm_id ids[COUNT + 1];

/* What came. */
struct taken {
    size_t objects, errors, with_key;
    int stop_at;
};

static int take(void *user_data, const hsm_delivery *delivery, size_t size)
{
    struct taken *taken = user_data;
    CHECK(size == sizeof *delivery && delivery->reserved == 0);
    CHECK(memcmp(&delivery->id, &ids[delivery->index], sizeof delivery->id) == 0);
    if (delivery->status != HSM_STATUS_OK) {
        CHECK(delivery->index == COUNT && delivery->status == HSM_STATUS_NOT_FOUND);
        CHECK(delivery->data == NULL && delivery->length == 0 && delivery->size_bytes == 0);
        CHECK(strlen(hsm_error_message(delivery->error)) > 0);
        taken->errors++;
        return 0;
    }
    CHECK(delivery->error == NULL && delivery->offset == 0 && delivery->length == delivery->size_bytes);
    CHECK(delivery->size_bytes == delivery->index + 1);
    CHECK(memcmp(delivery->data, content[delivery->index], (size_t)delivery->length) == 0);
    if (delivery->key != NULL) {
        char key[8];
        CHECK(snprintf(key, sizeof key, "%04zu", (size_t)delivery->index) == 4);
        CHECK(delivery->key_length == 4 && memcmp(delivery->key, key, 4) == 0);
        taken->with_key++;
    }
    taken->objects++;
    return taken->stop_at != 0 && taken->objects == (size_t)taken->stop_at ? 41 : 0;
}

/* The one object whose key is no path below the directory. */
static int refused(void *user_data, const hsm_delivery *delivery, size_t size)
{
    CHECK(size == sizeof *delivery && delivery->status == HSM_STATUS_INVALID && delivery->data == NULL);
    CHECK(delivery->key_length == 6 && memcmp(delivery->key, "../out", 6) == 0 && delivery->error != NULL);
    ++*(size_t *)user_data;
    return 0;
}

int main(int argc, char **argv)
{
    struct taken taken = {0, 0, 0, 0};
    hsm_delivery_callback target = {take, &taken, NULL};
    hsm_query *query = NULL;
    hsm_put_options *options = NULL;
    hsm_id dataset;
    CHECK(argc == 2);
    CHECK_OK(hsm_store_open(argv[1], SIZE_MAX, NULL, &store, &error));
    CHECK_OK(hsm_dataset_create(store, "data", SIZE_MAX, NULL, &dataset, &error));
    CHECK_OK(hsm_put_options_new(&options, &error));
    for (size_t index = 0; index < COUNT; index++) {
        hsm_put_result result;
        char key[8];
        CHECK(snprintf(key, sizeof key, "%04zu", index) == 4);
        memset(content[index], (int)(index * 7 + 1), sizeof content[index]);
        CHECK_OK(hsm_put_options_set_key(options, &dataset, key, 4, &error));
        CHECK_OK(hsm_object_put(store, content[index], index + 1, options, &result, sizeof result, &error));
        ids[index] = result.id;
    }
    memset(&ids[COUNT], 9, sizeof ids[COUNT]);

    CHECK_OK(hsm_objects_get(store, ids, COUNT + 1, -1, target, &error));
    CHECK(taken.objects == COUNT && taken.errors == 1 && taken.with_key == 0);

    memset(&taken, 0, sizeof taken);
    CHECK_OK(hsm_query_new(&query, &error));
    CHECK_OK(hsm_query_set_dataset(query, &dataset, &error));
    CHECK_OK(hsm_objects_get_all(store, query, -1, target, &error));
    CHECK(taken.objects == COUNT && taken.errors == 0 && taken.with_key == COUNT);

    memset(&taken, 0, sizeof taken);
    taken.stop_at = 5;
    CHECK_STATUS(hsm_objects_get_all(store, query, -1, target, &error), HSM_STATUS_CANCELLED);
    CHECK(taken.objects == 5);

    /* Into files; what cannot be one is told. */
    char into[4000], path[4100];
    hsm_got_into got;
    hsm_put_result bad;
    CHECK_OK(hsm_put_options_set_key(options, &dataset, "../out", SIZE_MAX, &error));
    CHECK_OK(hsm_object_put(store, "x", 1, options, &bad, sizeof bad, &error));
    snprintf(into, sizeof into, "%s-into", argv[1]);
    size_t failed = 0;
    hsm_delivery_callback tell = {refused, &failed, NULL};
    CHECK_OK(hsm_objects_get_all_into(store, query, -1, into, SIZE_MAX, tell, &got, sizeof got, &error));
    CHECK(got.files == COUNT && got.failed == 1 && failed == 1 && got.bytes == COUNT * (COUNT + 1) / 2);
    snprintf(path, sizeof path, "%s/%04d", into, COUNT - 1);
    char bytes[COUNT + 1];
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL && fread(bytes, 1, sizeof bytes, file) == COUNT && fclose(file) == 0);
    CHECK(memcmp(bytes, content[COUNT - 1], COUNT) == 0);
    CHECK_OK(hsm_objects_get_into(store, ids, 2, -1, into, SIZE_MAX, tell, &got, sizeof got, &error));
    CHECK(got.files == 2 && got.failed == 0 && got.bytes == 3);

    hsm_query_free(query);
    hsm_put_options_free(options);
    CHECK_OK(hsm_store_close(store, &error));
    hsm_store_free(store);
    return 0;
}
