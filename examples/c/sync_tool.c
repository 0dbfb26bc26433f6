/*
 * sync_tool: keeps a tree of files as a dataset of an hsm store, and brings it back.
 *
 *     cc -o sync_tool -pthread examples/c/sync_tool.c $(pkg-config --cflags --libs hsm)
 *
 * It stands on hsm.h and POSIX alone. This file is the command line and the frame: open the store, find the
 * dataset, do the work, say what was done, close. The work is in parts/, and each part says at its top what it shows
 * of hsm:
 *
 *     say.h      errors
 *     entry.h    attributes: how an entry of a tree becomes an object (docs/datasets.md)
 *     stored.h   queries and cursors: what the dataset holds
 *     pending.h  put options and batches
 *     bytes.h    readers
 *     archive.h  writers, removal, objects with several keys: archive, sync and check
 *     restore.h  restore, with target.h, delete.h and finish.h
 *     place.h    directories that nothing leads out of; no hsm in it
 *     walk.h     a tree in the order of keys; no hsm in it
 *     map.h      a table; no hsm in it
 */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE /* For d_type, where it is. */
#define _FILE_OFFSET_BITS 64

#include "parts/archive.h"
#include "parts/restore.h"

/* What the program exits with. */
enum {
    EXIT_DONE = 0,
    EXIT_ERROR = 1,
    EXIT_USAGE = 2,
    EXIT_INCOMPLETE = 3,
    EXIT_DIFFERENT = 4
};

static const char help[] =
    "Keeps a tree of files as a dataset of an hsm store, and brings it back.\n"
    "\n"
    "Usage: sync_tool COMMAND --store DIR --dataset NAME [OPTION...] TREE\n"
    "\n"
    "  archive   makes the dataset, and the store, where there is none, and brings TREE into it\n"
    "  sync      makes an existing dataset what TREE is now: sends only what changed, and removes what is gone\n"
    "  restore   makes TREE, which need not exist, what the dataset is; other files in it stay\n"
    "  check     says what differs between TREE and the dataset, and changes nothing\n"
    "  list      prints what the dataset holds; takes no TREE\n"
    "\n"
    "  --store DIR     the store\n"
    "  --dataset NAME  the dataset: one holds one tree\n"
    "  --tier N        archive, sync: put on this tier (default: the hottest that is active);\n"
    "                  restore: read from this tier only\n"
    "  --dry-run       say what would be done, and do nothing\n"
    "  --compare       read files whose size and time are those of the dataset too, and compare their bytes\n"
    "  --delete        restore: remove what TREE has and the dataset has not\n"
    "  --owner         restore: user and group as well, and set-user-id bits; needs to be root\n"
    "  --json          print the summary, or the list, as JSON: one object a line\n"
    "  --verbose       name each entry that is added, changed, removed, made\n"
    "  --quiet         print no summary and no progress\n"
    "  --help          print this text\n"
    "\n"
    "A file counts as unchanged when its size and the time of its last change, in nanoseconds, are those of the\n"
    "dataset. One that changes while it is read is tried three times; then it is passed over, and the dataset keeps\n"
    "what it had. A removed or replaced entry can be brought back while the store's grace window runs. Any run may be\n"
    "killed: the next does what is left. One run at a time may work on a dataset or a target. A restore does not sync\n"
    "what it wrote: sync(1) does.\n"
    "\n"
    "Exits with\n"
    "  0  when all was done\n"
    "  1  when it failed or was stopped half-way; the reason is on stderr\n"
    "  2  when the command line is wrong\n"
    "  3  when all was done but for entries that were named on stderr: they could not be read or written, changed all\n"
    "     the time, are sockets or devices, have too long a path, or were refused as unsafe\n"
    "  4  when check found differences\n";

/* Says what is wrong with the command line. */
static int usage(const char *what, const char *why)
{
    say("%s %s; see %s --help", what, why, program_name);
    return EXIT_USAGE;
}

/* An option that takes no value. */
static int *flag_of(struct tool *tool, const char *name)
{
    return strcmp(name, "--dry-run") == 0   ? &tool->dry_run
           : strcmp(name, "--compare") == 0 ? &tool->compare
           : strcmp(name, "--delete") == 0  ? &tool->delete_others
           : strcmp(name, "--owner") == 0   ? &tool->owner
           : strcmp(name, "--json") == 0    ? &tool->json
           : strcmp(name, "--verbose") == 0 ? &tool->verbose
           : strcmp(name, "--quiet") == 0   ? &tool->quiet
                                            : NULL;
}

static int is_command(const struct tool *tool, const char *name)
{
    return strcmp(tool->command, name) == 0;
}

/* Reads the command line. Returns 0, or EXIT_USAGE after it said what is wrong. */
static int read_arguments(struct tool *tool, int count, char **arguments)
{
    const char *tier = NULL;
    int only_names = 0;
    for (int at = 1; at < count; at++) {
        const char *argument = arguments[at];
        const char **value = strcmp(argument, "--store") == 0     ? &tool->store_path
                             : strcmp(argument, "--dataset") == 0 ? &tool->dataset_name
                             : strcmp(argument, "--tier") == 0    ? &tier
                                                                  : NULL;
        int *flag = flag_of(tool, argument);
        if (!only_names && strcmp(argument, "--") == 0) {
            only_names = 1;
        } else if (!only_names && value != NULL) {
            if (++at == count)
                return usage(argument, "needs a value");
            *value = arguments[at];
        } else if (!only_names && flag != NULL) {
            *flag = 1;
        } else if (!only_names && argument[0] == '-') {
            return usage(argument, "is no option");
        } else if (tool->command == NULL) {
            tool->command = argument;
        } else if (tool->tree == NULL) {
            tool->tree = argument;
        } else {
            return usage(argument, "is one argument too many");
        }
    }
    if (tool->command == NULL)
        return usage("a command", "is needed");
    int is_list = is_command(tool, "list"), is_restore = is_command(tool, "restore");
    int is_known = is_list || is_restore || is_command(tool, "archive") || is_command(tool, "sync") || is_command(tool, "check");
    if (!is_known)
        return usage(tool->command, "is no command");
    if (tool->store_path == NULL || tool->dataset_name == NULL)
        return usage(tool->command, "needs --store and --dataset");
    if ((tool->tree == NULL) != is_list)
        return usage(tool->command, is_list ? "takes no TREE" : "needs a TREE");
    if ((tool->delete_others || tool->owner) && !is_restore)
        return usage("--delete or --owner", "is an option of restore only");
    tool->tier = -1;
    if (tier != NULL) {
        uint64_t number;
        if (parse_number(tier, strlen(tier), 10, 255, &number) != 0)
            return usage(tier, "is no tier: they are numbered 0 to 255");
        tool->tier = (int32_t)number;
    }
    return 0;
}

/* Opens the store. Only archive makes one. */
static int open_store(struct tool *tool)
{
    hsm_error *error = NULL;
    hsm_store_options *options = NULL;
    int32_t create = is_command(tool, "archive") && !tool->dry_run ? HSM_CREATE_IF_MISSING : HSM_CREATE_NEVER;
    int outcome = 0;
    if (hsm_store_options_new(&options, &error) != HSM_STATUS_OK ||
        hsm_store_options_set_create(options, create, &error) != HSM_STATUS_OK ||
        hsm_store_open(tool->store_path, SIZE_MAX, options, &tool->store, &error) != HSM_STATUS_OK)
        outcome = failed(error, "open the store");
    hsm_store_options_free(options);
    return outcome;
}

/* Makes the dataset. That it holds a tree, and in which format, is said from the first moment. */
static int create_dataset(struct tool *tool)
{
    hsm_error *error = NULL;
    hsm_attributes *attributes = NULL;
    int outcome = 0;
    if (hsm_attributes_new(&attributes, &error) != HSM_STATUS_OK ||
        set_text(attributes, "tree_format", TREE_FORMAT, &error) != 0 ||
        hsm_dataset_create(tool->store, tool->dataset_name, SIZE_MAX, attributes, &tool->dataset, &error) != HSM_STATUS_OK)
        outcome = failed(error, "make the dataset");
    hsm_attributes_free(attributes);
    return outcome;
}

/* Finds the dataset, and makes sure that it holds a tree. Archive makes it where it is missing. */
static int open_dataset(struct tool *tool)
{
    hsm_error *error = NULL;
    hsm_dataset *dataset = NULL;
    const hsm_attributes *attributes = NULL;
    hsm_status status = hsm_dataset_find(tool->store, tool->dataset_name, SIZE_MAX, &tool->dataset, &error);
    if (status == HSM_STATUS_NOT_FOUND && is_command(tool, "archive") && !tool->dry_run) {
        hsm_error_free(error);
        return create_dataset(tool);
    }
    if (status != HSM_STATUS_OK || hsm_dataset_open(tool->store, &tool->dataset, &dataset, &error) != HSM_STATUS_OK ||
        hsm_dataset_attributes(dataset, &attributes, &error) != HSM_STATUS_OK) {
        hsm_dataset_free(dataset);
        return failed(error, "open the dataset");
    }
    size_t length;
    int outcome = 0;
    const char *format = get_text(attributes, "tree_format", &length);
    if (format == NULL) {
        say("dataset %s holds no tree: it lacks the attribute tree_format", tool->dataset_name);
        outcome = -1;
    } else if (length != strlen(TREE_FORMAT) || memcmp(format, TREE_FORMAT, length) != 0) {
        say("dataset %s has tree_format %.*s; this program knows %s", tool->dataset_name, (int)length, format, TREE_FORMAT);
        outcome = -1;
    }
    hsm_dataset_free(dataset);
    return outcome;
}

/* Opens the directory of the tree. A restore makes it, and may write in it although it is sealed. */
static int open_tree(struct tool *tool)
{
    struct stat found;
    int is_restore = is_command(tool, "restore") && !tool->dry_run;
    if (is_restore && mkdir(tool->tree, 0700) != 0 && errno == EEXIST && stat(tool->tree, &found) == 0 &&
        S_ISDIR(found.st_mode) && (found.st_mode & 0700) != 0700)
        chmod(tool->tree, (found.st_mode & 07777) | 0700);
    tool->root = open(tool->tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (tool->root >= 0)
        return 0;
    say("cannot open %s: %s", tool->tree, strerror(errno));
    return -1;
}

/* Prints what the dataset holds: type, mode, user, group, size, time and name. */
static int list_dataset(struct tool *tool)
{
    struct stored stored;
    int outcome = stored_begin(&stored, tool->store, &tool->dataset, NULL);
    while (outcome == 0 && !stored.is_end) {
        const struct entry *entry = &stored.entry;
        const char *kind = stored.flaw != NULL ? "?" : kind_names[entry->kind];
        char room[32], id[HSM_ID_TEXT_SIZE];
        const char *mtime = format_time(entry->mtime_s, entry->mtime_ns, room);
        tool->counts.entries++;
        if (hsm_id_format(&stored.info.id, id, sizeof id, NULL) != HSM_STATUS_OK)
            id[0] = 0;
        if (tool->json) {
            printf("{\"object\":\"%s\",\"type\":\"%s\",\"mode\":\"%04o\",\"uid\":%" PRIu64 ",\"gid\":%" PRIu64 ",\"size\":%" PRIu64
                   ",\"mtime_ns\":%s,",
                   id, kind, entry->mode, entry->uid, entry->gid, entry->size, mtime);
            print_json_bytes(stdout, "key", stored.key, stored.length);
            if (entry->target != NULL) {
                putchar(',');
                print_json_bytes(stdout, "target", entry->target, entry->target_length);
            }
            puts("}");
        } else {
            printf("%s %-9s %04o %5" PRIu64 " %5" PRIu64 " %12" PRIu64 " %20s ", id, kind, entry->mode, entry->uid, entry->gid,
                   entry->size, mtime);
            print_name(stdout, stored.key, stored.length);
            if (entry->target != NULL) {
                fputs(" -> ", stdout);
                print_name(stdout, entry->target, entry->target_length);
            }
            putchar('\n');
        }
        if (stored.flaw != NULL)
            pass_over(tool, stored.key, stored.length, "no entry of a tree: its attribute %s is missing or makes no sense", stored.flaw);
        outcome = stored_next(&stored);
    }
    stored_finish(&stored);
    return outcome;
}

/* Says what was done. */
static void summarize(const struct tool *tool, double took_s, int code)
{
    const struct counts *counts = &tool->counts;
    if (tool->json) {
        printf("{\"command\":\"%s\",", tool->command);
        print_json_bytes(stdout, "dataset", tool->dataset_name, strlen(tool->dataset_name));
        printf(",\"entries\":%" PRIu64 ",\"unchanged\":%" PRIu64 ",\"files\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"made\":%" PRIu64
               ",\"updated\":%" PRIu64 ",\"linked\":%" PRIu64 ",\"removed\":%" PRIu64 ",\"passed_over\":%" PRIu64
               ",\"dry_run\":%s,\"seconds\":%.3f,\"exit\":%d}\n",
               counts->entries, counts->unchanged, counts->sent, counts->sent_bytes, counts->made, counts->updated, counts->linked,
               counts->removed, counts->passed_over, tool->dry_run ? "true" : "false", took_s, code);
        return;
    }
    const char *is_restore = is_command(tool, "restore") ? "written" : "sent";
    printf("%s: %" PRIu64 " entries: %" PRIu64 " unchanged, %" PRIu64 " files %s (%.1f MiB), %" PRIu64 " made, %" PRIu64
           " updated, %" PRIu64 " linked, %" PRIu64 " removed, %" PRIu64 " passed over, in %.2f s%s\n",
           tool->command, counts->entries, counts->unchanged, counts->sent, is_restore, (double)counts->sent_bytes / 1048576.0,
           counts->made, counts->updated, counts->linked, counts->removed, counts->passed_over, took_s,
           is_command(tool, "check") ? ", had it been a sync" : tool->dry_run ? ", had it been done" : "");
}

/* Does what was asked for. */
static int work(struct tool *tool)
{
    if (is_command(tool, "list"))
        return list_dataset(tool);
    if (open_tree(tool) != 0)
        return -1;
    /* What the files of this dataset are called while a restore writes them: nobody else names a file so. */
    char id[HSM_ID_TEXT_SIZE];
    hsm_error *error = NULL;
    if (hsm_id_format(&tool->dataset, id, sizeof id, &error) != HSM_STATUS_OK)
        return failed(error, "write an id");
    snprintf(tool->partial, sizeof tool->partial, ".hsm-%s", id);
    tool->buffer = malloc(RUN_BYTES);
    if (tool->buffer == NULL) {
        say("out of memory");
        return -1;
    }
    return is_command(tool, "restore") ? restore_tree(tool) : archive_tree(tool);
}

static int exit_code(const struct tool *tool, int outcome)
{
    const struct counts *counts = &tool->counts;
    if (outcome != 0)
        return EXIT_ERROR;
    if (is_command(tool, "check") && counts->sent + counts->made + counts->updated + counts->linked + counts->removed > 0)
        return EXIT_DIFFERENT;
    return counts->passed_over > 0 ? EXIT_INCOMPLETE : EXIT_DONE;
}

int main(int count, char **arguments)
{
    static struct tool tool;
    struct timespec begun, ended;
    hsm_error *error = NULL;
    program_name = "sync_tool";
    for (int at = 1; at < count && strcmp(arguments[at], "--") != 0; at++)
        if (strcmp(arguments[at], "--help") == 0)
            return fputs(help, stdout) < 0 || fflush(stdout) != 0 ? EXIT_ERROR : EXIT_DONE;
    int code = read_arguments(&tool, count, arguments);
    if (code != 0)
        return code;
    /* A check is a sync that does nothing. */
    tool.dry_run |= is_command(&tool, "check");
    progress.is_wanted = !tool.quiet && !tool.verbose && isatty(2);
    clock_gettime(CLOCK_MONOTONIC, &begun);
    tool.root = -1;
    int outcome = open_store(&tool);
    if (outcome == 0)
        outcome = open_dataset(&tool) == 0 ? work(&tool) : -1;
    /* Closing says whether everything went well; freeing is due in any case. */
    if (tool.store != NULL && hsm_store_close(tool.store, &error) != HSM_STATUS_OK)
        outcome = failed(error, "close the store");
    hsm_store_free(tool.store);
    if (tool.root >= 0)
        close(tool.root);
    free(tool.buffer);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    progress_clear();
    code = exit_code(&tool, outcome);
    if (!tool.quiet && !is_command(&tool, "list"))
        summarize(&tool, (double)(ended.tv_sec - begun.tv_sec) + (double)(ended.tv_nsec - begun.tv_nsec) / 1e9, code);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        say("cannot print: %s", strerror(errno));
        return code == EXIT_DONE ? EXIT_ERROR : code;
    }
    return code;
}
