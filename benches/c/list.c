/*
 * Lists a store, or a dataset of it, through a cursor and looks at each object and its attributes.
 *
 *     list STORE [DATASET]
 *
 * Prints "ready" when the store is open, waits for a line, lists, and prints the number of objects.
 */
#include <stdint.h>
#include <stdio.h>

#include "hsm.h"

static int failed(hsm_error *error)
{
    fprintf(stderr, "list: %s\n", error != NULL ? hsm_error_message(error) : "an attribute is missing");
    hsm_error_free(error);
    return 1;
}

int main(int argc, char **argv)
{
    hsm_error *error = NULL;
    hsm_store *store = NULL;
    hsm_query *query = NULL;
    hsm_cursor *cursor = NULL;
    hsm_id dataset;
    unsigned long long count = 0, bytes = 0;
    if (argc < 2)
        return 2;
    if (hsm_store_open(argv[1], SIZE_MAX, NULL, &store, &error) != HSM_STATUS_OK ||
        hsm_query_new(&query, &error) != HSM_STATUS_OK)
        return failed(error);
    if (argc > 2 && (hsm_dataset_find(store, argv[2], SIZE_MAX, &dataset, &error) != HSM_STATUS_OK ||
                     hsm_query_set_dataset(query, &dataset, &error) != HSM_STATUS_OK))
        return failed(error);
    puts("ready");
    fflush(stdout);
    if (getchar() == EOF)
        return 2;

    if (hsm_cursor_open(store, query, &cursor, &error) != HSM_STATUS_OK)
        return failed(error);
    for (;;) {
        const hsm_object *object;
        const hsm_attributes *attributes;
        const uint8_t *value;
        size_t length;
        hsm_object_info info;
        hsm_status status = hsm_cursor_next(cursor, &object, NULL, NULL, &error);
        if (status == HSM_STATUS_END)
            break;
        if (status != HSM_STATUS_OK || hsm_object_stat(object, &info, sizeof info, &error) != HSM_STATUS_OK ||
            hsm_object_attributes(object, &attributes, &error) != HSM_STATUS_OK)
            return failed(error);
        /* Objects that other measurements added have none. */
        if (hsm_attributes_get(attributes, "project", 7, &value, &length, &error) == HSM_STATUS_OK)
            bytes += length;
        count++;
    }
    if (bytes == 0)
        return failed(NULL);
    printf("%llu\n", count);
    fflush(stdout);
    hsm_cursor_free(cursor);
    hsm_query_free(query);
    hsm_store_free(store);
    return 0;
}
