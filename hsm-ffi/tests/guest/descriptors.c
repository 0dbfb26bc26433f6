/* An open store runs no thread, and every file that it holds is closed when the host runs another program. */
#define _GNU_SOURCE
#include "guest.h"

#include <dirent.h>
#include <fcntl.h>

enum { DESCRIPTORS_MAX = 1024 };

static int threads(void)
{
    DIR *directory = opendir("/proc/self/task");
    struct dirent *entry;
    int count = 0;
    CHECK(directory != NULL);
    while ((entry = readdir(directory)) != NULL)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

/* Notes which descriptors are open. Returns how many. */
static int note_open(char *is_open)
{
    int count = 0;
    for (int descriptor = 0; descriptor < DESCRIPTORS_MAX; descriptor++) {
        is_open[descriptor] = fcntl(descriptor, F_GETFD) != -1;
        count += is_open[descriptor];
    }
    return count;
}

static void check_flags(const char *of_the_host)
{
    for (int descriptor = 0; descriptor < DESCRIPTORS_MAX; descriptor++) {
        int flags = fcntl(descriptor, F_GETFD);
        CHECK(flags == -1 || of_the_host[descriptor] || (flags & FD_CLOEXEC) != 0);
    }
}

int main(int count, char **arguments)
{
    const char *path = store_path(count, arguments);
    static char of_the_host[DESCRIPTORS_MAX], of_all[DESCRIPTORS_MAX];
    int before = note_open(of_the_host);
    hsm_store *store = open_store(path);
    CHECK(note_open(of_all) > before);
    check_flags(of_the_host);
    use_store(store, "name");
    check_flags(of_the_host);
    CHECK(threads() == 1);
    close_store(store);
    CHECK(note_open(of_all) == before);
    return 0;
}
