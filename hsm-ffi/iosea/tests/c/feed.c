/* The file of events: what a call did is in it when the call returns, in the order in which it happened. */
#include "check.h"

#include <unistd.h>

#define ONE "00000000-0000-0000-0000-000000000001"

static char feed[1 << 16];

/* Reads what was added to the file since the last time. */
static const char *news(const char *path)
{
    static long read_so_far;
    FILE *file = fopen(path, "r");
    CHECK(file != NULL && fseek(file, read_so_far, SEEK_SET) == 0);
    size_t size = fread(feed, 1, sizeof feed - 1, file);
    feed[size] = 0;
    read_so_far += (long)size;
    CHECK(fclose(file) == 0);
    return feed;
}

/* How often a text stands in another. */
static int count_of(const char *text, const char *wanted)
{
    int count = 0;
    while ((text = strstr(text, wanted)) != NULL) {
        text++;
        count++;
    }
    return count;
}

/* Ends the test unless so many documents came, all of this kind and about this object. */
static void check_documents(int count, const char *tag, const char *id, const char *wanted)
{
    const char *text = news(".cache/hestia/event_feed.yaml");
    char line[64];
    snprintf(line, sizeof line, "---\n!%s\n", tag);
    if (count_of(text, line) != count || count_of(text, "---\n") != count || count_of(text, "...\n") != count ||
        count_of(text, id) != count || count_of(text, wanted) != count) {
        fprintf(stderr, "expected %s of %s with \"%s\" in:\n%s\n", tag, id, wanted, text);
        exit(1);
    }
}

static void check_news(const char *tag, const char *id, const char *wanted)
{
    check_documents(1, tag, id, wanted);
}

int main(int count, char **arguments)
{
    CHECK(count == 2 && chdir(arguments[1]) == 0);
    HestiaId id = id_of(ONE);
    HestiaKeyValuePair pair = {"trigger_migration", "0,1"};
    CHECK_OK(hestia_initialize(NULL, NULL, NULL));
    put_text(ONE, HESTIA_CREATE, "some data", 0);
    check_news("create", ONE, "size: 9");
    CHECK_OK(hestia_object_set_attrs(&id, &pair, 1));
    check_news("update", ONE, "trigger_migration: \"0,1\"");
    CHECK_OK(hestia_object_copy(&id, 0, 1));
    check_news("update", ONE, "index: 1");
    /* A move is a copy that comes and one that goes. */
    CHECK_OK(hestia_object_move(&id, 0, 2));
    check_documents(2, "update", ONE, "index: 2");
    CHECK_OK(hestia_object_release(&id, 1, 1));
    check_news("update", ONE, "index: 2");
    CHECK_CONTENT(ONE, "some data");
    check_news("read", ONE, "time: ");
    put_text(ONE, HESTIA_UPDATE, "other", 0);
    check_news("update", ONE, "size: 5");
    CHECK_OK(hestia_object_remove(&id));
    check_news("remove", ONE, "time: ");

    /* Nothing failed or missing is told of. */
    CHECK_CODE(hestia_object_remove(&id), HESTIA_ERROR_NOT_FOUND);
    CHECK(strcmp(news(".cache/hestia/event_feed.yaml"), "") == 0);
    CHECK_OK(hestia_finish());
    return 0;
}
