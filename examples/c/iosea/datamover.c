/*
 * Sets an attribute, a hint for the policy engine, on an object or on every object of a dataset.
 *
 *     hestia_datamover object|dataset <uuid> <key=value> [host]
 *
 * The host is accepted and not used: the store is on this machine, where the configuration of Hestia says.
 * A dataset is an object with the attribute is_dataset, whose data is lines of `uuid,path`. Ends with 1 where anything failed.
 *
 *     cc -o hestia_datamover datamover.c $(pkg-config --cflags --libs hestia)
 */
#include "dataset.h"

static int hint(char *uuid, char *key, char *value)
{
    HestiaId id = id_of(uuid);
    HestiaKeyValuePair pair = {key, value};
    return failed(hestia_object_set_attrs(&id, &pair, 1), "cannot set the attribute of", uuid);
}

int main(int count, char **arguments)
{
    int is_dataset = count > 1 && strcmp(arguments[1], "dataset") == 0;
    char *value = count > 3 ? strchr(arguments[3], '=') : NULL;
    if (count < 4 || count > 5 || (!is_dataset && strcmp(arguments[1], "object") != 0) || value == NULL) {
        fprintf(stderr, "usage: hestia_datamover object|dataset <uuid> <key=value> [host]\n");
        return 2;
    }
    *value++ = 0;
    if (failed(hestia_initialize(NULL, NULL, NULL), "cannot begin", "the client"))
        return 1;
    int is_wrong = 0;
    if (!is_dataset) {
        is_wrong = hint(arguments[2], arguments[3], value);
    } else {
        Dataset dataset;
        is_wrong = read_dataset(arguments[2], &dataset);
        for (size_t index = 0; index < dataset.count; index++)
            is_wrong |= hint(dataset.entries[index].uuid, arguments[3], value);
        free_dataset(&dataset);
    }
    return failed(hestia_finish(), "cannot end", "the client") | is_wrong;
}
