/* A program with a SQLite of its own beside libhsm.a. Both are in use at once, and each is its owner's: the one of
 * this program was built without the write-ahead log, which that of hsm cannot work without. */
#include <hsm.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                   \
    do {                                                                   \
        if (!(condition)) {                                                \
            fprintf(stderr, "line %d: not so: %s\n", __LINE__, #condition); \
            exit(1);                                                       \
        }                                                                  \
    } while (0)

static hsm_store *open_store(const char *directory)
{
    char path[4096];
    hsm_store *store = NULL;
    hsm_error *error = NULL;
    snprintf(path, sizeof path, "%s/store", directory);
    hsm_status status = hsm_store_open(path, SIZE_MAX, NULL, &store, &error);
    if (status != HSM_STATUS_OK)
        fprintf(stderr, "%s\n", hsm_error_message(error));
    CHECK(status == HSM_STATUS_OK);
    return store;
}

static sqlite3 *open_database(const char *directory)
{
    char path[4096];
    sqlite3 *database = NULL;
    snprintf(path, sizeof path, "%s/own.db", directory);
    CHECK(sqlite3_open(path, &database) == SQLITE_OK);
    return database;
}

/* Keeps the first column of the only row. */
static int keep(void *answer, int count, char **columns, char **names)
{
    (void)names;
    CHECK(count == 1);
    snprintf(answer, 32, "%s", columns[0]);
    return 0;
}

static void ask(sqlite3 *database, const char *question, const char *wanted)
{
    char answer[32] = "";
    CHECK(sqlite3_exec(database, question, keep, answer, NULL) == SQLITE_OK);
    CHECK(strcmp(answer, wanted) == 0);
}

int main(int count, char **arguments)
{
    CHECK(count == 2);
    CHECK(sqlite3_compileoption_used("OMIT_WAL"));

    sqlite3 *database = open_database(arguments[1]);
    hsm_store *store = open_store(arguments[1]);
    ask(database, "CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (41)", "");
    ask(database, "PRAGMA journal_mode = WAL", "delete");
    CHECK(hsm_store_snapshot(store, NULL, NULL) == HSM_STATUS_OK);
    ask(database, "UPDATE t SET n = n + 1; SELECT n FROM t", "42");

    /* One may go before the other, and come back. */
    CHECK(sqlite3_close(database) == SQLITE_OK);
    CHECK(sqlite3_shutdown() == SQLITE_OK);
    CHECK(hsm_store_maintain(store, NULL, 0, NULL) == HSM_STATUS_OK);
    CHECK(hsm_store_close(store, NULL) == HSM_STATUS_OK);
    hsm_store_free(store);
    database = open_database(arguments[1]);
    ask(database, "SELECT n FROM t", "42");
    store = open_store(arguments[1]);
    hsm_store_free(store);
    CHECK(sqlite3_close(database) == SQLITE_OK);
    return 0;
}
