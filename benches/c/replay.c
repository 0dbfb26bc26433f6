/*
 * Reads the whole feed of a store.
 *
 *     replay STORE
 *
 * Prints "ready" when the store is open, waits for a line, reads, and prints the number of events.
 */
#include <stdint.h>
#include <stdio.h>

#include "hsm.h"

static int failed(hsm_error *error)
{
    fprintf(stderr, "replay: %s\n", error != NULL ? hsm_error_message(error) : "an event is out of order");
    hsm_error_free(error);
    return 1;
}

int main(int argc, char **argv)
{
    hsm_error *error = NULL;
    hsm_store *store = NULL;
    hsm_subscription *subscription = NULL;
    const hsm_event *event;
    hsm_event_info info;
    hsm_status status;
    unsigned long long count = 0;
    uint64_t last = 0;
    if (argc != 2)
        return 2;
    if (hsm_store_open(argv[1], SIZE_MAX, NULL, &store, &error) != HSM_STATUS_OK)
        return failed(error);
    puts("ready");
    fflush(stdout);
    if (getchar() == EOF)
        return 2;

    if (hsm_subscription_follow(store, NULL, &subscription, &error) != HSM_STATUS_OK)
        return failed(error);
    while ((status = hsm_subscription_next(subscription, 0, &event, &error)) == HSM_STATUS_OK) {
        if (hsm_event_stat(event, &info, sizeof info, &error) != HSM_STATUS_OK)
            return failed(error);
        if (info.position.number <= last)
            return failed(NULL);
        last = info.position.number;
        count++;
    }
    if (status != HSM_STATUS_TIMEOUT)
        return failed(error);
    printf("%llu\n", count);
    fflush(stdout);
    hsm_subscription_free(subscription);
    hsm_store_free(store);
    return 0;
}
