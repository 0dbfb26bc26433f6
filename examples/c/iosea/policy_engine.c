/*
 * Keeps a mirror of the store in a SQLite database, follows the file of events, and moves what hints ask for.
 *
 *     hestia_policy_engine listen|query <cache_dir> [host]
 *
 * listen makes <cache_dir>/policy_engine_db.db true, prints `listening`, and follows until SIGTERM or SIGINT. query prints
 * the mirror, an object a line: id, size in bytes, tiers. A hint is the attribute trigger_migration=<source>,<target>.
 * The host is accepted and not used: the store is on this machine.
 *
 * An event only says which object to look at; what the mirror has comes from the object. So the engine may be killed at any
 * moment: the next one looks at every object before it follows, and events that it sees twice change nothing. A hint
 * is in the mirror before it is taken off the object, and stays there until the move was seen. One that is set in the instant
 * between the look and the taking is lost: docs/iosea.md says why.
 *
 *     cc -o hestia_policy_engine policy_engine.c $(pkg-config --cflags --libs hestia sqlite3)
 */
#include "dataset.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

/* How long to wait before the file is looked at again, in milliseconds, and after how many waits a move is tried again. */
enum { WAIT_MS = 200, RETRY_WAITS = 50 };

static const char hint_key[] = "trigger_migration";
static volatile sig_atomic_t is_stopped;
static sqlite3 *mirror;

static void stop(int number)
{
    (void)number;
    is_stopped = 1;
}

/* Runs a statement with texts for its ?1, ?2 and so on. Without its mirror the engine cannot go on, so it ends. */
static void run(const char *sql, int count, const char *const texts[])
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(mirror, sql, -1, &statement, NULL);
    for (int at = 0; code == SQLITE_OK && at < count; at++)
        code = sqlite3_bind_text(statement, at + 1, texts[at], -1, SQLITE_TRANSIENT);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    sqlite3_finalize(statement);
    if (code != SQLITE_DONE && code != SQLITE_ROW) {
        fprintf(stderr, "cannot change the mirror: %s\n", sqlite3_errmsg(mirror));
        exit(1);
    }
}

static int open_mirror(const char *cache_dir)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/policy_engine_db.db", cache_dir) >= (int)sizeof path)
        return 1;
    if (sqlite3_open(path, &mirror) != SQLITE_OK) {
        fprintf(stderr, "cannot open %s: %s\n", path, sqlite3_errmsg(mirror));
        return 1;
    }
    sqlite3_busy_timeout(mirror, 10000);
    run("CREATE TABLE IF NOT EXISTS objects(id TEXT PRIMARY KEY, modified_time INT, created_time INT, accessed_time INT,"
        " size INT, tiers TEXT)", 0, NULL);
    run("CREATE TABLE IF NOT EXISTS tiers(priority INT PRIMARY KEY)", 0, NULL);
    /* Hints that were not enacted yet, the last one of an object. */
    run("CREATE TABLE IF NOT EXISTS hints(id TEXT PRIMARY KEY, hint TEXT)", 0, NULL);
    return 0;
}

static const char *hint_of(const HestiaObject *object)
{
    for (size_t at = 0; at < object->m_num_attrs; at++)
        if (strcmp(object->m_attrs[at].m_key, hint_key) == 0)
            return object->m_attrs[at].m_value;
    return "";
}

/* Makes the mirror say of an object what is true now. */
static int observe(char *uuid)
{
    HestiaId id = id_of(uuid);
    HestiaObject object;
    char numbers[4][24], tiers[256 * 4 + 1] = "";
    int code = hestia_object_get_attrs(&id, &object);
    if (code == HESTIA_ERROR_NOT_FOUND) {
        run("DELETE FROM objects WHERE id = ?1", 1, (const char *[]){uuid});
        run("DELETE FROM hints WHERE id = ?1", 1, (const char *[]){uuid});
        return 0;
    }
    if (failed(code, "cannot look at", uuid))
        return 1;
    const long long values[] = {object.m_mtime, object.m_creation_time, object.m_atime, (long long)object.m_size};
    for (int at = 0; at < 4; at++)
        snprintf(numbers[at], sizeof numbers[at], "%lld", values[at]);
    for (size_t at = 0, used = 0; at < object.m_num_tier_extents && used + 5 < sizeof tiers; at++)
        used += (size_t)snprintf(tiers + used, 5, "%d,", object.m_tier_extents[at].m_tier_index);
    run("INSERT OR REPLACE INTO objects VALUES (?1, ?2, ?3, ?4, ?5, ?6)", 6,
        (const char *[]){uuid, numbers[0], numbers[1], numbers[2], numbers[3], tiers});
    if (*hint_of(&object) != 0)
        run("INSERT OR REPLACE INTO hints VALUES (?1, ?2)", 2, (const char *[]){uuid, hint_of(&object)});
    hestia_init_object(&object);
    return 0;
}

/* Looks at every object, and drops from the mirror what is none any more. */
static int observe_all(void)
{
    uint8_t *tiers = NULL;
    size_t count = 0;
    char *ids = NULL;
    int length = 0, total = 0, is_wrong = 0;
    if (failed(hestia_list_tiers(&tiers, &count), "cannot list", "the tiers"))
        return 1;
    run("BEGIN IMMEDIATE", 0, NULL);
    run("DELETE FROM tiers", 0, NULL);
    for (size_t at = 0; at < count; at++) {
        char number[8];
        snprintf(number, sizeof number, "%d", tiers[at]);
        run("INSERT INTO tiers VALUES (?1)", 1, (const char *[]){number});
    }
    hestia_free_tier_ids(&tiers);
    run("DELETE FROM objects", 0, NULL);
    is_wrong = failed(hestia_read(HESTIA_OBJECT, HESTIA_QUERY_NONE, HESTIA_ID_NONE, 0, 0, NULL, 0, HESTIA_IO_IDS, &ids, &length,
                                  &total), "cannot list", "the objects");
    char *end = ids != NULL ? ids + length : NULL;
    for (char *at = ids; !is_wrong && at != NULL && at < end;) {
        char uuid[37] = "";
        char *line = memchr(at, '\n', (size_t)(end - at));
        size_t size = (size_t)((line != NULL ? line : end) - at);
        if (size >= 36) {
            memcpy(uuid, at, 36);
            is_wrong = observe(uuid);
        }
        at += size + 1;
    }
    hestia_free_output(&ids);
    run("DELETE FROM hints WHERE id NOT IN (SELECT id FROM objects)", 0, NULL);
    run(is_wrong ? "ROLLBACK" : "COMMIT", 0, NULL);
    return is_wrong;
}

static int has_tier(const HestiaObject *object, int tier)
{
    for (size_t at = 0; at < object->m_num_tier_extents; at++)
        if (object->m_tier_extents[at].m_tier_index == tier)
            return 1;
    return 0;
}

/* Enacts the hint of an object. Answers whether it is dealt with; else it is tried again later. */
static int enact(char *uuid, const char *hint)
{
    HestiaId id = id_of(uuid);
    HestiaObject object;
    HestiaKeyValuePair clear = {(char *)hint_key, ""};
    int source = -1, target = -1, end = 0;
    int code = hestia_object_get_attrs(&id, &object);
    if (code == HESTIA_ERROR_NOT_FOUND)
        return 1;
    if (failed(code, "cannot look at", uuid))
        return 0;
    int is_on_source = 0, is_on_target = 0, is_given = strcmp(hint_of(&object), hint) == 0;
    int is_hint = sscanf(hint, "%3d,%3d%n", &source, &target, &end) == 2 && hint[end] == 0 && source >= 0 && source < 256 &&
                  target >= 0 && target < 256 && source != target;
    if (is_hint) {
        is_on_source = has_tier(&object, source);
        is_on_target = has_tier(&object, target);
    }
    hestia_init_object(&object);
    if (is_given && failed(hestia_object_set_attrs(&id, &clear, 1), "cannot clear the hint of", uuid))
        return 0;
    if (!is_hint || (!is_on_source && !is_on_target)) {
        fprintf(stderr, "the hint %s of %s is dropped: %s\n", hint, uuid,
                is_hint ? "the object is not on the tier" : "it is no source,target such as 0,1");
        return 1;
    }
    if (is_on_source) {
        code = hestia_object_move(&id, (uint8_t)source, (uint8_t)target);
        if (failed(code, "cannot move", uuid))
            return code == HESTIA_ERROR_NOT_FOUND;
        printf("moved %s from %d to %d\n", uuid, source, target);
    }
    return 1;
}

static void enact_all(void)
{
    sqlite3_stmt *statement = NULL;
    char uuid[37] = "";
    /* One after another by id: what a row holds is copied before the table changes. */
    while (sqlite3_prepare_v2(mirror, "SELECT id, hint FROM hints WHERE id > ?1 ORDER BY id LIMIT 1", -1, &statement, NULL) ==
               SQLITE_OK &&
           sqlite3_bind_text(statement, 1, uuid, -1, SQLITE_TRANSIENT) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(statement, 1);
        char *hint = strcpy(needed(malloc(strlen(text) + 1)), text);
        snprintf(uuid, sizeof uuid, "%s", (const char *)sqlite3_column_text(statement, 0));
        sqlite3_finalize(statement);
        statement = NULL;
        if (enact(uuid, hint))
            run("DELETE FROM hints WHERE id = ?1 AND hint = ?2", 2, (const char *[]){uuid, hint});
        free(hint);
    }
    sqlite3_finalize(statement);
}

/* The file of events as far as it was read. A line is kept until its end is there, an id until its document is whole. */
typedef struct {
    char path[4096];
    int fd;
    off_t offset;
    char line[512];
    size_t used;
    char uuid[37];
} Feed;

static void begin_feed(Feed *feed, int is_at_end)
{
    feed->fd = open(feed->path, O_RDONLY | O_CLOEXEC);
    feed->offset = is_at_end && feed->fd >= 0 ? lseek(feed->fd, 0, SEEK_END) : 0;
    feed->used = 0;
    feed->uuid[0] = 0;
}

/* Takes a whole line; of a long one, the beginning. Only the id and the end of a document matter, at the line's begin. */
static int take_line(Feed *feed)
{
    feed->line[feed->used] = 0;
    feed->used = 0;
    if (strncmp(feed->line, "id: \"", 5) == 0)
        snprintf(feed->uuid, sizeof feed->uuid, "%.36s", feed->line + 5);
    if (strcmp(feed->line, "...") != 0 || feed->uuid[0] == 0)
        return 0;
    int is_wrong = observe(feed->uuid);
    feed->uuid[0] = 0;
    return is_wrong;
}

/* Reads what is new; answers 1 where anything was, 0 where not, -1 where all objects have to be looked at again. */
static int follow(Feed *feed)
{
    static char bytes[65536];
    ssize_t got = feed->fd < 0 ? 0 : pread(feed->fd, bytes, sizeof bytes, feed->offset);
    if (got > 0) {
        int is_wrong = 0;
        run("BEGIN IMMEDIATE", 0, NULL);
        for (ssize_t at = 0; at < got; at++)
            if (bytes[at] == '\n')
                is_wrong |= take_line(feed);
            else if (feed->used + 1 < sizeof feed->line)
                feed->line[feed->used++] = bytes[at];
        run("COMMIT", 0, NULL);
        feed->offset += got;
        return is_wrong ? -1 : 1;
    }
    /* Nothing more in this file, but another one may lie under its name by now. */
    struct stat open_one, named;
    if (stat(feed->path, &named) != 0)
        return got < 0 ? -1 : 0;
    int is_same = feed->fd >= 0 && fstat(feed->fd, &open_one) == 0 && open_one.st_ino == named.st_ino && open_one.st_dev == named.st_dev;
    if (got == 0 && is_same && named.st_size >= feed->offset)
        return 0;
    if (feed->fd >= 0)
        close(feed->fd);
    begin_feed(feed, 0);
    /* What a rotation, or a file cut short, took away unseen is in the objects still. */
    return -1;
}

static int listen_to(const char *cache_dir)
{
    static Feed feed;
    struct timespec wait = {0, WAIT_MS * 1000000L};
    int waits = 0, is_due = 1, is_stale = 0;
    snprintf(feed.path, sizeof feed.path, "%s/event_feed.yaml", cache_dir);
    /* From where the file ends before the objects are looked at: no change is between the two. A document that is being
     * written meanwhile is of a change that is in the objects already. */
    begin_feed(&feed, 1);
    if (observe_all())
        return 1;
    puts("listening");
    while (!is_stopped) {
        if (is_due || ++waits >= RETRY_WAITS) {
            enact_all();
            waits = 0;
        }
        int got = follow(&feed);
        is_stale |= got < 0;
        if (is_stale)
            is_stale = observe_all();
        is_due = got != 0 && !is_stale;
        if (!is_due)
            nanosleep(&wait, NULL);
    }
    if (feed.fd >= 0)
        close(feed.fd);
    return 0;
}

static int print_row(void *context, int count, char **values, char **names)
{
    (void)context, (void)count, (void)names;
    printf("%s %s %s\n", values[0], values[1], values[2]);
    return 0;
}

int main(int count, char **arguments)
{
    int is_listen = count > 1 && strcmp(arguments[1], "listen") == 0;
    if (count < 3 || count > 4 || (!is_listen && strcmp(arguments[1], "query") != 0)) {
        fprintf(stderr, "usage: hestia_policy_engine listen|query <cache_dir> [host]\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGTERM, stop);
    signal(SIGINT, stop);
    int is_wrong;
    if (is_listen) {
        is_wrong = setenv("HESTIA_CACHE_DIR", arguments[2], 1) != 0 ||
                   failed(hestia_initialize(NULL, NULL, NULL), "cannot begin", "the client");
        if (!is_wrong) {
            is_wrong = open_mirror(arguments[2]) || listen_to(arguments[2]);
            is_wrong |= failed(hestia_finish(), "cannot end", "the client");
        }
    } else {
        is_wrong = open_mirror(arguments[2]) ||
                   sqlite3_exec(mirror, "SELECT id, size, tiers FROM objects ORDER BY id", print_row, NULL, NULL) != SQLITE_OK;
    }
    sqlite3_close(mirror);
    return is_wrong;
}
