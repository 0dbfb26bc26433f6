/* A sink mirrors the feed into a file of YAML, and goes on where it was. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

static char path[4096];

static void put(const hsm_store *store)
{
    CHECK_OK(hsm_object_put(store, "x", 1, NULL, NULL, 0, &error));
}

/* How often a line is in the file. */
static int count(const char *line)
{
    char read[4096];
    int found = 0;
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    while (fgets(read, sizeof read, file) != NULL) {
        read[strcspn(read, "\n")] = '\0';
        found += strcmp(read, line) == 0;
    }
    CHECK(fclose(file) == 0);
    return found;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    hsm_store *store = NULL;
    hsm_sink *sink = NULL, *second = NULL;
    hsm_attributes *attributes = NULL;
    hsm_put_result result;
    uint64_t documents = 0;
    snprintf(path, sizeof path, "%s/event_feed.yaml", argv[1]);
    char directory[4096];
    snprintf(directory, sizeof directory, "%s/store", argv[1]);
    CHECK_OK(hsm_store_open(directory, SIZE_MAX, NULL, &store, &error));
    put(store);
    CHECK_OK(hsm_object_put(store, "x", 1, NULL, &result, sizeof result, &error));
    CHECK_OK(hsm_attributes_new(&attributes, &error));
    CHECK_OK(hsm_attributes_set(attributes, "trigger_migration", SIZE_MAX, "0,1", 3, &error));
    CHECK_OK(hsm_object_set_attributes(store, &result.id, attributes, NULL, &error));
    hsm_attributes_free(attributes);

    CHECK_OK(hsm_sink_open(store, "mirror", SIZE_MAX, path, SIZE_MAX, NULL, 0, 0, &sink, &error));
    CHECK_STATUS(hsm_sink_open(store, "mirror", 6, path, SIZE_MAX, NULL, 0, 0, &second, &error), HSM_STATUS_BUSY);
    CHECK(second == NULL);
    CHECK_OK(hsm_sink_pump(sink, -1, &documents, &error));
    CHECK(documents == 3);
    CHECK_STATUS(hsm_sink_pump(sink, 0, &documents, &error), HSM_STATUS_TIMEOUT);
    CHECK(count("!create") == 2 && count("!update") == 1 && count("    trigger_migration: \"0,1\"") == 2);
    hsm_sink_free(sink);

    /* Another one goes on behind it. */
    CHECK_OK(hsm_object_purge(store, &result.id, NULL, &error));
    CHECK_OK(hsm_sink_open(store, "mirror", SIZE_MAX, path, SIZE_MAX, NULL, 0, 0, &sink, &error));
    CHECK_OK(hsm_sink_pump(sink, 1000, NULL, &error));
    CHECK(count("!create") == 2 && count("!update") == 1 && count("!remove") == 1 && count("...") == 4);
    CHECK_OK(hsm_store_close(store, &error));
    CHECK_STATUS(hsm_sink_pump(sink, -1, NULL, &error), HSM_STATUS_CLOSED);
    hsm_sink_free(sink);
    hsm_store_free(store);
    return 0;
}
