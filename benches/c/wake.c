/*
 * Wakes a subscriber in another process, again and again.
 *
 *     wake STORE COUNT IDLE_MS
 *
 * The store is made, and the subscriber waits for IDLE_MS without an event. Then it prints "ready" and waits for a line,
 * makes COUNT durable changes, each once the one before was heard of, and prints
 * "COUNT P99_US IDLE_PPM": the 99th percentile of the time from the return of the change to the event in the other process,
 * in microseconds (0 where the event came before the return), and the share of a core that the wait took, in millionths.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hsm.h"

static hsm_error *error;

static void must(int done, const char *what)
{
    if (!done) {
        fprintf(stderr, "wake: %s: %s\n", what, error != NULL ? hsm_error_message(error) : "failed");
        exit(1);
    }
}

static int64_t now_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* The other process: tells when it was woken, and at first what an idle wait cost. */
static int follow(const char *directory, int idle_ms, int to)
{
    hsm_store *store = NULL;
    hsm_subscription *subscription = NULL;
    const hsm_event *event;
    hsm_position last;
    int64_t said = 0;
    must(hsm_store_open(directory, SIZE_MAX, NULL, &store, &error) == HSM_STATUS_OK, "open");
    must(hsm_store_position(store, &last, &error) == HSM_STATUS_OK, "position");
    must(hsm_subscription_follow(store, &last, &subscription, &error) == HSM_STATUS_OK, "follow");
    must(hsm_subscription_next(subscription, 1, &event, &error) == HSM_STATUS_TIMEOUT, "an event too early");
    int64_t begun = now_us(CLOCK_PROCESS_CPUTIME_ID);
    must(hsm_subscription_next(subscription, idle_ms, &event, &error) == HSM_STATUS_TIMEOUT, "an event too early");
    said = (now_us(CLOCK_PROCESS_CPUTIME_ID) - begun) * 1000 / idle_ms;
    must(write(to, &said, sizeof said) == sizeof said, "tell of the wait");
    while (hsm_subscription_next(subscription, 60000, &event, &error) == HSM_STATUS_OK) {
        said = now_us(CLOCK_MONOTONIC);
        if (write(to, &said, sizeof said) != sizeof said)
            break;
    }
    hsm_subscription_free(subscription);
    hsm_store_free(store);
    return 0;
}

static int compare(const void *one, const void *other)
{
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

static int64_t hear(int from)
{
    int64_t said;
    must(read(from, &said, sizeof said) == sizeof said, "hear of an event");
    return said;
}

int main(int argc, char **argv)
{
    int to_us[2], count, idle_ms;
    hsm_store *store = NULL;
    hsm_put_result put;
    if (argc != 4 || (count = atoi(argv[2])) < 1 || (idle_ms = atoi(argv[3])) < 1)
        return 2;
    int64_t *took_us = calloc((size_t)count, sizeof *took_us);
    must(hsm_store_open(argv[1], SIZE_MAX, NULL, &store, &error) == HSM_STATUS_OK, "make the store");
    must(hsm_store_close(store, &error) == HSM_STATUS_OK, "close the store");
    hsm_store_free(store);
    must(took_us != NULL && pipe(to_us) == 0, "begin");
    pid_t child = fork();
    if (child == 0) {
        close(to_us[0]);
        return follow(argv[1], idle_ms, to_us[1]);
    }
    close(to_us[1]);
    must(child > 0 && hsm_store_open(argv[1], SIZE_MAX, NULL, &store, &error) == HSM_STATUS_OK, "open");
    int64_t idle_ppm = hear(to_us[0]);
    puts("ready");
    fflush(stdout);
    if (getchar() == EOF)
        return 2;
    for (int at = 0; at < count; at++) {
        must(hsm_object_put(store, "x", 1, NULL, &put, sizeof put, &error) == HSM_STATUS_OK, "put");
        int64_t done_us = now_us(CLOCK_MONOTONIC), heard_us = hear(to_us[0]);
        took_us[at] = heard_us > done_us ? heard_us - done_us : 0;
    }
    qsort(took_us, (size_t)count, sizeof *took_us, compare);
    printf("%d %lld %lld\n", count, (long long)took_us[(size_t)count * 99 / 100], (long long)idle_ppm);
    fflush(stdout);
    close(to_us[0]); /* The next event ends the other process. */
    hsm_object_put(store, "x", 1, NULL, &put, sizeof put, NULL);
    waitpid(child, NULL, 0);
    hsm_store_free(store);
    free(took_us);
    return 0;
}
