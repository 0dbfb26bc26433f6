/* Reading is told late, for many objects at once, and changes nothing of an object. */
#include "check.h"

static hsm_object_info stat_of(const hsm_store *store, const hsm_id *id)
{
    hsm_object *object = NULL;
    hsm_object_info info;
    CHECK_OK(hsm_object_open(store, id, &object, &error));
    CHECK_OK(hsm_object_stat(object, &info, sizeof info, &error));
    hsm_object_free(object);
    return info;
}

static void read_it(const hsm_store *store, const hsm_id *id)
{
    char byte;
    size_t read;
    CHECK_OK(hsm_object_get(store, id, -1, 0, &byte, 1, &read, &error));
    CHECK(read == 1 && byte == 'x');
}

/* How many events tell of an access, and that the last is of this object and time. */
static int accesses(const hsm_store *store, const hsm_id *id, int64_t accessed_ns, int left_out)
{
    hsm_subscription *subscription = NULL;
    const hsm_event *event = NULL;
    hsm_event_info info;
    hsm_status status;
    int count = 0;
    CHECK_OK(hsm_store_sync(store, NULL, &error));
    CHECK_OK(hsm_subscription_follow(store, NULL, &subscription, &error));
    if (left_out)
        CHECK_OK(hsm_subscription_leave_out_kind(subscription, HSM_EVENT_ACCESSED, &error));
    while ((status = hsm_subscription_next(subscription, 0, &event, &error)) == HSM_STATUS_OK) {
        CHECK_OK(hsm_event_stat(event, &info, sizeof info, &error));
        if (info.kind != HSM_EVENT_ACCESSED)
            continue;
        CHECK(memcmp(&info.object, id, sizeof *id) == 0 && info.record_type == 48);
        CHECK(info.accessed_ns <= accessed_ns);
        count++;
    }
    CHECK(status == HSM_STATUS_TIMEOUT);
    hsm_subscription_free(subscription);
    return count;
}

int main(int argc, char **argv)
{
    hsm_store *store = NULL;
    hsm_put_result put;
    hsm_position before, after;
    hsm_object_info first, then;
    uint64_t staleness_ns = 0;
    CHECK(argc == 2);
    CHECK_OK(hsm_store_open(argv[1], SIZE_MAX, NULL, &store, &error));
    CHECK_OK(hsm_object_put(store, "x", 1, NULL, &put, sizeof put, &error));
    first = stat_of(store, &put.id);
    CHECK(first.accessed_ns == 0);

    /* An hour: nothing is written. */
    CHECK_OK(hsm_store_access_staleness(store, &staleness_ns, &error));
    CHECK(staleness_ns == (uint64_t)3600 * 1000000000);
    CHECK_OK(hsm_store_position(store, &before, &error));
    for (int index = 0; index < 1000; index++)
        read_it(store, &put.id);
    CHECK_OK(hsm_store_position(store, &after, &error));
    CHECK(after.number == before.number);

    /* None: each read is. */
    CHECK_OK(hsm_store_set_access_staleness(store, 0, &after, &error));
    CHECK(after.number == before.number + 1);
    for (int index = 0; index < 3; index++)
        read_it(store, &put.id);
    then = stat_of(store, &put.id);
    CHECK(then.accessed_ns > first.modified_ns && then.changed == first.changed);
    CHECK(then.modified_ns == first.modified_ns && then.generation == first.generation);
    CHECK(accesses(store, &put.id, then.accessed_ns, 0) == 3);
    CHECK(accesses(store, &put.id, then.accessed_ns, 1) == 0);

    /* Not recorded. */
    CHECK_OK(hsm_store_set_access_staleness(store, UINT64_MAX, NULL, &error));
    CHECK_OK(hsm_store_access_staleness(store, &staleness_ns, &error));
    CHECK(staleness_ns == UINT64_MAX);
    read_it(store, &put.id);
    CHECK_OK(hsm_store_maintain(store, NULL, 0, &error));
    CHECK(stat_of(store, &put.id).accessed_ns == then.accessed_ns);
    CHECK_OK(hsm_store_close(store, &error));
    hsm_store_free(store);
    return 0;
}
