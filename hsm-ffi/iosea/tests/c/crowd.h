/* Many at once: threads that begin together, and processes. */
#ifndef CROWD_H
#define CROWD_H

#include "check.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CROWD_MAX = 8 };

typedef struct {
    void (*act)(int number);
    pthread_barrier_t *begin;
    int number;
} Member;

static inline void *begin_member(void *argument)
{
    Member *member = argument;
    pthread_barrier_wait(member->begin);
    member->act(member->number);
    return NULL;
}

/* Runs a function in so many threads at once; each gets its number, from 0 on. */
static inline void in_threads(int count, void (*act)(int number))
{
    pthread_t threads[CROWD_MAX];
    Member members[CROWD_MAX];
    pthread_barrier_t begin;
    CHECK(count <= CROWD_MAX && pthread_barrier_init(&begin, NULL, (unsigned)count) == 0);
    for (int number = 0; number < count; number++) {
        members[number] = (Member){act, &begin, number};
        CHECK(pthread_create(&threads[number], NULL, begin_member, &members[number]) == 0);
    }
    for (int number = 0; number < count; number++)
        CHECK(pthread_join(threads[number], NULL) == 0);
    CHECK(pthread_barrier_destroy(&begin) == 0);
}

/* Runs a function in so many processes at once. The caller has no client: a child could not use it. */
static inline void in_processes(int count, void (*act)(int number))
{
    pid_t children[CROWD_MAX];
    int gate[2];
    char none;
    CHECK(count <= CROWD_MAX && pipe(gate) == 0);
    for (int number = 0; number < count; number++) {
        children[number] = fork();
        CHECK(children[number] >= 0);
        if (children[number] == 0) {
            /* Opens for all when the parent closes it. */
            CHECK(close(gate[1]) == 0 && read(gate[0], &none, 1) == 0 && close(gate[0]) == 0);
            act(number);
            _exit(0);
        }
    }
    CHECK(close(gate[0]) == 0 && close(gate[1]) == 0);
    for (int number = 0; number < count; number++) {
        int status = 0;
        CHECK(waitpid(children[number], &status, 0) == children[number]);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}

#endif
