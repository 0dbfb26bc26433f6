/* Actions: submitted, run, waited for, listed, called off and asked for anew, one by one and as a group. */
#include "check.h"

#define OBJECTS 20

static hsm_id put(const hsm_store *store, const char *content)
{
    hsm_put_result result;
    CHECK_OK(hsm_object_put(store, content, strlen(content), NULL, &result, sizeof result, &error));
    return result.id;
}

static hsm_ran run(const hsm_store *store)
{
    hsm_ran ran;
    CHECK_OK(hsm_store_run(store, 0, &ran, sizeof ran, &error));
    return ran;
}

static hsm_action_info stat_of(const hsm_store *store, const hsm_id *id)
{
    hsm_action_info info;
    CHECK_OK(hsm_action_stat(store, id, &info, sizeof info, &error));
    return info;
}

static void one_action(const hsm_store *store)
{
    hsm_action_options *options = NULL;
    hsm_action_info info;
    hsm_id object = put(store, "one"), id, again;
    char text[64];
    size_t length;
    CHECK_OK(hsm_action_options_new(&options, &error));
    CHECK_OK(hsm_store_new_id(store, &id, &error));
    CHECK_OK(hsm_action_options_set_id(options, &id, &error));
    CHECK_OK(hsm_action_options_set_priority(options, -7, &error));
    CHECK_OK(hsm_action_options_set_owner(options, "me", SIZE_MAX, &error));
    CHECK_OK(hsm_action_options_set_reason(options, "to try it", SIZE_MAX, &error));
    CHECK_OK(hsm_action_options_set_deadline_ns(options, INT64_MAX, &error));
    CHECK_OK(hsm_action_options_set_attempts_max(options, 3, &error));
    CHECK_OK(hsm_action_submit(store, HSM_ACTION_COPY, &object, 0, 2, 0, options, &again, &error));
    CHECK(memcmp(&id, &again, sizeof id) == 0);
    CHECK_OK(hsm_action_submit(store, HSM_ACTION_COPY, &object, 0, 2, 0, options, NULL, &error));
    hsm_action_options_free(options);

    info = stat_of(store, &id);
    CHECK(info.state == HSM_ACTION_QUEUED && info.verb == HSM_ACTION_COPY && info.finished_ns == 0);
    CHECK(info.source == 0 && info.target == 2 && info.priority == -7 && info.attempts_max == 3);
    CHECK(memcmp(&info.object, &object, sizeof object) == 0 && info.deadline_ns == INT64_MAX);
    CHECK_STATUS(hsm_action_wait(store, &id, 0, &info, sizeof info, &error), HSM_STATUS_TIMEOUT);
    CHECK_OK(hsm_action_text(store, &id, HSM_ACTION_TEXT_OWNER, text, sizeof text, &length, &error));
    CHECK(length == 2 && strcmp(text, "me") == 0);
    CHECK_STATUS(hsm_action_text(store, &id, HSM_ACTION_TEXT_REASON, text, 9, &length, &error),
                 HSM_STATUS_BUFFER_TOO_SMALL);
    CHECK(length == 9);
    CHECK_STATUS(hsm_action_text(store, &id, HSM_ACTION_TEXT_ERROR, NULL, 0, NULL, &error), HSM_STATUS_END);

    CHECK(run(store).done == 1);
    CHECK_OK(hsm_action_wait(store, &id, -1, &info, sizeof info, &error));
    CHECK(info.state == HSM_ACTION_DONE && info.finished_ns > 0 && info.attempts == 0);
    CHECK_OK(hsm_action_cancel(store, &id, &error));
    CHECK_OK(hsm_action_retry(store, &id, &error));
    CHECK(stat_of(store, &id).state == HSM_ACTION_DONE);
}

static void one_that_fails(const hsm_store *store)
{
    hsm_id object = put(store, "the last copy"), id;
    hsm_ran ran;
    char text[1001];
    CHECK_OK(hsm_action_submit(store, HSM_ACTION_RELEASE, &object, -1, 0, 0, NULL, &id, &error));
    ran = run(store);
    CHECK(ran.failed == 1 && ran.done == 0 && ran.put_off == 0);
    CHECK(stat_of(store, &id).state == HSM_ACTION_FAILED);
    CHECK_OK(hsm_action_text(store, &id, HSM_ACTION_TEXT_ERROR, text, sizeof text, NULL, &error));
    CHECK(strstr(text, "refused") != NULL);
    CHECK_OK(hsm_object_copy(store, &object, -1, 1, NULL, &error));
    CHECK_OK(hsm_action_retry(store, &id, &error));
    CHECK(run(store).done == 1);
}

static void a_group(const hsm_store *store)
{
    hsm_id ids[OBJECTS], group;
    hsm_action_info info;
    hsm_group_info status;
    uint64_t count, number = 0;
    int i;
    for (i = 0; i < OBJECTS; i++)
        ids[i] = put(store, "of a group");
    CHECK_OK(hsm_group_submit(store, HSM_ACTION_MOVE, ids, OBJECTS, 0, 3, 0, NULL, &group, &error));
    CHECK_OK(hsm_group_stat(store, &group, &status, sizeof status, &error));
    CHECK(status.queued == OBJECTS && status.done == 0);
    CHECK_OK(hsm_group_cancel(store, &group, &count, &error));
    CHECK(count == OBJECTS);
    CHECK(run(store).done == 0);
    CHECK_OK(hsm_group_retry(store, &group, &count, &error));
    CHECK(count == OBJECTS);
    CHECK_STATUS(hsm_group_wait(store, &group, 1, &status, sizeof status, &error), HSM_STATUS_TIMEOUT);
    CHECK(run(store).done == OBJECTS);
    CHECK_OK(hsm_group_wait(store, &group, -1, &status, sizeof status, &error));
    CHECK(status.done == OBJECTS && status.cancelled == 0);
    for (i = 0; i < OBJECTS; i++) {
        CHECK_OK(hsm_action_next(store, number, HSM_ACTION_DONE, &group, &info, sizeof info, &error));
        CHECK(info.number > number && memcmp(&info.object, &ids[i], sizeof ids[i]) == 0);
        CHECK(memcmp(&info.group, &group, sizeof group) == 0);
        number = info.number;
    }
    CHECK_STATUS(hsm_action_next(store, number, 0, &group, &info, sizeof info, &error), HSM_STATUS_END);
}

static void in_order(const hsm_store *store)
{
    hsm_action_options *options = NULL, *behind = NULL;
    hsm_id object = put(store, "in order"), group, first, last;
    hsm_group_info status;
    CHECK_OK(hsm_store_new_id(store, &group, &error));
    CHECK_OK(hsm_action_options_new(&options, &error));
    CHECK_OK(hsm_action_options_set_group(options, &group, &error));
    CHECK_OK(hsm_action_submit(store, HSM_ACTION_COPY, &object, -1, 2, 0, options, &first, &error));
    CHECK_OK(hsm_action_options_add_after(options, &first, &error));
    CHECK_OK(hsm_action_submit(store, HSM_ACTION_RELEASE, &object, -1, 0, 0, options, &last, &error));
    CHECK_OK(hsm_group_stat(store, &group, &status, sizeof status, &error));
    CHECK(status.waiting == 1 && status.queued == 1 && stat_of(store, &last).state == HSM_ACTION_WAITING);
    CHECK(run(store).done == 2);
    CHECK(stat_of(store, &last).state == HSM_ACTION_DONE);
    CHECK_OK(hsm_action_options_new(&behind, &error));
    CHECK_OK(hsm_action_options_add_after(behind, &group, &error));
    CHECK_STATUS(hsm_action_submit(store, HSM_ACTION_COPY, &object, -1, 2, 0, behind, &last, &error),
                 HSM_STATUS_NOT_FOUND);
    hsm_action_options_free(behind);
    hsm_action_options_free(options);
}

static void a_site(const hsm_store *store)
{
    hsm_id object = put(store, "on a tape"), id;
    hsm_action_info info, again;
    char text[64];
    size_t length;
    CHECK_OK(hsm_action_submit_site(store, "tape.mount", SIZE_MAX, "VOL001", 6, &object, NULL, &id, &error));
    CHECK(run(store).done == 0);
    CHECK_STATUS(hsm_action_lease(store, "a,b", 3, "robot", 5, 60000, 0, &info, sizeof info, &error),
                 HSM_STATUS_TIMEOUT);
    CHECK_OK(hsm_action_lease(store, "a,tape.mount", SIZE_MAX, "robot", 5, 60000, -1, &info, sizeof info, &error));
    CHECK(memcmp(&info.id, &id, sizeof id) == 0 && info.verb == HSM_ACTION_SITE && info.token > 0);
    CHECK(info.state == HSM_ACTION_RUNNING && memcmp(&info.object, &object, sizeof object) == 0);
    CHECK_OK(hsm_action_bytes(store, &id, HSM_ACTION_BYTES_PAYLOAD, text, sizeof text, &length, &error));
    CHECK(length == 6 && memcmp(text, "VOL001", 6) == 0);
    CHECK_OK(hsm_action_text(store, &id, HSM_ACTION_TEXT_KIND, text, sizeof text, NULL, &error));
    CHECK(strcmp(text, "tape.mount") == 0);
    CHECK_OK(hsm_action_extend(store, &id, info.token, 120000, "in the drive", SIZE_MAX, &error));
    again = stat_of(store, &id);
    CHECK(again.token == info.token && again.leased_until_ns > info.leased_until_ns);
    CHECK_OK(hsm_action_text(store, &id, HSM_ACTION_TEXT_NOTE, text, sizeof text, NULL, &error));
    CHECK(strcmp(text, "in the drive") == 0);
    CHECK_OK(hsm_action_text(store, &id, HSM_ACTION_TEXT_WORKER, text, sizeof text, NULL, &error));
    CHECK(strcmp(text, "robot") == 0);
    CHECK_OK(hsm_action_give_back(store, &id, info.token, &error));
    CHECK_STATUS(hsm_action_complete(store, &id, info.token, NULL, 0, &error), HSM_STATUS_REFUSED);
    CHECK_OK(hsm_action_lease(store, "tape.mount", SIZE_MAX, "robot", 5, 60000, 0, &info, sizeof info, &error));
    CHECK_OK(hsm_action_complete(store, &id, info.token, "drive 3", 7, &error));
    CHECK_OK(hsm_action_complete(store, &id, info.token, "drive 3", 7, &error));
    CHECK_OK(hsm_action_bytes(store, &id, HSM_ACTION_BYTES_RESULT, text, sizeof text, &length, &error));
    CHECK(length == 7 && stat_of(store, &id).state == HSM_ACTION_DONE);

    CHECK_OK(hsm_action_submit_site(store, "tape.mount", SIZE_MAX, NULL, 0, NULL, NULL, &id, &error));
    CHECK_OK(hsm_action_lease(store, "tape.mount", SIZE_MAX, "robot", 5, 60000, 0, &info, sizeof info, &error));
    CHECK_STATUS(hsm_action_bytes(store, &id, HSM_ACTION_BYTES_PAYLOAD, NULL, 0, NULL, &error), HSM_STATUS_END);
    CHECK_OK(hsm_action_fail(store, &id, info.token, "no drive", SIZE_MAX, 0, &error));
    CHECK(stat_of(store, &id).state == HSM_ACTION_FAILED);
    CHECK_OK(hsm_action_retry(store, &id, &error));
    CHECK_OK(hsm_action_lease(store, "tape.mount", SIZE_MAX, "robot", 5, 60000, 0, &info, sizeof info, &error));
    CHECK_OK(hsm_action_cancel(store, &id, &error));
    CHECK_STATUS(hsm_action_extend(store, &id, info.token, 1000, NULL, 0, &error), HSM_STATUS_CANCELLED);
}

static void events(const hsm_store *store)
{
    hsm_subscription *subscription = NULL;
    const hsm_event *event = NULL;
    hsm_event_info info;
    int submitted = 0, done = 0;
    CHECK_OK(hsm_subscription_follow(store, NULL, &subscription, &error));
    CHECK_OK(hsm_subscription_add_kind(subscription, HSM_EVENT_ACTION_SUBMITTED, &error));
    CHECK_OK(hsm_subscription_add_kind(subscription, HSM_EVENT_ACTION_CHANGED, &error));
    while (hsm_subscription_next(subscription, 0, &event, &error) == HSM_STATUS_OK) {
        CHECK_OK(hsm_event_stat(event, &info, sizeof info, &error));
        submitted += info.kind == HSM_EVENT_ACTION_SUBMITTED && info.verb != 0;
        done += info.kind == HSM_EVENT_ACTION_CHANGED && info.state == HSM_ACTION_DONE;
    }
    CHECK(submitted == OBJECTS + 6 && done == OBJECTS + 5);
    hsm_subscription_free(subscription);
}

static int32_t stop(void *user_data, const hsm_progress *progress, size_t size)
{
    (void)progress;
    (void)size;
    return ++*(int *)user_data > 2 ? 42 : 0;
}

static void a_stop_and_forgetting(const hsm_store *store)
{
    hsm_progress_callback callback = {stop, NULL, NULL};
    hsm_store *watched = NULL;
    hsm_maintained done;
    int asked = 0;
    callback.user_data = &asked;
    CHECK_OK(hsm_store_with_progress(store, callback, &watched, &error));
    CHECK_STATUS(hsm_store_run(watched, -1, NULL, 0, &error), HSM_STATUS_CANCELLED);
    CHECK(asked == 3);
    hsm_store_free(watched);
    CHECK_OK(hsm_store_set_actions_kept(store, 5, UINT64_MAX, &error));
    CHECK_OK(hsm_store_maintain(store, &done, sizeof done, &error));
    CHECK(done.actions_forgotten == OBJECTS + 6 - 5);
}

/* From one file into the store, and out of it into another. */
static void files_of_outside(const hsm_store *store, const char *beside)
{
    hsm_action_options *options = NULL;
    hsm_id object, id;
    char from[4096], to[4096], text[4096], bytes[10];
    size_t length;
    FILE *file;
    snprintf(from, sizeof from, "%s-from", beside);
    snprintf(to, sizeof to, "%s-to", beside);
    file = fopen(from, "wb");
    CHECK(file != NULL && fwrite("123456789", 1, 9, file) == 9 && fclose(file) == 0);
    CHECK_OK(hsm_store_new_id(store, &object, &error));
    CHECK_OK(hsm_action_options_new(&options, &error));
    CHECK_STATUS(hsm_action_submit(store, HSM_ACTION_PUT, &object, -1, 1, 0, options, &id, &error), HSM_STATUS_INVALID);
    CHECK_OK(hsm_action_options_set_path(options, from, SIZE_MAX, &error));
    CHECK_OK(hsm_action_options_expect_digest(options, "crc32c:e3069283", SIZE_MAX, &error));
    CHECK_STATUS(hsm_action_submit(store, HSM_ACTION_COPY, &object, -1, 1, 0, options, &id, &error), HSM_STATUS_INVALID);
    CHECK_OK(hsm_action_submit(store, HSM_ACTION_PUT, &object, -1, 1, 0, options, &id, &error));
    CHECK_OK(hsm_action_text(store, &id, HSM_ACTION_TEXT_PATH, text, sizeof text, &length, &error));
    CHECK(length == strlen(from) && strcmp(text, from) == 0);
    CHECK(run(store).done == 1);
    CHECK_OK(hsm_action_options_set_path(options, to, SIZE_MAX, &error));
    CHECK_OK(hsm_action_submit(store, HSM_ACTION_GET, &object, 1, 0, 0, options, &id, &error));
    CHECK(run(store).done == 1);
    file = fopen(to, "rb");
    CHECK(file != NULL && fread(bytes, 1, 10, file) == 9 && memcmp(bytes, "123456789", 9) == 0 && fclose(file) == 0);
    CHECK_OK(hsm_action_options_set_path(options, from, SIZE_MAX, &error));
    CHECK_OK(hsm_action_options_set_adoption(options, HSM_ADOPT_REMOVE_SOURCE, &error));
    CHECK_STATUS(hsm_action_submit(store, HSM_ACTION_PUT, &object, -1, 1, 0, options, &id, &error), HSM_STATUS_INVALID);
    CHECK_OK(hsm_action_submit(store, HSM_ACTION_ADOPT, &object, -1, 1, 0, options, &id, &error));
    CHECK(run(store).done == 1);
    CHECK(fopen(from, "rb") == NULL && remove(to) == 0);
    hsm_action_options_free(options);
}

int main(int argc, char **argv)
{
    hsm_store *store = NULL;
    CHECK(argc == 2);
    CHECK_OK(hsm_store_open(argv[1], SIZE_MAX, NULL, &store, &error));
    one_action(store);
    one_that_fails(store);
    a_group(store);
    in_order(store);
    a_site(store);
    events(store);
    a_stop_and_forgetting(store);
    files_of_outside(store, argv[1]);
    CHECK_OK(hsm_store_close(store, &error));
    hsm_store_free(store);
    return 0;
}
