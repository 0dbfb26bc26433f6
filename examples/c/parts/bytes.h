/*
 * Bytes of files, and whether the store has the same.
 *
 * Of hsm it shows the reader. It keeps to the generation it began with, whatever happens to the object meanwhile;
 * each byte is checked before it is handed over, and where a copy is damaged another is read.
 */
#ifndef BYTES_H
#define BYTES_H

#include "stored.h"
#include "tool.h"

/* Opens a file of the tree to read it, and looks at it. -1 and errno; ESTALE: it is a regular file no more. */
static inline int open_file(int parent, const char *name, struct stat *stat)
{
    /* O_NONBLOCK: should it have become a fifo, nobody waits for its writer. */
    int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (fstat(fd, stat) == 0 && S_ISREG(stat->st_mode))
        return fd;
    close(fd);
    errno = ESTALE;
    return -1;
}

/* Reads until `size` bytes or the end. Returns how many; -1 and errno. */
static inline ssize_t read_run(int fd, void *buffer, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t got = read(fd, (char *)buffer + done, size - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

/* Whether a file has the bytes that the dataset has: 1, 0, or -1 when that cannot be found out, which is said. */
static inline int has_same_bytes(struct tool *tool, int parent, const char *name, const struct stored *stored)
{
    struct stat stat;
    hsm_error *error = NULL;
    hsm_reader *reader = NULL;
    char *ours = tool->buffer, *theirs = ours + RUN_BYTES / 2;
    int fd = open_file(parent, name, &stat), same = 1;
    if (fd < 0) {
        pass_over(tool, stored->key, stored->length, "cannot read it: %s", strerror(errno));
        return -1;
    }
    hsm_status status = hsm_reader_open(tool->store, &stored->info.id, -1, &reader, &error);
    while (status == HSM_STATUS_OK && same == 1) {
        size_t got = 0;
        status = hsm_reader_read(reader, theirs, RUN_BYTES / 2, &got, &error);
        if (status == HSM_STATUS_END)
            got = 0;
        ssize_t run = status <= HSM_STATUS_END ? read_run(fd, ours, got == 0 ? 1 : got) : 0;
        if (run < 0) {
            pass_over(tool, stored->key, stored->length, "cannot read it: %s", strerror(errno));
            same = -1;
        } else if (status <= HSM_STATUS_END && ((size_t)run != got || memcmp(ours, theirs, got) != 0)) {
            same = 0;
        }
    }
    if (status != HSM_STATUS_OK && status != HSM_STATUS_END) {
        pass_over_error(tool, stored->key, stored->length, error);
        same = -1;
    }
    hsm_reader_free(reader);
    close(fd);
    return same;
}

#endif
