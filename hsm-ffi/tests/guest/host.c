/* A hard host: it runs a program's main on a thread with a small stack, under floating-point traps.
 *
 * The program is compiled with -Dmain=program_main. When it is done, no descriptor and no thread may be there that
 * was not there before. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fenv.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { STACK_BYTES = 256 * 1024 };

int program_main(int count, char **arguments);

struct call {
    int count;
    char **arguments;
    int code;
};

static int entries(const char *path)
{
    DIR *directory = opendir(path);
    int count = 0;
    if (directory == NULL)
        exit(98);
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

static void *run(void *argument)
{
    struct call *call = argument;
    call->code = program_main(call->count, call->arguments);
    return NULL;
}

int main(int count, char **arguments)
{
    struct call call = {count, arguments, 0};
    pthread_attr_t attributes;
    pthread_t thread;

    /* Threads inherit the traps. */
    feenableexcept(FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW);
    int descriptors = entries("/proc/self/fd");
    if (pthread_attr_init(&attributes) != 0 || pthread_attr_setstacksize(&attributes, STACK_BYTES) != 0 ||
        pthread_create(&thread, &attributes, run, &call) != 0 || pthread_join(thread, NULL) != 0)
        return 98;
    pthread_attr_destroy(&attributes);

    if (call.code == 0 && entries("/proc/self/fd") != descriptors) {
        fprintf(stderr, "%d descriptors before, %d after\n", descriptors, entries("/proc/self/fd"));
        return 97;
    }
    /* ".", ".." and this thread. One that was joined may be listed for a moment more. */
    for (int wait = 0; call.code == 0 && entries("/proc/self/task") != 3; wait++) {
        if (wait == 1000) {
            fprintf(stderr, "threads are left\n");
            return 97;
        }
        usleep(10000);
    }
    return call.code;
}
