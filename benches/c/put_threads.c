/*
 * Puts small objects from several threads, each put durable when it returns, for a profile.
 *
 *     put_threads STORE THREADS PUTS
 *
 * Makes STORE, puts PUTS objects of 4 KiB in all, and prints how many a second that were.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hsm.h"

#define SIZE 4096
#define THREADS_MAX 64

static hsm_store *store;
static size_t puts_each;

static int failed(hsm_error *error)
{
    fprintf(stderr, "put_threads: %s\n", error != NULL ? hsm_error_message(error) : "no thread");
    hsm_error_free(error);
    return 1;
}

static void *put(void *first)
{
    uint64_t content[SIZE / 8];
    for (size_t word = 0; word < SIZE / 8; word++)
        content[word] = (uintptr_t)first * 6364136223846793005u + word * 1442695040888963407u;
    for (size_t index = 0; index < puts_each; index++) {
        hsm_error *error = NULL;
        hsm_put_result result;
        content[0] = index;
        if (hsm_object_put(store, content, SIZE, NULL, &result, sizeof result, &error) != HSM_STATUS_OK) {
            failed(error);
            return NULL;
        }
    }
    return &puts_each;
}

int main(int argc, char **argv)
{
    hsm_error *error = NULL;
    pthread_t threads[THREADS_MAX];
    struct timespec begun, ended;
    if (argc != 4)
        return 2;
    size_t count = strtoull(argv[2], NULL, 10);
    if (count == 0 || count > THREADS_MAX)
        return 2;
    puts_each = strtoull(argv[3], NULL, 10) / count;
    if (hsm_store_open(argv[1], SIZE_MAX, NULL, &store, &error) != HSM_STATUS_OK)
        return failed(error);
    clock_gettime(CLOCK_MONOTONIC, &begun);
    for (size_t index = 0; index < count; index++)
        if (pthread_create(&threads[index], NULL, put, (void *)(uintptr_t)(index + 1)) != 0)
            return failed(NULL);
    int status = 0;
    for (size_t index = 0; index < count; index++) {
        void *done = NULL;
        pthread_join(threads[index], &done);
        if (done == NULL)
            status = 1;
    }
    clock_gettime(CLOCK_MONOTONIC, &ended);
    double seconds = (double)(ended.tv_sec - begun.tv_sec) + (double)(ended.tv_nsec - begun.tv_nsec) / 1e9;
    printf("%.0f\n", (double)(puts_each * count) / seconds);
    hsm_store_free(store);
    return status;
}
