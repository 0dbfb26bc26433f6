/*
 * What the random callers have in common: they draw what they pass, count what they met, and say of each answer whether it is
 * one that the model allows. A seed is a thread's number, so a run can be had again.
 */
#ifndef RANDOM_H
#define RANDOM_H

#include "check.h"

#include <pthread.h>

enum { MET_MAX = 40 };

typedef struct {
    uint64_t state;
    uint64_t number;                          /* of the thread, from 1 on */
    unsigned long codes[HESTIA_ERROR_COUNT];  /* how often each was answered */
    unsigned long met[MET_MAX];               /* how often each kind of input was passed, and each change made */
    void *model;
} Caller;

/* The answers that are right where something is wrong with a call: a bit for each; none, and it must succeed. */
typedef unsigned Faults;
#define FAULT(code) (1u << (code))

static inline uint64_t draw(Caller *caller, uint64_t below)
{
    caller->state ^= caller->state << 13;
    caller->state ^= caller->state >> 7;
    caller->state ^= caller->state << 17;
    return caller->state % below;
}

/* Whether something happens that does so once in so many times. */
static inline int is_once_in(Caller *caller, uint64_t times)
{
    return draw(caller, times) == 0;
}

/* Fills a record as one that nobody initialised may be. */
static inline void fill(Caller *caller, void *record, size_t size)
{
    static const unsigned char patterns[] = {0, 1, 2, 0x7f, 0xa5, 0xff};
    memset(record, patterns[draw(caller, sizeof patterns)], size);
}

/* How many callers are in the middle of their calls. */
static int callers_at_once;

/* Counts an answer, and ends the test where the model does not allow it. */
static inline int answered(Caller *caller, const char *call, int code, Faults faults)
{
    char words[256] = "";
    if (code < 0 || code >= HESTIA_ERROR_COUNT || (faults == 0 ? code != 0 : (faults & FAULT(code)) == 0)) {
        hestia_get_last_error(words, sizeof words);
        fprintf(stderr, "caller %d: %s answered %d, which none of the faults %#x is: %s\n", (int)caller->number, call, code,
                faults, words);
        exit(1);
    }
    caller->codes[code]++;
    return code == 0;
}

/* Runs callers at once, and adds up in `all` what they counted. `act` gets a Caller. */
static inline void run_callers(int count, void *(*act)(void *), Caller *all)
{
    Caller callers[8];
    pthread_t threads[8];
    CHECK(count <= 8);
    for (int index = 0; index < count; index++) {
        memset(&callers[index], 0, sizeof callers[index]);
        callers[index].number = (uint64_t)index + 1;
        callers[index].state = 0x9e3779b97f4a7c15u * callers[index].number;
        CHECK(pthread_create(&threads[index], NULL, act, &callers[index]) == 0);
    }
    for (int index = 0; index < count; index++) {
        CHECK(pthread_join(threads[index], NULL) == 0);
        for (int code = 0; code < HESTIA_ERROR_COUNT; code++)
            all->codes[code] += callers[index].codes[code];
        for (int what = 0; what < MET_MAX; what++)
            all->met[what] += callers[index].met[what];
    }
}

/* Ends the test where something that has a name was never met: the callers would show nothing of it. */
static inline void check_met(const Caller *all, const char *const names[], size_t count)
{
    CHECK(count <= MET_MAX);
    for (size_t what = 0; what < count; what++)
        if (all->met[what] == 0) {
            fprintf(stderr, "never met: %s\n", names[what]);
            exit(1);
        }
}

#endif
