/*
 * Archives a directory as a dataset, brings one back, and stores what changed since.
 *
 *     hestia_sync_tool archive --work_dir D [--config F] [--sample_frequency N --sample_path F] [--activate_logger]
 *     hestia_sync_tool restore --work_dir D --dataset_id ID [--config F] [--activate_logger]
 *     hestia_sync_tool sync    --work_dir D --dataset_id ID [--config F] [--activate_logger]
 *
 * One object for each file, with the attribute filesystem_path. Links and empty directories are objects without data.
 * Mode and time of change are attributes too, so that they come back, and so that a sync finds what is modified.
 * --sample_path gets a line `uuid,path` for each N-th entry that is archived.
 *
 * Ends with 0 only if all of it was done; what one file ran into does not stop the others.
 *
 *     cc -o hestia_sync_tool sync_tool.c $(pkg-config --cflags --libs hestia)
 */
#define _XOPEN_SOURCE 700
#include "dataset.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    const char *work_dir, *config, *sample_path;
    char dataset_id[37];
    unsigned long sample_frequency;
    int is_logging;
} Options;

/* What is on disk: a path in the working directory, and what lstat() says. */
typedef struct {
    char *path;
    struct stat stat;
} Found;

typedef struct {
    Found *items;
    size_t count, room;
} Tree;

static int wrong(const char *what, const char *path)
{
    fprintf(stderr, "cannot %s %s: %s\n", what, path, strerror(errno));
    return 1;
}

/* Finds files, links, and directories with nothing in them. The directory that is worked in is the current one. */
static int walk(const char *path, Tree *tree)
{
    int is_wrong = 0, is_empty = 1;
    DIR *directory = opendir(path[0] == 0 ? "." : path);
    if (directory == NULL)
        return wrong("list", path);
    for (struct dirent *entry; (errno = 0, entry = readdir(directory)) != NULL;) {
        char below[PATH_MAX];
        struct stat status;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        is_empty = 0;
        int length = snprintf(below, sizeof below, "%s%s%s", path, path[0] == 0 ? "" : "/", entry->d_name);
        if (length < 0 || (size_t)length >= sizeof below || strchr(below, '\n') != NULL) {
            fprintf(stderr, "%s/%s has no place in a dataset: too long, or a newline in it\n", path, entry->d_name);
            is_wrong = 1;
        } else if (lstat(below, &status) != 0) {
            is_wrong = wrong("look at", below);
        } else if (S_ISDIR(status.st_mode)) {
            is_wrong |= walk(below, tree);
        } else if (S_ISREG(status.st_mode) || S_ISLNK(status.st_mode)) {
            if (tree->count == tree->room) {
                tree->room = tree->room * 2 + 64;
                tree->items = needed(realloc(tree->items, tree->room * sizeof *tree->items));
            }
            tree->items[tree->count].path = strcpy(needed(malloc(strlen(below) + 1)), below);
            tree->items[tree->count++].stat = status;
        } else {
            fprintf(stderr, "%s is neither file, link nor directory: left out\n", below);
        }
    }
    if (errno != 0)
        is_wrong = wrong("list", path);
    closedir(directory);
    if (is_empty && path[0] != 0) {
        struct stat status;
        if (lstat(path, &status) != 0)
            return wrong("look at", path);
        tree->items = needed(realloc(tree->items, (tree->room = tree->count + 64) * sizeof *tree->items));
        tree->items[tree->count].path = strcpy(needed(malloc(strlen(path) + 1)), path);
        tree->items[tree->count++].stat = status;
    }
    return is_wrong;
}

static void free_tree(Tree *tree)
{
    for (size_t index = 0; index < tree->count; index++)
        free(tree->items[index].path);
    free(tree->items);
}

/* What is kept of a file beside its data, as text. */
typedef struct {
    char kind[16], mode[16], mtime[48], link[PATH_MAX];
} Traits;

static int traits_of(const Found *found, Traits *traits)
{
    const struct stat *status = &found->stat;
    const char *kind = S_ISDIR(status->st_mode) ? "directory" : S_ISLNK(status->st_mode) ? "link" : "file";
    memset(traits, 0, sizeof *traits);
    snprintf(traits->kind, sizeof traits->kind, "%s", kind);
    snprintf(traits->mode, sizeof traits->mode, "%o", (unsigned)(status->st_mode & 07777));
    snprintf(traits->mtime, sizeof traits->mtime, "%lld.%09ld", (long long)status->st_mtim.tv_sec, status->st_mtim.tv_nsec);
    if (S_ISLNK(status->st_mode) && readlink(found->path, traits->link, sizeof traits->link - 1) < 0)
        return wrong("read the link", found->path);
    return 0;
}

/* Stores a file, in a new object where uuid is "", which is written to it then. */
static int store(const Found *found, char uuid[37], const Options *options)
{
    Traits traits;
    if (traits_of(found, &traits))
        return 1;
    HestiaId id = id_of(uuid[0] == 0 ? NULL : uuid);
    HestiaIoContext io;
    hestia_init_io_ctx(&io);
    if (S_ISREG(found->stat.st_mode)) {
        io.m_type = HESTIA_IO_PATH;
        io.m_path = found->path;
    }
    HestiaKeyValuePair pairs[] = {
        {(char *)"filesystem_path", found->path}, {(char *)"filesystem_kind", traits.kind},
        {(char *)"filesystem_mode", traits.mode}, {(char *)"filesystem_mtime", traits.mtime},
        {(char *)"filesystem_link", traits.link},
    };
    int code = hestia_object_put(&id, uuid[0] == 0 ? HESTIA_CREATE : HESTIA_UPDATE, &io, NULL);
    if (code == 0 && uuid[0] == 0)
        snprintf(uuid, 37, "%.36s", id.m_uuid);
    if (code == 0)
        code = hestia_object_set_attrs(&id, pairs, sizeof pairs / sizeof pairs[0]);
    if (code == 0 && options->is_logging)
        fprintf(stderr, "stored %s as %s\n", found->path, uuid);
    int is_wrong = failed(code, "cannot store", found->path);
    hestia_free_id(&id);
    return is_wrong;
}

static int archive(Options *options)
{
    Tree tree = {0};
    Dataset dataset = {0};
    int is_wrong = walk("", &tree);
    FILE *sample = NULL;
    if (options->sample_path != NULL && (sample = fopen(options->sample_path, "w")) == NULL)
        is_wrong = wrong("write", options->sample_path);
    for (size_t index = 0; index < tree.count; index++) {
        char uuid[37] = "";
        if (store(&tree.items[index], uuid, options)) {
            is_wrong = 1;
            continue;
        }
        add_entry(&dataset, uuid, tree.items[index].path);
        if (sample != NULL && dataset.count % options->sample_frequency == 0)
            fprintf(sample, "%s,%s\n", uuid, tree.items[index].path);
    }
    if (sample != NULL && (ferror(sample) | fclose(sample)) != 0)
        is_wrong = wrong("write", options->sample_path);
    if (write_dataset(options->dataset_id, &dataset))
        is_wrong = 1;
    else
        printf("archived dataset to object: %s\n", options->dataset_id);
    free_dataset(&dataset);
    free_tree(&tree);
    return is_wrong;
}

static int by_path(const void *left, const void *right)
{
    return strcmp(((const Entry *)left)->path, ((const Entry *)right)->path);
}

/* Whether what is stored is what is on disk, by kind, size, mode, time of change and where a link leads. */
static int is_as_stored(const Found *found, char *uuid)
{
    Traits traits;
    HestiaObject object;
    HestiaId id = id_of(uuid);
    if (traits_of(found, &traits) || hestia_object_get_attrs(&id, &object) != 0)
        return 0;
    const char *const pairs[][2] = {
        {"filesystem_kind", traits.kind}, {"filesystem_mode", traits.mode},
        {"filesystem_mtime", traits.mtime}, {"filesystem_link", traits.link},
    };
    int is_same = !S_ISREG(found->stat.st_mode) || object.m_size == (size_t)found->stat.st_size;
    for (size_t index = 0; index < sizeof pairs / sizeof pairs[0]; index++) {
        const char *stored = attribute(&object, pairs[index][0]);
        is_same &= stored != NULL && strcmp(stored, pairs[index][1]) == 0;
    }
    hestia_init_object(&object);
    return is_same;
}

/* The objects of what is gone from the disk are removed once the dataset no longer names them. */
static int sync_all(Options *options)
{
    Tree tree = {0};
    Dataset before, after = {0};
    if (read_dataset(options->dataset_id, &before)) {
        free_dataset(&before);
        return 1;
    }
    int is_wrong = walk("", &tree), is_whole = !is_wrong;
    qsort(before.entries, before.count, sizeof(Entry), by_path);
    char *is_kept = needed(calloc(before.count + 1, 1));
    for (size_t index = 0; index < tree.count; index++) {
        Found *found = &tree.items[index];
        Entry wanted = {"", found->path};
        Entry *stored = before.count == 0 ? NULL : bsearch(&wanted, before.entries, before.count, sizeof(Entry), by_path);
        char uuid[37] = "";
        if (stored != NULL) {
            is_kept[stored - before.entries] = 1;
            memcpy(uuid, stored->uuid, sizeof uuid);
        }
        if (uuid[0] == 0 || !is_as_stored(found, uuid))
            is_wrong |= store(found, uuid, options);
        if (uuid[0] != 0)
            add_entry(&after, uuid, found->path);
    }
    /* What could not be looked at is not taken for gone. */
    for (size_t index = 0; index < before.count && !is_whole; index++)
        if (!is_kept[index]) {
            add_entry(&after, before.entries[index].uuid, before.entries[index].path);
            is_kept[index] = 1;
        }
    if (write_dataset(options->dataset_id, &after))
        is_wrong = 1;
    else
        printf("synced dataset to object: %s\n", options->dataset_id);
    for (size_t index = 0; index < before.count && !is_wrong; index++) {
        HestiaId id = id_of(before.entries[index].uuid);
        int code = is_kept[index] ? 0 : hestia_object_remove(&id);
        is_wrong |= code != HESTIA_ERROR_NOT_FOUND && failed(code, "cannot remove", before.entries[index].path);
    }
    free(is_kept);
    free_dataset(&before);
    free_dataset(&after);
    free_tree(&tree);
    return is_wrong;
}

/* Makes the directories above a path. One that leads out of the working directory, by ".." or through a link, is refused. */
static int make_parents(const char *path)
{
    char part[PATH_MAX];
    if (path[0] == 0 || path[0] == '/' || strlen(path) >= sizeof part)
        return errno = EINVAL, -1;
    for (const char *at = path; *at != 0; at += strspn(at, "/")) {
        size_t length = strcspn(at, "/");
        if (length == 2 && strncmp(at, "..", 2) == 0)
            return errno = EINVAL, -1;
        at += length;
        struct stat status;
        if (*at == 0)
            break;
        snprintf(part, sizeof part, "%.*s", (int)(at - path), path);
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return -1;
        if (lstat(part, &status) != 0 || !S_ISDIR(status.st_mode))
            return errno = ENOTDIR, -1;
    }
    return 0;
}

static int restore_one(Entry *entry, const Options *options)
{
    HestiaId id = id_of(entry->uuid);
    HestiaObject object;
    struct stat status;
    const char *path = entry->path;
    if (make_parents(path) != 0)
        return wrong("restore", path);
    if (failed(hestia_object_get_attrs(&id, &object), "cannot restore", path))
        return 1;
    const char *kind = attribute(&object, "filesystem_kind"), *mode = attribute(&object, "filesystem_mode");
    const char *mtime = attribute(&object, "filesystem_mtime"), *link = attribute(&object, "filesystem_link");
    int is_link = kind != NULL && strcmp(kind, "link") == 0, is_directory = kind != NULL && strcmp(kind, "directory") == 0;
    int is_wrong = 0;
    if (lstat(path, &status) == 0 && !S_ISDIR(status.st_mode) && (is_link || S_ISLNK(status.st_mode) || object.m_size == 0))
        unlink(path);
    if (is_directory) {
        is_wrong = mkdir(path, 0777) != 0 && errno != EEXIST && wrong("make", path);
    } else if (is_link) {
        is_wrong = symlink(link == NULL ? "" : link, path) != 0 && wrong("make the link", path);
    } else if (object.m_size == 0) {
        int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
        is_wrong = (file < 0 || close(file) != 0) && wrong("make", path);
    } else {
        HestiaIoContext io;
        hestia_init_io_ctx(&io);
        io.m_type = HESTIA_IO_PATH;
        io.m_path = entry->path;
        is_wrong = failed(hestia_object_get(&id, &io, NULL), "cannot restore", path);
    }
    if (!is_wrong && mode != NULL && !is_link)
        is_wrong = chmod(path, (mode_t)strtoul(mode, NULL, 8)) != 0 && wrong("set the mode of", path);
    if (!is_wrong && mtime != NULL) {
        char *end = NULL;
        struct timespec times[2] = {{0, UTIME_OMIT}, {0, 0}};
        times[1].tv_sec = (time_t)strtoll(mtime, &end, 10);
        times[1].tv_nsec = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
        is_wrong = utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) != 0 && wrong("set the time of", path);
    }
    hestia_init_object(&object);
    if (!is_wrong && options->is_logging)
        fprintf(stderr, "restored %s\n", path);
    return is_wrong;
}

static int restore(Options *options)
{
    Dataset dataset;
    int is_wrong = read_dataset(options->dataset_id, &dataset);
    for (size_t index = 0; index < dataset.count; index++)
        is_wrong |= restore_one(&dataset.entries[index], options);
    free_dataset(&dataset);
    return is_wrong;
}

static int usage(void)
{
    fprintf(stderr, "usage: hestia_sync_tool archive|restore|sync --work_dir D [--dataset_id ID] [--config F] [--activate_logger]\n"
                    "       archive: [--sample_frequency N --sample_path F]; restore, sync: --dataset_id ID\n");
    return 2;
}

int main(int count, char **arguments)
{
    Options options = {0};
    char sample[PATH_MAX], here[PATH_MAX];
    options.sample_frequency = 1;
    for (int index = 2; index < count; index++) {
        char *name = arguments[index], *value = index + 1 < count ? arguments[index + 1] : NULL;
        if (strcmp(name, "--activate_logger") == 0) {
            options.is_logging = 1;
            continue;
        }
        index++;
        if (value == NULL)
            return usage();
        if (strcmp(name, "--work_dir") == 0)
            options.work_dir = value;
        else if (strcmp(name, "--config") == 0)
            options.config = value;
        else if (strcmp(name, "--dataset_id") == 0 && strlen(value) == 36)
            snprintf(options.dataset_id, sizeof options.dataset_id, "%s", value);
        else if (strcmp(name, "--sample_path") == 0)
            options.sample_path = value;
        else if (strcmp(name, "--sample_frequency") != 0 || (options.sample_frequency = strtoul(value, NULL, 10)) == 0)
            return usage();
    }
    int is_archive = count > 1 && strcmp(arguments[1], "archive") == 0, is_sync = count > 1 && strcmp(arguments[1], "sync") == 0;
    if (count < 2 || options.work_dir == NULL || (!is_archive && !is_sync && strcmp(arguments[1], "restore") != 0) ||
        is_archive != (options.dataset_id[0] == 0))
        return usage();
    /* The other paths are from here. */
    if (options.sample_path != NULL && options.sample_path[0] != '/' && getcwd(here, sizeof here) != NULL) {
        int length = snprintf(sample, sizeof sample, "%s/%s", here, options.sample_path);
        if (length < 0 || (size_t)length >= sizeof sample)
            return usage();
        options.sample_path = sample;
    }
    if (failed(hestia_initialize(options.config, NULL, NULL), "cannot begin", "the client"))
        return 1;
    int is_wrong = 0;
    if (!is_archive && !is_sync && mkdir(options.work_dir, 0777) != 0 && errno != EEXIST)
        is_wrong = wrong("make", options.work_dir);
    if (chdir(options.work_dir) != 0)
        is_wrong = wrong("work in", options.work_dir);
    if (!is_wrong)
        is_wrong = is_archive ? archive(&options) : is_sync ? sync_all(&options) : restore(&options);
    return failed(hestia_finish(), "cannot end", "the client") | is_wrong;
}
