/*
 * An entry of a tree, and how it is kept as attributes of an object: docs/datasets.md in C.
 *
 * Of hsm it shows attributes. They are names and values, values are any bytes. A set of them is a handle that
 * is made, filled and passed to a put; what comes from an object is lent and only read.
 */
#ifndef ENTRY_H
#define ENTRY_H

#include "say.h"

#include <inttypes.h>
#include <sys/stat.h>

/* The version of the format that is written, as the dataset's attribute "tree_format" says it. */
#define TREE_FORMAT "1"

enum kind { KIND_FILE, KIND_DIRECTORY, KIND_SYMLINK, KIND_FIFO, KIND_COUNT };

static const char *const kind_names[KIND_COUNT] = {"file", "directory", "symlink", "fifo"};

struct entry {
    enum kind kind;
    unsigned mode;     /* The lower twelve bits: permissions, set-user-id, set-group-id, sticky. */
    int64_t mtime_s;   /* Seconds since 1970, rounded down. */
    int32_t mtime_ns;  /* And the nanoseconds above them. */
    uint64_t uid, gid;
    uint64_t size;     /* Of a file. */
    const char *target; /* Of a symbolic link; not ended by a NUL. */
    size_t target_length;
};

/* What differs between two entries. */
enum { DIFFERS_KIND = 1, DIFFERS_DATA = 2, DIFFERS_TIME = 4, DIFFERS_MODE = 8, DIFFERS_OWNER = 16, DIFFERS_TARGET = 32 };

static inline int entry_differs(const struct entry *one, const struct entry *other)
{
    int differs = 0;
    if (one->kind != other->kind)
        return DIFFERS_KIND;
    if (one->mtime_s != other->mtime_s || one->mtime_ns != other->mtime_ns)
        differs |= DIFFERS_TIME;
    if (one->kind == KIND_FILE && (one->size != other->size || differs != 0))
        differs |= DIFFERS_DATA;
    if (one->kind != KIND_SYMLINK && one->mode != other->mode)
        differs |= DIFFERS_MODE;
    if (one->uid != other->uid || one->gid != other->gid)
        differs |= DIFFERS_OWNER;
    if (one->kind == KIND_SYMLINK &&
        (one->target_length != other->target_length || memcmp(one->target, other->target, one->target_length) != 0))
        differs |= DIFFERS_TARGET;
    return differs;
}

/* What lstat says. Returns -1 for what a dataset does not hold: sockets and devices. */
static inline int entry_of_stat(struct entry *entry, const struct stat *stat)
{
    memset(entry, 0, sizeof *entry);
    if (S_ISREG(stat->st_mode))
        entry->kind = KIND_FILE;
    else if (S_ISDIR(stat->st_mode))
        entry->kind = KIND_DIRECTORY;
    else if (S_ISLNK(stat->st_mode))
        entry->kind = KIND_SYMLINK;
    else if (S_ISFIFO(stat->st_mode))
        entry->kind = KIND_FIFO;
    else
        return -1;
    entry->mode = (unsigned)stat->st_mode & 07777;
    entry->mtime_s = stat->st_mtim.tv_sec;
    entry->mtime_ns = (int32_t)stat->st_mtim.tv_nsec;
    entry->uid = stat->st_uid;
    entry->gid = stat->st_gid;
    entry->size = entry->kind == KIND_FILE ? (uint64_t)stat->st_size : 0;
    return 0;
}

/* Writes a number in digits of `base`, at least `least` of them, up to `end`. Returns where they begin. */
static inline char *digits_before(char *end, uint64_t number, unsigned base, int least)
{
    for (; least > 0 || number > 0; least--, number /= base)
        *--end = (char)('0' + number % base);
    return end;
}

/*
 * Nanoseconds since 1970 in decimal digits. The kernel has times that no 64-bit number of nanoseconds holds, so
 * the digits are put together and never the number. Returns where the text begins in `room`.
 */
static inline const char *format_time(int64_t seconds, int32_t nanoseconds, char room[32])
{
    uint64_t whole = (uint64_t)seconds, part = (uint64_t)nanoseconds;
    if (seconds < 0) {
        whole = (uint64_t)0 - whole; /* Rounded down before, so the part counts the other way. */
        if (part != 0) {
            whole--;
            part = 1000000000 - part;
        }
    }
    char *text = room + 31;
    *text = 0;
    text = digits_before(text, part, 10, whole != 0 ? 9 : 1);
    if (whole != 0)
        text = digits_before(text, whole, 10, 1);
    if (seconds < 0 && (whole != 0 || part != 0))
        *--text = '-';
    return text;
}

/* Reads up to `length` decimal or octal digits. Returns -1 where there is anything else, or too much. */
static inline int parse_number(const char *text, size_t length, unsigned base, uint64_t most, uint64_t *number)
{
    *number = 0;
    if (length == 0)
        return -1;
    for (size_t at = 0; at < length; at++) {
        unsigned digit = (unsigned)((unsigned char)text[at] - '0');
        if (digit >= base || *number > (most - digit) / base)
            return -1;
        *number = *number * base + digit;
    }
    return 0;
}

static inline int parse_time(const char *text, size_t length, int64_t *seconds, int32_t *nanoseconds)
{
    int is_negative = length > 0 && text[0] == '-';
    text += is_negative;
    length -= (size_t)is_negative;
    size_t whole_length = length > 9 ? length - 9 : 0;
    uint64_t whole = 0, part;
    if ((whole_length > 0 && parse_number(text, whole_length, 10, INT64_MAX, &whole) != 0) ||
        parse_number(text + whole_length, length - whole_length, 10, 999999999, &part) != 0)
        return -1;
    *seconds = is_negative ? -(int64_t)whole : (int64_t)whole;
    *nanoseconds = (int32_t)part;
    if (is_negative && part != 0) {
        *seconds -= 1;
        *nanoseconds = 1000000000 - *nanoseconds;
    }
    return 0;
}

/* Adds an attribute of text. */
static inline int set_text(hsm_attributes *attributes, const char *name, const char *text, hsm_error **error)
{
    return hsm_attributes_set(attributes, name, SIZE_MAX, text, strlen(text), error) == HSM_STATUS_OK ? 0 : -1;
}

/* Adds an attribute that is a number. */
static inline int set_number(hsm_attributes *attributes, const char *name, uint64_t number, unsigned base, int least, hsm_error **error)
{
    char room[32] = "", *text = digits_before(room + 31, number, base, least);
    return set_text(attributes, name, text, error);
}

/* Adds the attributes that a directory's root has too: mode, mtime_ns, uid, gid. */
static inline int set_common(hsm_attributes *attributes, const struct entry *entry, hsm_error **error)
{
    char room[32];
    const char *mtime = format_time(entry->mtime_s, entry->mtime_ns, room);
    return set_number(attributes, "mode", entry->mode & 07777u, 8, 4, error) != 0 ||
                   set_text(attributes, "mtime_ns", mtime, error) != 0 ||
                   set_number(attributes, "uid", entry->uid, 10, 1, error) != 0 ||
                   set_number(attributes, "gid", entry->gid, 10, 1, error) != 0
               ? -1
               : 0;
}

/* Makes the attributes of an entry. NULL: it failed, and that was said. */
static inline hsm_attributes *entry_attributes(const struct entry *entry)
{
    hsm_error *error = NULL;
    hsm_attributes *attributes = NULL;
    if (hsm_attributes_new(&attributes, &error) != HSM_STATUS_OK ||
        set_text(attributes, "type", kind_names[entry->kind], &error) != 0 ||
        set_common(attributes, entry, &error) != 0 ||
        (entry->kind == KIND_SYMLINK &&
         hsm_attributes_set(attributes, "target", SIZE_MAX, entry->target, entry->target_length, &error) != HSM_STATUS_OK)) {
        failed(error, "describe an entry");
        hsm_attributes_free(attributes);
        return NULL;
    }
    return attributes;
}

/* The value of an attribute, lent as long as the set; NULL where it is not there. */
static inline const char *get_text(const hsm_attributes *attributes, const char *name, size_t *length)
{
    const uint8_t *value = NULL;
    *length = 0;
    if (hsm_attributes_get(attributes, name, SIZE_MAX, &value, length, NULL) != HSM_STATUS_OK)
        return NULL;
    return (const char *)value;
}

static inline int get_number(const hsm_attributes *attributes, const char *name, unsigned base, uint64_t most, uint64_t *number)
{
    size_t length;
    const char *text = get_text(attributes, name, &length);
    return text == NULL ? -1 : parse_number(text, length, base, most, number);
}

/* Reads what `set_common` wrote. Returns NULL, or which attribute is missing or makes no sense. */
static inline const char *get_common(const hsm_attributes *attributes, struct entry *entry)
{
    size_t length;
    uint64_t mode;
    if (get_number(attributes, "mode", 8, 07777, &mode) != 0)
        return "mode";
    entry->mode = (unsigned)mode;
    const char *mtime = get_text(attributes, "mtime_ns", &length);
    if (mtime == NULL || parse_time(mtime, length, &entry->mtime_s, &entry->mtime_ns) != 0)
        return "mtime_ns";
    if (get_number(attributes, "uid", 10, UINT32_MAX, &entry->uid) != 0)
        return "uid";
    if (get_number(attributes, "gid", 10, UINT32_MAX, &entry->gid) != 0)
        return "gid";
    return NULL;
}

/* Reads an entry from an object's attributes. Returns NULL, or what is wrong with them. */
static inline const char *entry_of_attributes(struct entry *entry, const hsm_attributes *attributes)
{
    size_t length;
    memset(entry, 0, sizeof *entry);
    const char *type = get_text(attributes, "type", &length);
    entry->kind = KIND_COUNT;
    for (int kind = 0; type != NULL && kind < KIND_COUNT; kind++)
        if (strlen(kind_names[kind]) == length && memcmp(kind_names[kind], type, length) == 0)
            entry->kind = (enum kind)kind;
    if (entry->kind == KIND_COUNT)
        return "type";
    if (entry->kind == KIND_SYMLINK) {
        entry->target = get_text(attributes, "target", &entry->target_length);
        if (entry->target == NULL || entry->target_length == 0 || memchr(entry->target, 0, entry->target_length) != NULL)
            return "target";
    }
    return get_common(attributes, entry);
}

#endif
