/*
 * The mirror of the policy engine: what it knows of the objects of a store, in a SQLite database of its own.
 *
 * Of hsm it shows nothing but the position: how far the mirror has followed the feed stands in the mirror itself and
 * changes in the same transaction as the rows. Whatever kills the engine, the rows are those of that position, so nothing
 * of the feed is missing from them and nothing is in them twice.
 */
#ifndef MIRROR_H
#define MIRROR_H

#include "say.h"

#include <inttypes.h>
#include <sqlite3.h>

/* What is asked of the mirror. */
enum statement {
    BEGIN,
    COMMIT,
    ROLLBACK,
    GET_STATE,
    SET_STATE,
    PUT_OBJECT,
    DROP_OBJECT,
    DROP_ALL_OBJECTS,
    COUNT_OBJECTS,
    LIST_OBJECTS,
    PUT_TIER,
    NOTE_CHANGED,
    LIST_CHANGED,
    FORGET_CHANGED,
    ADD_HINT,
    ADD_HINT_FOUND,
    MARK_DONE,
    NEXT_HINT,
    DROP_HINT,
    DROP_ALL_HINTS,
    NEXT_UNUSED,
    KEEP,
    STATEMENTS
};

static const char mirror_tables[] =
    /* The only row (one = 1): which store this is the mirror of, and how far it was followed. */
    "CREATE TABLE IF NOT EXISTS state(one INTEGER PRIMARY KEY CHECK (one = 1), store TEXT, epoch INTEGER, number INTEGER);"
    /* Times are in nanoseconds since 1970. Tiers are written such as 0,2, with a comma behind each. */
    "CREATE TABLE IF NOT EXISTS objects(id TEXT PRIMARY KEY, size INTEGER, created INTEGER, modified INTEGER, accessed INTEGER,"
    " tiers TEXT, key BLOB, kept INTEGER DEFAULT 0) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS tiers(number INTEGER PRIMARY KEY, name TEXT);"
    /* Hints that are not enacted yet, by the number of the change that gave them. */
    "CREATE TABLE IF NOT EXISTS hints(number INTEGER, id TEXT, source INTEGER, target INTEGER, done INTEGER DEFAULT 0,"
    " PRIMARY KEY (number, id)) WITHOUT ROWID;";

static const char *const mirror_sql[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [GET_STATE] = "SELECT store, epoch, number FROM state",
    [SET_STATE] = "INSERT OR REPLACE INTO state VALUES (1, ?1, ?2, ?3)",
    [PUT_OBJECT] = "INSERT OR REPLACE INTO objects(id, size, created, modified, accessed, tiers, key) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [DROP_OBJECT] = "DELETE FROM objects WHERE id = ?1",
    [DROP_ALL_OBJECTS] = "DELETE FROM objects",
    [COUNT_OBJECTS] = "SELECT count(*) FROM objects",
    [LIST_OBJECTS] = "SELECT id, size, tiers, key FROM objects WHERE ?1 IS NULL OR id = ?1 ORDER BY id",
    [PUT_TIER] = "INSERT OR REPLACE INTO tiers VALUES (?1, ?2)",
    [NOTE_CHANGED] = "INSERT OR IGNORE INTO changed VALUES (?1)",
    [LIST_CHANGED] = "SELECT id FROM changed",
    [FORGET_CHANGED] = "DELETE FROM changed",
    [ADD_HINT] = "INSERT OR IGNORE INTO hints(number, id, source, target) VALUES (?1, ?2, ?3, ?4)",
    [ADD_HINT_FOUND] = "INSERT OR IGNORE INTO hints(number, id, source, target) SELECT ?1, ?2, ?3, ?4"
                       " WHERE NOT EXISTS (SELECT 1 FROM hints WHERE id = ?2 AND source = ?3 AND target = ?4)",
    [MARK_DONE] = "UPDATE hints SET done = 1 WHERE id = ?1 AND source = ?2 AND number < ?3",
    [NEXT_HINT] = "SELECT number, id, source, target, done FROM hints WHERE (number, id) > (?1, ?2) ORDER BY number, id LIMIT 1",
    [DROP_HINT] = "DELETE FROM hints WHERE number = ?1 AND id = ?2",
    [DROP_ALL_HINTS] = "DELETE FROM hints",
    [NEXT_UNUSED] = "SELECT id FROM objects WHERE id > ?1 AND max(modified, accessed) < ?2 AND kept = 0"
                    " AND ',' || tiers LIKE '%,' || ?3 || ',%' AND tiers <> ?3 || ',' ORDER BY id LIMIT 1",
    [KEEP] = "UPDATE objects SET kept = 1 WHERE id = ?1",
};

struct mirror {
    sqlite3 *database;
    sqlite3_stmt *statements[STATEMENTS];
};

/* Says what SQLite refused. Returns -1. */
static inline int mirror_failed(const struct mirror *mirror, const char *what)
{
    say("cannot %s the mirror: %s", what, sqlite3_errmsg(mirror->database));
    return -1;
}

/* Closes a mirror, open or not. What was not committed is as if it had never been. */
static inline void mirror_close(struct mirror *mirror)
{
    for (int at = 0; at < STATEMENTS; at++)
        sqlite3_finalize(mirror->statements[at]);
    sqlite3_close(mirror->database);
    memset(mirror, 0, sizeof *mirror);
}

/* Opens a mirror, and makes it where it is missing and `create` is 1. */
static inline int mirror_open(struct mirror *mirror, const char *path, int create)
{
    int flags = SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0);
    memset(mirror, 0, sizeof *mirror);
    if (sqlite3_open_v2(path, &mirror->database, flags, NULL) != SQLITE_OK)
        return mirror_failed(mirror, "open");
    sqlite3_busy_timeout(mirror->database, 10000);
    /*
     * FULL: a commit is on the medium when it returns. With less, a power loss could take back rows whose events were
     * acknowledged by then, and no feed would bring them again.
     */
    if (sqlite3_exec(mirror->database, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;", NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(mirror->database, mirror_tables, NULL, NULL, NULL) != SQLITE_OK ||
        /* Objects to be looked at again: while one batch of events is read. */
        sqlite3_exec(mirror->database, "CREATE TEMP TABLE changed(id TEXT PRIMARY KEY) WITHOUT ROWID", NULL, NULL, NULL) != SQLITE_OK)
        return mirror_failed(mirror, "prepare");
    for (int at = 0; at < STATEMENTS; at++)
        if (sqlite3_prepare_v2(mirror->database, mirror_sql[at], -1, &mirror->statements[at], NULL) != SQLITE_OK)
            return mirror_failed(mirror, "prepare");
    return 0;
}

/* Runs a statement to its end, and makes it ready for the next time. */
static inline int mirror_run(struct mirror *mirror, enum statement which)
{
    sqlite3_stmt *statement = mirror->statements[which];
    int done = sqlite3_step(statement);
    sqlite3_reset(statement);
    return done == SQLITE_DONE || done == SQLITE_ROW ? 0 : mirror_failed(mirror, "change");
}

/* The next row of a statement: 1; 0 behind the last, and then it is ready for the next time; -1 when it failed. */
static inline int mirror_row(struct mirror *mirror, enum statement which)
{
    int got = sqlite3_step(mirror->statements[which]);
    if (got == SQLITE_ROW)
        return 1;
    sqlite3_reset(mirror->statements[which]);
    return got == SQLITE_DONE ? 0 : mirror_failed(mirror, "read");
}

/* The text of a column; it lives until the next row. */
static inline const char *mirror_text(struct mirror *mirror, enum statement which, int column)
{
    const char *text = (const char *)sqlite3_column_text(mirror->statements[which], column);
    return text != NULL ? text : "";
}

static inline void mirror_bind_text(struct mirror *mirror, enum statement which, int at, const char *text)
{
    sqlite3_bind_text(mirror->statements[which], at, text, -1, SQLITE_TRANSIENT);
}

static inline void mirror_bind(struct mirror *mirror, enum statement which, int at, int64_t number)
{
    sqlite3_bind_int64(mirror->statements[which], at, number);
}

/* Takes back what was not committed. */
static inline void mirror_undo(struct mirror *mirror)
{
    if (mirror->database != NULL && !sqlite3_get_autocommit(mirror->database))
        mirror_run(mirror, ROLLBACK);
}

/* Ends a transaction at a position of the feed: from here on the mirror says that it is there. */
static inline int mirror_commit(struct mirror *mirror, const char *store, const hsm_position *position)
{
    mirror_bind_text(mirror, SET_STATE, 1, store);
    mirror_bind(mirror, SET_STATE, 2, (int64_t)position->epoch);
    mirror_bind(mirror, SET_STATE, 3, (int64_t)position->number);
    return mirror_run(mirror, SET_STATE) != 0 ? -1 : mirror_run(mirror, COMMIT);
}

/* Where the mirror of a store stands: 1; 0: it is none yet, or one of another store; -1 when that failed. */
static inline int mirror_position(struct mirror *mirror, const char *store, hsm_position *position)
{
    int got = mirror_row(mirror, GET_STATE);
    if (got != 1)
        return got;
    position->epoch = (uint64_t)sqlite3_column_int64(mirror->statements[GET_STATE], 1);
    position->number = (uint64_t)sqlite3_column_int64(mirror->statements[GET_STATE], 2);
    got = strcmp(mirror_text(mirror, GET_STATE, 0), store) == 0;
    sqlite3_reset(mirror->statements[GET_STATE]);
    return got;
}

#endif
