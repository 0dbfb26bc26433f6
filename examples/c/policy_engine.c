/*
 * policy_engine: keeps a mirror of an hsm store in a database of its own, follows the store's feed, and moves data.
 *
 *     cc -o policy_engine examples/c/policy_engine.c $(pkg-config --cflags --libs hsm sqlite3)
 *
 * A policy engine runs outside of the store: it decides, and hsm does. This one shows how such a program is built over
 * hsm.h alone, so that it may be killed at any moment and neither misses nor repeats anything. It enacts a hint, the
 * attribute trigger_migration=<from>,<to> that users set on objects, and a rule of its own: what was not used for a time
 * is released from a tier. This file is the command line and the frame; the work is in parts/:
 *
 *     mirror.h   the database: rows, and the position up to which they are true; no hsm in it
 *     observe.h  a subscriber, a listing, events
 *     enact.h    hints, moves, releases
 *     say.h      errors
 */
#define _POSIX_C_SOURCE 200809L

#include "parts/enact.h"

#include <signal.h>

enum { EXIT_DONE = 0, EXIT_ERROR = 1, EXIT_USAGE = 2, EXIT_WAITING = 3 };

static const char help[] =
    "Keeps a mirror of an hsm store, follows the store's feed, and moves data as hints and a rule ask for.\n"
    "\n"
    "Usage: policy_engine COMMAND OPTION...\n"
    "\n"
    "  sync    brings the mirror up to date, enacts what is due, and ends; makes the mirror where there is none\n"
    "  listen  the same, and goes on with what comes, until it is told to stop (SIGTERM, or Ctrl-C)\n"
    "  query   prints the mirror, an object a line: id, size in bytes, tiers, key\n"
    "\n"
    "  --mirror FILE   the mirror, a SQLite database\n"
    "  --store DIR     sync, listen: the store\n"
    "  --name NAME     sync, listen: the subscriber in whose name the store is followed (default: policy-engine)\n"
    "  --release TIER,SECONDS\n"
    "                  sync, listen: the rule. What lies on TIER and on another tier too, and was neither read nor\n"
    "                  changed nor brought there for so long, is released from TIER\n"
    "  --object ID     query: this object only\n"
    "  --help          print this text\n"
    "\n"
    "A hint is the attribute trigger_migration of an object, such as 0,1: the object is moved from tier 0 to tier 1, and\n"
    "the attribute taken away. What is seen and done is printed, one line each. Where a tier is full or out of reach, the\n"
    "move is tried again later. The engine may be killed at any moment: the next goes on where it was.\n"
    "\n"
    "Exits with\n"
    "  0  when all was done\n"
    "  1  when it failed, or the object is not there; the reason is on stderr\n"
    "  2  when the command line is wrong\n"
    "  3  when all was done but for what has to wait, which was named on stderr\n";

/* How long to wait for an event before the rule is looked at again, in milliseconds. An event ends the wait at once. */
#define WAIT_MS 500

static volatile sig_atomic_t is_stopped;

static void stop(int signal_number)
{
    (void)signal_number;
    is_stopped = 1;
}

/* Says that the command line is wrong. */
static int usage(const char *what, const char *why)
{
    say("%s %s; see %s --help", what, why, program_name);
    return EXIT_USAGE;
}

static int read_arguments(struct engine *engine, int count, char **arguments, const char **object)
{
    const char *rule = NULL;
    const struct {
        const char *name, **value;
    } options[] = {
        {"--store", &engine->store_path}, {"--mirror", &engine->mirror_path}, {"--name", &engine->subscriber},
        {"--release", &rule}, {"--object", object},
    };
    if (count < 2)
        return usage("a command", "is needed");
    int is_query = strcmp(arguments[1], "query") == 0;
    if (!is_query && strcmp(arguments[1], "sync") != 0 && strcmp(arguments[1], "listen") != 0)
        return usage(arguments[1], "is no command");
    for (int at = 2; at < count; at += 2) {
        size_t option = 0;
        while (option < sizeof options / sizeof *options && strcmp(options[option].name, arguments[at]) != 0)
            option++;
        if (option == sizeof options / sizeof *options)
            return usage(arguments[at], "is no option");
        if (at + 1 == count)
            return usage(arguments[at], "needs a value");
        *options[option].value = arguments[at + 1];
    }
    if (engine->mirror_path == NULL)
        return usage("--mirror", "is needed");
    if (is_query && (engine->store_path != NULL || engine->subscriber != NULL || rule != NULL))
        return usage("query", "takes --mirror and --object only");
    if (!is_query && (engine->store_path == NULL || *object != NULL))
        return usage(arguments[1], "needs --store, and takes no --object");
    if (engine->subscriber == NULL)
        engine->subscriber = "policy-engine";
    engine->release_tier = -1;
    int end = 0;
    if (rule != NULL && (sscanf(rule, "%3" SCNd32 ",%9" SCNd64 "%n", &engine->release_tier, &engine->release_after_s, &end) != 2 ||
                         rule[end] != 0 || engine->release_tier < 0 || engine->release_tier > 255 || engine->release_after_s < 0))
        return usage(rule, "is no rule such as 0,86400: a tier, and seconds");
    return 0;
}

/* Opens the store. It has to be there. */
static int open_store(struct engine *engine)
{
    hsm_error *error = NULL;
    hsm_store_options *options = NULL;
    hsm_id id;
    int outcome = 0;
    if (hsm_store_options_new(&options, &error) != HSM_STATUS_OK ||
        hsm_store_options_set_create(options, HSM_CREATE_NEVER, &error) != HSM_STATUS_OK ||
        hsm_store_open(engine->store_path, SIZE_MAX, options, &engine->store, &error) != HSM_STATUS_OK ||
        hsm_store_id(engine->store, &id, &error) != HSM_STATUS_OK ||
        hsm_id_format(&id, engine->store_id, sizeof engine->store_id, &error) != HSM_STATUS_OK)
        outcome = failed(error, "open the store");
    hsm_store_options_free(options);
    return outcome;
}

/* Does what is due. What is done comes back as events. */
static int enact(struct engine *engine)
{
    return enact_hints(engine) != 0 || enact_rule(engine) != 0 ? -1 : 0;
}

static int run(struct engine *engine, int is_listen)
{
    /* Nothing is enacted before all of the feed was read: it may tell of what was done right before the engine was killed. */
    if (open_store(engine) != 0 || mirror_open(&engine->mirror, engine->mirror_path, 1) != 0 || begin_to_observe(engine) != 0 ||
        catch_up(engine) != 0 || enact(engine) != 0 || catch_up(engine) != 0)
        return -1;
    if (is_listen)
        puts("listening");
    while (is_listen && !is_stopped)
        if (observe(engine, WAIT_MS) < 0 || enact(engine) != 0)
            return -1;
    printf("%" PRIu64 " events, %" PRIu64 " moved, %" PRIu64 " released\n", engine->events, engine->moved, engine->released);
    return 0;
}

/* Prints the mirror. */
static int query(struct engine *engine, const char *object)
{
    struct mirror *mirror = &engine->mirror;
    int got, count = 0;
    if (mirror_open(mirror, engine->mirror_path, 0) != 0)
        return -1;
    if (object != NULL)
        mirror_bind_text(mirror, LIST_OBJECTS, 1, object);
    while ((got = mirror_row(mirror, LIST_OBJECTS)) == 1) {
        sqlite3_stmt *row = mirror->statements[LIST_OBJECTS];
        const char *tiers = mirror_text(mirror, LIST_OBJECTS, 2);
        size_t length = strlen(tiers);
        printf("%s %" PRId64 " %.*s ", mirror_text(mirror, LIST_OBJECTS, 0), (int64_t)sqlite3_column_int64(row, 1),
               length > 0 ? (int)length - 1 : 1, length > 0 ? tiers : "-");
        print_name(stdout, sqlite3_column_blob(row, 3), (size_t)sqlite3_column_bytes(row, 3));
        putchar('\n');
        count++;
    }
    if (got == 0 && object != NULL && count == 0) {
        say("no object %s", object);
        return -1;
    }
    return got;
}

int main(int count, char **arguments)
{
    static struct engine engine;
    hsm_error *error = NULL;
    const char *object = NULL;
    program_name = "policy_engine";
    for (int at = 1; at < count; at++)
        if (strcmp(arguments[at], "--help") == 0)
            return fputs(help, stdout) < 0 || fflush(stdout) != 0 ? EXIT_ERROR : EXIT_DONE;
    int code = read_arguments(&engine, count, arguments, &object);
    if (code != 0)
        return code;
    /* Whoever reads what is printed sees it as it happens. */
    setvbuf(stdout, NULL, _IOLBF, 0);
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    int outcome = strcmp(arguments[1], "query") == 0 ? query(&engine, object) : run(&engine, strcmp(arguments[1], "listen") == 0);
    mirror_undo(&engine.mirror);
    mirror_close(&engine.mirror);
    hsm_subscription_free(engine.subscription);
    if (engine.store != NULL && hsm_store_close(engine.store, &error) != HSM_STATUS_OK)
        outcome = failed(error, "close the store");
    hsm_store_free(engine.store);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        say("cannot write to stdout");
        outcome = -1;
    }
    return outcome != 0 ? EXIT_ERROR : engine.is_waiting ? EXIT_WAITING : EXIT_DONE;
}
