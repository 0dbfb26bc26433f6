/* Stands before the C library (LD_PRELOAD) and notes what a good guest does not do.
 *
 * Every call goes on to the real function. What was called between shim_begin() and shim_end() is noted; the
 * latter answers it as text. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_bool watching;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char notes[8192];

static void note(const char *format, ...)
{
    if (!watching)
        return;
    va_list arguments;
    va_start(arguments, format);
    pthread_mutex_lock(&lock);
    size_t length = strlen(notes);
    vsnprintf(notes + length, sizeof notes - length, format, arguments);
    pthread_mutex_unlock(&lock);
    va_end(arguments);
}

void shim_begin(void)
{
    notes[0] = '\0';
    watching = 1;
}

const char *shim_end(void)
{
    watching = 0;
    return notes;
}

/* Declares `real`, the function of the same name that comes after this library. */
#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

char *getenv(const char *name)
{
    REAL(getenv);
    note("getenv(\"%s\")\n", name);
    return real(name);
}

char *secure_getenv(const char *name)
{
    REAL(secure_getenv);
    note("secure_getenv(\"%s\")\n", name);
    return real(name);
}

ssize_t write(int descriptor, const void *bytes, size_t length)
{
    REAL(write);
    if (descriptor == 1 || descriptor == 2)
        note("write(%d, %zu bytes)\n", descriptor, length);
    return real(descriptor, bytes, length);
}

ssize_t writev(int descriptor, const struct iovec *parts, int count)
{
    REAL(writev);
    if (descriptor == 1 || descriptor == 2)
        note("writev(%d)\n", descriptor);
    return real(descriptor, parts, count);
}

int sigaction(int number, const struct sigaction *action, struct sigaction *before)
{
    REAL(sigaction);
    note("sigaction(%d)\n", number);
    return real(number, action, before);
}

typedef void (*handler)(int);

handler signal(int number, handler action)
{
    REAL(signal);
    note("signal(%d)\n", number);
    return real(number, action);
}

int sigaltstack(const stack_t *stack, stack_t *before)
{
    REAL(sigaltstack);
    note("sigaltstack()\n");
    return real(stack, before);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*run)(void *), void *argument)
{
    REAL(pthread_create);
    note("pthread_create()\n");
    return real(thread, how, run, argument);
}

/* Who maps a file is noted with its name. SQLite's index of its log may be mapped: it holds no data. */
static void note_mapped(int descriptor)
{
    char link[64];
    char path[4096];
    if (!watching || descriptor < 0)
        return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = '\0';
    if (length < 4 || strcmp(path + length - 4, "-shm") != 0)
        note("mmap(%s)\n", path);
}

void *mmap(void *at, size_t length, int protection, int flags, int descriptor, off_t offset)
{
    REAL(mmap);
    note_mapped(descriptor);
    return real(at, length, protection, flags, descriptor, offset);
}

void *mmap64(void *at, size_t length, int protection, int flags, int descriptor, off64_t offset)
{
    REAL(mmap64);
    note_mapped(descriptor);
    return real(at, length, protection, flags, descriptor, offset);
}

/* A process that ends says so here, since nobody can ask it any more. */
static void note_end(const char *how)
{
    static const char words[] = " was called by a guest\n";
    REAL(write);
    if (watching && (real(2, how, strlen(how)) < 0 || real(2, words, sizeof words - 1) < 0))
        watching = 0;
}

void exit(int code)
{
    REAL(exit);
    note_end("exit");
    real(watching ? 97 : code);
}

void _exit(int code)
{
    REAL(_exit);
    note_end("_exit");
    real(watching ? 97 : code);
}

void abort(void)
{
    REAL(abort);
    note_end("abort");
    real();
}
