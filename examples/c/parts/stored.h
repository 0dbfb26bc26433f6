/*
 * The entries that a dataset holds, in the order of their keys.
 *
 * Of hsm it shows datasets, queries and cursors. A query says which objects; a cursor goes through them a page at
 * a time, so that a listing of any length takes little memory. The object that it shows is lent until the next.
 */
#ifndef STORED_H
#define STORED_H

#include "entry.h"
#include "place.h"

struct stored {
    hsm_id dataset;
    hsm_cursor *cursor;
    int is_end;
    /* Of the current entry, lent until the next. */
    const hsm_object *object;
    const char *key;
    size_t length;
    struct entry entry;
    const char *flaw; /* NULL, or which attribute is missing or makes no sense. */
    hsm_object_info info;
    /* The object's first name: the key, and whether it is another than this one, perhaps of another dataset. */
    const char *first;
    size_t first_length;
    int has_other_name;
};

/* Goes to the next entry. Returns -1 when the store failed. */
static inline int stored_next(struct stored *stored)
{
    hsm_error *error = NULL;
    const uint8_t *key = NULL;
    hsm_status status = hsm_cursor_next(stored->cursor, &stored->object, &key, &stored->length, &error);
    if (status == HSM_STATUS_END) {
        stored->is_end = 1;
        return 0;
    }
    const hsm_attributes *attributes = NULL;
    if (status != HSM_STATUS_OK || hsm_object_stat(stored->object, &stored->info, sizeof stored->info, &error) != HSM_STATUS_OK ||
        hsm_object_attributes(stored->object, &attributes, &error) != HSM_STATUS_OK)
        return failed(error, "list the dataset");
    stored->key = (const char *)key;
    stored->flaw = entry_of_attributes(&stored->entry, attributes);
    stored->entry.size = stored->info.size_bytes;
    /* Files have data, perhaps of no bytes, and nothing else has. */
    if (stored->flaw == NULL && (stored->entry.kind == KIND_FILE) != (stored->info.has_data != 0))
        stored->flaw = "type (it does not fit the data)";
    const uint8_t *first = NULL;
    stored->first_length = 0;
    hsm_object_key(stored->object, &first, &stored->first_length, NULL); /* One that was just removed has none. */
    stored->first = (const char *)first;
    stored->has_other_name = memcmp(&stored->info.dataset, &stored->dataset, sizeof stored->dataset) != 0 ||
                             stored->first_length != stored->length ||
                             memcmp(first, key, stored->length) != 0;
    return 0;
}

/* Begins a listing of the dataset, of all entries or of one type, and goes to the first. */
static inline int stored_begin(struct stored *stored, const hsm_store *store, const hsm_id *dataset, const char *type)
{
    hsm_error *error = NULL;
    hsm_query *query = NULL;
    memset(stored, 0, sizeof *stored);
    stored->dataset = *dataset;
    if (hsm_query_new(&query, &error) != HSM_STATUS_OK ||
        hsm_query_set_dataset(query, dataset, &error) != HSM_STATUS_OK ||
        (type != NULL && hsm_query_set_attribute(query, "type", SIZE_MAX, type, strlen(type), &error) != HSM_STATUS_OK) ||
        hsm_cursor_open(store, query, &stored->cursor, &error) != HSM_STATUS_OK) {
        hsm_query_free(query);
        return failed(error, "list the dataset");
    }
    hsm_query_free(query); /* The cursor has what it needs of it. */
    return stored_next(stored);
}

static inline void stored_finish(struct stored *stored)
{
    hsm_cursor_free(stored->cursor);
    stored->cursor = NULL;
}

/* Orders keys as a dataset does: by their bytes. */
static inline int compare_keys(const char *one, size_t one_length, const char *other, size_t other_length)
{
    size_t common = one_length < other_length ? one_length : other_length;
    int order = memcmp(one, other, common);
    if (order != 0)
        return order;
    return one_length < other_length ? -1 : one_length > other_length;
}

/*
 * The names of an object. Most have one, and the cursor tells that; this is for those that may have more.
 */
struct names {
    const hsm_id *dataset; /* Whose keys are of interest. */
    const char *key;       /* One of them. */
    size_t length;
    size_t count;     /* In this dataset. */
    size_t elsewhere; /* In others. */
    int has_earlier;  /* One before `key`. */
    char first[KEY_LENGTH_MAX];
    size_t first_length; /* The smallest in this dataset. */
};

/* What the library calls with each name. */
static inline int32_t names_take(void *user_data, const hsm_id *dataset, const void *key, size_t length)
{
    struct names *names = user_data;
    if (memcmp(dataset, names->dataset, sizeof *dataset) != 0) {
        names->elsewhere++;
        return 0;
    }
    names->count++;
    if (compare_keys(key, length, names->key, names->length) < 0)
        names->has_earlier = 1;
    if (length <= sizeof names->first &&
        (names->count == 1 || compare_keys(key, length, names->first, names->first_length) < 0)) {
        memcpy(names->first, key, length);
        names->first_length = length;
    }
    return 0;
}

/* Looks an object's names up. Returns -1 when the store failed; no names when the object is gone. */
static inline int names_find(struct names *names, const hsm_store *store, const hsm_id *dataset, const struct stored *stored)
{
    hsm_error *error = NULL;
    names->dataset = dataset;
    names->key = stored->key;
    names->length = stored->length;
    names->count = names->elsewhere = names->first_length = 0;
    names->has_earlier = 0;
    hsm_name_callback take = {names_take, names, NULL};
    hsm_status status = hsm_object_names(store, &stored->info.id, take, &error);
    if (status == HSM_STATUS_NOT_FOUND) {
        hsm_error_free(error);
        return 0;
    }
    return status == HSM_STATUS_OK ? 0 : failed(error, "look up the names of an object");
}

#endif
