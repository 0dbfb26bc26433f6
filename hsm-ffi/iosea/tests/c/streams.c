/* Data from and to files, pipes and sockets: whole, by offset and length, and where they fail. */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#define ONE "00000000-0000-0000-0000-000000000001"
/* More than Hestia read of a descriptor, than one piece, and than a pipe holds. */
enum { LARGE = 3000001 };

static char large[LARGE], back[LARGE + 1];

static HestiaIoContext path_of(const char *path, size_t length, size_t offset)
{
    HestiaIoContext io = memory(NULL, length, offset);
    io.m_type = HESTIA_IO_PATH;
    io.m_path = (char *)path;
    return io;
}

static HestiaIoContext descriptor_of(int fd, size_t length, size_t offset)
{
    HestiaIoContext io = memory(NULL, length, offset);
    io.m_type = HESTIA_IO_DESCRIPTOR;
    io.m_fd = fd;
    return io;
}

static void write_file(const char *path, const char *data, size_t size)
{
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fwrite(data, 1, size, file) == size && fclose(file) == 0);
}

/* Ends the test unless the file has exactly this. */
static void check_file(const char *path, const char *data, size_t size)
{
    FILE *file = fopen(path, "r");
    CHECK(file != NULL && fread(back, 1, sizeof back, file) == size && fclose(file) == 0);
    CHECK(memcmp(back, data, size) == 0);
}

static void check_large(void)
{
    HestiaId id = id_of(ONE);
    HestiaIoContext io = memory(back, sizeof back, 0);
    memset(back, 0, sizeof back);
    CHECK_OK(hestia_object_get(&id, &io, NULL));
    CHECK(io.m_length == LARGE && memcmp(back, large, LARGE) == 0);
}

static void files_go_in_and_come_out(void)
{
    HestiaId id = id_of(ONE);
    HestiaIoContext io = path_of("missing", 0, 0);
    CHECK_CODE(hestia_object_put(&id, HESTIA_CREATE, &io, NULL), HESTIA_ERROR_BAD_STREAM);
    write_file("in", large, LARGE);
    io = path_of("in", LARGE + 1, 0);
    CHECK_CODE(hestia_object_put(&id, HESTIA_CREATE, &io, NULL), HESTIA_ERROR_BAD_STREAM);
    io = path_of("in", 0, 0);
    CHECK_OK(hestia_object_put(&id, HESTIA_CREATE, &io, NULL));
    check_large();

    io = path_of("out", 0, 0);
    CHECK_OK(hestia_object_get(&id, &io, NULL));
    check_file("out", large, LARGE);
    io = path_of("out", 5, 100);
    CHECK(chmod("out", 0640) == 0);
    CHECK_OK(hestia_object_get(&id, &io, NULL));
    check_file("out", large + 100, 5);
    struct stat is;
    CHECK(stat("out", &is) == 0 && (is.st_mode & 0777) == 0640);
    CHECK(symlink("out", "link") == 0);
    io = path_of("link", 7, LARGE - 3);
    CHECK_OK(hestia_object_get(&id, &io, NULL));
    check_file("out", large + LARGE - 3, 3);
    CHECK(lstat("link", &is) == 0 && S_ISLNK(is.st_mode));
    io = path_of("no/where", 0, 0);
    CHECK_CODE(hestia_object_get(&id, &io, NULL), HESTIA_ERROR_BAD_STREAM);
    io = path_of("/dev/null", 0, 0);
    CHECK_OK(hestia_object_get(&id, &io, NULL));
    CHECK(stat("/dev/null", &is) == 0 && S_ISCHR(is.st_mode));
}

static void a_file_replaces_what_lies_behind_an_offset(void)
{
    HestiaId id = id_of(ONE);
    HestiaTier tier = tier_of(1);
    write_file("small", "SMALL", 5);
    HestiaIoContext io = path_of("small", 0, 2000000);
    CHECK_OK(hestia_object_put(&id, HESTIA_UPDATE, &io, NULL));
    memcpy(large + 2000000, "SMALL", 5);
    check_large();
    io = path_of("small", 3, LARGE - 3);
    CHECK_OK(hestia_object_put(&id, HESTIA_UPDATE, &io, &tier));
    memcpy(large + LARGE - 3, "SMA", 3);
    check_large();
    io = path_of("small", 6, 1);
    CHECK_CODE(hestia_object_put(&id, HESTIA_UPDATE, &io, NULL), HESTIA_ERROR_BAD_STREAM);
    io = path_of("small", 0, LARGE + 1);
    CHECK_CODE(hestia_object_put(&id, HESTIA_UPDATE, &io, NULL), HESTIA_ERROR_BAD_INPUT_BUFFER);
    check_large();
}

static void a_descriptor_is_read_and_written_where_it_stands(void)
{
    HestiaId id = id_of(ONE);
    write_file("in", large, LARGE);
    int fd = open("in", O_RDONLY);
    HestiaIoContext io = descriptor_of(fd, 0, 0);
    CHECK_OK(hestia_object_put(&id, HESTIA_UPDATE, &io, NULL));
    check_large();
    CHECK(lseek(fd, 0, SEEK_CUR) == LARGE);
    CHECK(lseek(fd, 10, SEEK_SET) == 10);
    io = descriptor_of(fd, 20, 0);
    CHECK_OK(hestia_object_put(&id, HESTIA_UPDATE, &io, NULL));
    CHECK(lseek(fd, 0, SEEK_CUR) == 30);
    io = descriptor_of(fd, 5, 20);
    CHECK_OK(hestia_object_put(&id, HESTIA_UPDATE, &io, NULL));
    CHECK(lseek(fd, 0, SEEK_CUR) == 35 && close(fd) == 0);

    fd = open("out", O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(write(fd, "before", 6) == 6);
    io = descriptor_of(fd, 0, 0);
    CHECK_OK(hestia_object_get(&id, &io, NULL));
    io = descriptor_of(fd, 3, 1);
    CHECK_OK(hestia_object_get(&id, &io, NULL));
    CHECK(close(fd) == 0);
    char wanted[34] = "before";
    memcpy(wanted + 6, large + 10, 25);
    memcpy(wanted + 31, large + 11, 3);
    check_file("out", wanted, sizeof wanted);
    fd = open("out", O_RDONLY);
    io = descriptor_of(fd, 0, 0);
    CHECK_CODE(hestia_object_get(&id, &io, NULL), HESTIA_ERROR_BAD_STREAM);
    CHECK(close(fd) == 0);
    CHECK_CODE(hestia_object_put(&id, HESTIA_UPDATE, &io, NULL), HESTIA_ERROR_BAD_STREAM);
}

static void *feed_pipe(void *fd)
{
    for (size_t done = 0; done < LARGE;) {
        ssize_t count = write(*(int *)fd, large + done, LARGE - done);
        if (count <= 0)
            return "the pipe broke";
        done += (size_t)count;
    }
    close(*(int *)fd);
    return NULL;
}

static void *drain_pipe(void *fd)
{
    size_t done = 0;
    ssize_t count;
    while ((count = read(*(int *)fd, back + done, sizeof back - done)) > 0)
        done += (size_t)count;
    return done == LARGE && memcmp(back, large, LARGE) == 0 ? NULL : "something else came";
}

static void pipes_go_in_and_come_out(void)
{
    HestiaId id = id_of(ONE);
    pthread_t thread;
    void *said = NULL;
    int ends[2];
    CHECK(pipe(ends) == 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
    CHECK(pthread_create(&thread, NULL, feed_pipe, &ends[1]) == 0);
    HestiaIoContext io = descriptor_of(ends[0], 0, 0);
    CHECK_OK(hestia_object_put(&id, HESTIA_UPDATE, &io, NULL));
    CHECK(pthread_join(thread, &said) == 0 && said == NULL && close(ends[0]) == 0);
    check_large();

    CHECK(pipe(ends) == 0 && fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
    CHECK(pthread_create(&thread, NULL, drain_pipe, &ends[0]) == 0);
    io = descriptor_of(ends[1], 0, 0);
    CHECK_OK(hestia_object_get(&id, &io, NULL));
    CHECK(close(ends[1]) == 0 && pthread_join(thread, &said) == 0 && said == NULL && close(ends[0]) == 0);

    /* Nobody reads: an error, and no signal. */
    CHECK(pipe(ends) == 0 && close(ends[0]) == 0);
    io = descriptor_of(ends[1], 0, 0);
    CHECK_CODE(hestia_object_get(&id, &io, NULL), HESTIA_ERROR_BAD_STREAM);
    sigset_t pending;
    CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 0 && close(ends[1]) == 0);
    check_large();
}

/* An update behind an offset stays on the tier where the object is, from whatever its data comes. */
static void what_lies_elsewhere_stays_there(void)
{
    HestiaId id = id_of(ONE);
    uint8_t *tiers = NULL;
    size_t count = 0;
    write_file("small", "small", 5);
    CHECK_OK(hestia_object_move(&id, 0, 2));
    int fd = open("small", O_RDONLY);
    HestiaIoContext ways[3] = {path_of("small", 0, 7), descriptor_of(fd, 0, 70), memory("small", 5, 700)};
    for (int way = 0; way < 3; way++) {
        CHECK_OK(hestia_object_put(&id, HESTIA_UPDATE, &ways[way], NULL));
        memcpy(large + ways[way].m_offset, "small", 5);
        CHECK_OK(hestia_object_locate(&id, &tiers, &count));
        CHECK(count == 1 && tiers[0] == 2);
        CHECK_OK(hestia_free_tier_ids(&tiers));
    }
    CHECK(close(fd) == 0);
    check_large();
    /* A length that nothing has is one that is too long, and not all there is. */
    HestiaIoContext io = path_of("small", SIZE_MAX, 0);
    CHECK_CODE(hestia_object_put(&id, HESTIA_UPDATE, &io, NULL), HESTIA_ERROR_BAD_STREAM);
    io = path_of("small", SIZE_MAX, 5);
    CHECK_CODE(hestia_object_put(&id, HESTIA_UPDATE, &io, NULL), HESTIA_ERROR_BAD_STREAM);
    check_large();
}

/* Of an object whose bytes are damaged behind its first megabyte, nothing comes into the file, and what was there stays. */
static void a_file_is_there_whole_or_not_at_all(void)
{
    HestiaId id = id_of(ONE);
    write_file("damaged", large, LARGE);
    HestiaIoContext io = path_of("damaged", 0, 0);
    CHECK_OK(hestia_object_put(&id, HESTIA_UPDATE, &io, NULL));
    CHECK(system("for file in $(find .cache/hestia/store/tiers -size +1000k -name '*.obj'); do"
                 " printf damage | dd of=$file bs=1 seek=2500000 conv=notrunc 2>/dev/null || exit 1; done") == 0);
    write_file("kept", "before", 6);
    io = path_of("kept", 0, 0);
    CHECK_CODE(hestia_object_get(&id, &io, NULL), HESTIA_ERROR_UNKNOWN);
    check_file("kept", "before", 6);
    io = path_of("never", 0, 0);
    CHECK_CODE(hestia_object_get(&id, &io, NULL), HESTIA_ERROR_UNKNOWN);
    CHECK(system("test ! -e never && test -z \"$(ls | grep part)\"") == 0);
    /* What is whole can be had. */
    io = path_of("kept", 1000, 0);
    CHECK_OK(hestia_object_get(&id, &io, NULL));
    check_file("kept", large, 1000);
}

int main(int count, char **arguments)
{
    CHECK(count == 2 && chdir(arguments[1]) == 0);
    for (size_t index = 0; index < LARGE; index++)
        large[index] = (char)(index * 2654435761u >> 13);
    CHECK_OK(hestia_initialize(NULL, NULL, NULL));
    files_go_in_and_come_out();
    a_file_replaces_what_lies_behind_an_offset();
    a_descriptor_is_read_and_written_where_it_stands();
    pipes_go_in_and_come_out();
    what_lies_elsewhere_stays_there();
    a_file_is_there_whole_or_not_at_all();
    CHECK_OK(hestia_finish());
    return 0;
}
