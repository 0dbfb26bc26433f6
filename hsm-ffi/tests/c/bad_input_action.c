/* Bad input: actions, groups, their options, and running them. */
#include "bad_input.h"

#define INFO sizeof out.action
#define GROUP_INFO sizeof out.group

static void options(void)
{
    hsm_action_options *its = NULL;
    char long_text[257];
    memset(long_text, 'a', sizeof long_text);
    CHECK_OK(hsm_action_options_new(&its, &error));
    BAD(INVALID, hsm_action_options_new, options_out, (NULL, &error));
    PLAIN(hsm_action_options_free, options, (hsm_action_options_free(NULL), 1));
    BAD(INVALID, hsm_action_options_set_id, options, (NULL, &world.unknown, &error));
    FINE(hsm_action_options_set_id, id, (its, &world.zero, &error));
    FINE(hsm_action_options_set_id, id, (its, NULL, &error));
    BAD(INVALID, hsm_action_options_set_group, options, (NULL, &world.unknown, &error));
    FINE(hsm_action_options_set_group, group, (its, &world.zero, &error));
    FINE(hsm_action_options_set_group, group, (its, NULL, &error));
    BAD(INVALID, hsm_action_options_add_after, options, (NULL, &world.unknown, &error));
    BAD(INVALID, hsm_action_options_add_after, id, (its, NULL, &error));
    BAD(INVALID, hsm_action_options_add_after, id, (its, &world.zero, &error));
    BAD(INVALID, hsm_action_options_set_path, options, (NULL, "/a", 2, &error));
    BAD(INVALID, hsm_action_options_set_path, path, (its, NULL, 2, &error));
    BAD(INVALID, hsm_action_options_set_path, path, (its, "", 0, &error));
    BAD(INVALID, hsm_action_options_set_path, path_length, (its, "/a", TOO_LONG, &error));
    BAD(INVALID, hsm_action_options_set_adoption, options, (NULL, 1, &error));
    BAD(INVALID, hsm_action_options_set_adoption, how, (its, 4, &error));
    FINE(hsm_action_options_set_adoption, how, (its, 0, &error));
    BAD(INVALID, hsm_action_options_expect_digest, options, (NULL, "crc32c:e3069283", SIZE_MAX, &error));
    BAD(INVALID, hsm_action_options_expect_digest, digest, (its, NULL, 2, &error));
    BAD(INVALID, hsm_action_options_expect_digest, digest, (its, "crc32c:e3", SIZE_MAX, &error));
    UTF8(hsm_action_options_expect_digest, digest, (its, NO_TEXT, SIZE_MAX, &error));
    BAD(INVALID, hsm_action_options_expect_digest, digest_length, (its, "crc32c:e3069283", TOO_LONG, &error));
    BAD(INVALID, hsm_action_options_set_priority, options, (NULL, 1, &error));
    FINE(hsm_action_options_set_priority, priority, (its, INT32_MIN, &error));
    BAD(INVALID, hsm_action_options_set_owner, options, (NULL, "me", 2, &error));
    BAD(INVALID, hsm_action_options_set_owner, owner, (its, NULL, 2, &error));
    BAD(INVALID, hsm_action_options_set_owner, owner, (its, long_text, 256, &error));
    UTF8(hsm_action_options_set_owner, owner, (its, NO_TEXT, SIZE_MAX, &error));
    BAD(INVALID, hsm_action_options_set_owner, owner_length, (its, "me", TOO_LONG, &error));
    BAD(INVALID, hsm_action_options_set_reason, options, (NULL, "so", 2, &error));
    BAD(INVALID, hsm_action_options_set_reason, reason, (its, NULL, 2, &error));
    BAD(INVALID, hsm_action_options_set_reason, reason, (its, long_text, 256, &error));
    UTF8(hsm_action_options_set_reason, reason, (its, NO_TEXT, SIZE_MAX, &error));
    BAD(INVALID, hsm_action_options_set_reason, reason_length, (its, "so", TOO_LONG, &error));
    BAD(INVALID, hsm_action_options_set_deadline_ns, options, (NULL, 1, &error));
    BAD(INVALID, hsm_action_options_set_deadline_ns, deadline_ns, (its, -1, &error));
    BAD(INVALID, hsm_action_options_set_attempts_max, options, (NULL, 1, &error));
    FINE(hsm_action_options_set_attempts_max, attempts_max, (its, 0, &error));
    hsm_action_options_free(its);
}

static void submits(void)
{
    const hsm_store *store = world.store;
    const hsm_id *object = &world.object;
    BAD(INVALID, hsm_action_submit, store, (NULL, HSM_ACTION_COPY, object, -1, 1, 0, NULL, &out.id, &error));
    CLOSED(hsm_action_submit, store, (world.closed, HSM_ACTION_COPY, object, -1, 1, 0, NULL, &out.id, &error));
    BAD(INVALID, hsm_action_submit, verb, (store, 0, object, -1, 1, 0, NULL, &out.id, &error));
    BAD(INVALID, hsm_action_submit, verb, (store, 99, object, -1, 1, 0, NULL, &out.id, &error));
    BAD(INVALID, hsm_action_submit, object, (store, HSM_ACTION_COPY, NULL, -1, 1, 0, NULL, &out.id, &error));
    BAD(INVALID, hsm_action_submit, object, (store, HSM_ACTION_COPY, &world.zero, -1, 1, 0, NULL, &out.id, &error));
    BAD(INVALID, hsm_action_submit, source, (store, HSM_ACTION_COPY, object, -2, 1, 0, NULL, &out.id, &error));
    SAYS(INVALID, "source", hsm_action_submit, source,
         (store, HSM_ACTION_MOVE, object, -1, 1, 0, NULL, &out.id, &error));
    SAYS(INVALID, "source", hsm_action_submit, source,
         (store, HSM_ACTION_VERIFY, object, 0, 1, 0, NULL, &out.id, &error));
    BAD(INVALID, hsm_action_submit, target, (store, HSM_ACTION_COPY, object, -1, 256, 0, NULL, &out.id, &error));
    BAD(NOT_FOUND, hsm_action_submit, target, (store, HSM_ACTION_COPY, object, -1, 77, 0, NULL, &out.id, &error));
    BAD(INVALID, hsm_action_submit, force, (store, HSM_ACTION_COPY, object, -1, 1, 2, NULL, &out.id, &error));
    FINE(hsm_action_submit, options, (store, HSM_ACTION_COPY, object, -1, 1, 0, NULL, &out.id, &error));
    FINE(hsm_action_submit, id_out, (store, HSM_ACTION_COPY, object, -1, 1, 0, NULL, NULL, &error));

    BAD(INVALID, hsm_group_submit, store, (NULL, HSM_ACTION_COPY, object, 1, -1, 1, 0, NULL, &out.id, &error));
    CLOSED(hsm_group_submit, store, (world.closed, HSM_ACTION_COPY, object, 1, -1, 1, 0, NULL, &out.id, &error));
    BAD(INVALID, hsm_group_submit, verb, (store, -1, object, 1, -1, 1, 0, NULL, &out.id, &error));
    BAD(INVALID, hsm_group_submit, ids, (store, HSM_ACTION_COPY, NULL, 1, -1, 1, 0, NULL, &out.id, &error));
    SAYS(INVALID, "count", hsm_group_submit, count,
         (store, HSM_ACTION_COPY, object, TOO_LONG, -1, 1, 0, NULL, &out.id, &error));
    BAD(INVALID, hsm_group_submit, source, (store, HSM_ACTION_COPY, object, 1, -2, 1, 0, NULL, &out.id, &error));
    BAD(INVALID, hsm_group_submit, target, (store, HSM_ACTION_COPY, object, 1, -1, -1, 0, NULL, &out.id, &error));
    BAD(INVALID, hsm_group_submit, force, (store, HSM_ACTION_COPY, object, 1, -1, 1, 7, NULL, &out.id, &error));
    BAD(INVALID, hsm_group_submit, verb, (store, HSM_ACTION_PUT, object, 1, -1, 1, 0, NULL, &out.id, &error));
    FINE(hsm_group_submit, options, (store, HSM_ACTION_COPY, object, 1, -1, 1, 0, NULL, &out.id, &error));
    BAD(INVALID, hsm_group_submit, group_out, (store, HSM_ACTION_COPY, object, 1, -1, 1, 0, NULL, NULL, &error));
}

static void looks(const hsm_id *id, const hsm_id *failed)
{
    const hsm_store *store = world.store;
    BAD(INVALID, hsm_action_stat, store, (NULL, id, &out.action, INFO, &error));
    CLOSED(hsm_action_stat, store, (world.closed, id, &out.action, INFO, &error));
    BAD(INVALID, hsm_action_stat, id, (store, NULL, &out.action, INFO, &error));
    BAD(NOT_FOUND, hsm_action_stat, id, (store, &world.unknown, &out.action, INFO, &error));
    BAD(INVALID, hsm_action_stat, info_out, (store, id, NULL, INFO, &error));
    BAD(INVALID, hsm_action_stat, info_size, (store, id, &out.action, 0, &error));
    BAD(INVALID, hsm_action_stat, info_size, (store, id, &out.action, TOO_LONG, &error));

    BAD(INVALID, hsm_action_text, store, (NULL, id, 1, out.buffer, 256, &out.length, &error));
    CLOSED(hsm_action_text, store, (world.closed, id, 1, out.buffer, 256, &out.length, &error));
    BAD(INVALID, hsm_action_text, id, (store, NULL, 1, out.buffer, 256, &out.length, &error));
    BAD(NOT_FOUND, hsm_action_text, id, (store, &world.unknown, 1, out.buffer, 256, &out.length, &error));
    BAD(INVALID, hsm_action_text, what, (store, id, 0, out.buffer, 256, &out.length, &error));
    BAD(INVALID, hsm_action_text, what, (store, id, 99, out.buffer, 256, &out.length, &error));
    BAD(INVALID, hsm_action_text, buffer, (store, failed, 3, NULL, 256, &out.length, &error));
    BAD(BUFFER_TOO_SMALL, hsm_action_text, buffer_size, (store, failed, 3, out.buffer, 2, &out.length, &error));
    FINE(hsm_action_text, length_out, (store, failed, 3, out.buffer, 1001, NULL, &error));

    BAD(INVALID, hsm_action_next, store, (NULL, 0, 0, NULL, &out.action, INFO, &error));
    CLOSED(hsm_action_next, store, (world.closed, 0, 0, NULL, &out.action, INFO, &error));
    BAD(END, hsm_action_next, number, (store, UINT64_MAX, 0, NULL, &out.action, INFO, &error));
    BAD(INVALID, hsm_action_next, state, (store, 0, 7, NULL, &out.action, INFO, &error));
    BAD(INVALID, hsm_action_next, state, (store, 0, -1, NULL, &out.action, INFO, &error));
    FINE(hsm_action_next, group, (store, 0, 0, NULL, &out.action, INFO, &error));
    BAD(END, hsm_action_next, group, (store, 0, 0, &world.unknown, &out.action, INFO, &error));
    BAD(INVALID, hsm_action_next, info_out, (store, 0, 0, NULL, NULL, INFO, &error));
    BAD(INVALID, hsm_action_next, info_size, (store, 0, 0, NULL, &out.action, 0, &error));

    BAD(INVALID, hsm_action_wait, store, (NULL, id, 0, &out.action, INFO, &error));
    CLOSED(hsm_action_wait, store, (world.closed, id, -1, &out.action, INFO, &error));
    BAD(INVALID, hsm_action_wait, id, (store, NULL, 0, &out.action, INFO, &error));
    BAD(NOT_FOUND, hsm_action_wait, id, (store, &world.unknown, -1, &out.action, INFO, &error));
    BAD(INVALID, hsm_action_wait, timeout_ms, (store, failed, -2, &out.action, INFO, &error));
    BAD(TIMEOUT, hsm_action_wait, timeout_ms, (store, id, 0, &out.action, INFO, &error));
    FINE(hsm_action_wait, info_out, (store, failed, -1, NULL, 0, &error));
    BAD(INVALID, hsm_action_wait, info_size, (store, failed, 0, &out.action, 0, &error));
}

static void changes(const hsm_id *id)
{
    const hsm_store *store = world.store;
    BAD(INVALID, hsm_action_cancel, store, (NULL, id, &error));
    CLOSED(hsm_action_cancel, store, (world.closed, id, &error));
    BAD(INVALID, hsm_action_cancel, id, (store, NULL, &error));
    BAD(NOT_FOUND, hsm_action_cancel, id, (store, &world.unknown, &error));
    BAD(INVALID, hsm_action_retry, store, (NULL, id, &error));
    CLOSED(hsm_action_retry, store, (world.closed, id, &error));
    BAD(INVALID, hsm_action_retry, id, (store, NULL, &error));
    BAD(NOT_FOUND, hsm_action_retry, id, (store, &world.unknown, &error));
}

static void groups(const hsm_id *group, const hsm_id *nothing)
{
    const hsm_store *store = world.store;
    BAD(INVALID, hsm_group_stat, store, (NULL, group, &out.group, GROUP_INFO, &error));
    CLOSED(hsm_group_stat, store, (world.closed, group, &out.group, GROUP_INFO, &error));
    BAD(INVALID, hsm_group_stat, group, (store, NULL, &out.group, GROUP_INFO, &error));
    BAD(INVALID, hsm_group_stat, info_out, (store, group, NULL, GROUP_INFO, &error));
    BAD(INVALID, hsm_group_stat, info_size, (store, group, &out.group, 0, &error));
    BAD(INVALID, hsm_group_wait, store, (NULL, group, 0, &out.group, GROUP_INFO, &error));
    CLOSED(hsm_group_wait, store, (world.closed, group, -1, &out.group, GROUP_INFO, &error));
    BAD(INVALID, hsm_group_wait, group, (store, NULL, 0, &out.group, GROUP_INFO, &error));
    BAD(INVALID, hsm_group_wait, timeout_ms, (store, group, -2, &out.group, GROUP_INFO, &error));
    BAD(TIMEOUT, hsm_group_wait, timeout_ms, (store, group, 0, &out.group, GROUP_INFO, &error));
    FINE(hsm_group_wait, info_out, (store, nothing, -1, NULL, 0, &error));
    BAD(INVALID, hsm_group_wait, info_size, (store, group, 0, &out.group, 0, &error));
    BAD(INVALID, hsm_group_cancel, store, (NULL, group, &out.number, &error));
    CLOSED(hsm_group_cancel, store, (world.closed, group, &out.number, &error));
    BAD(INVALID, hsm_group_cancel, group, (store, &world.zero, &out.number, &error));
    BAD(INVALID, hsm_group_cancel, group, (store, NULL, &out.number, &error));
    FINE(hsm_group_cancel, count_out, (store, nothing, NULL, &error));
    BAD(INVALID, hsm_group_retry, store, (NULL, group, &out.number, &error));
    CLOSED(hsm_group_retry, store, (world.closed, group, &out.number, &error));
    BAD(INVALID, hsm_group_retry, group, (store, &world.zero, &out.number, &error));
    BAD(INVALID, hsm_group_retry, group, (store, NULL, &out.number, &error));
    FINE(hsm_group_retry, count_out, (store, nothing, NULL, &error));
}

static void runs(void)
{
    const hsm_store *store = world.store;
    BAD(INVALID, hsm_store_run, store, (NULL, 0, &out.ran, sizeof out.ran, &error));
    CLOSED(hsm_store_run, store, (world.closed, -1, &out.ran, sizeof out.ran, &error));
    BAD(INVALID, hsm_store_run, timeout_ms, (store, -2, &out.ran, sizeof out.ran, &error));
    BAD(INVALID, hsm_store_run, ran_size, (store, 0, &out.ran, 0, &error));
    FINE(hsm_store_run, ran_out, (store, 0, NULL, 0, &error));
    BAD(INVALID, hsm_store_set_actions_kept, store, (NULL, 1, 1, &error));
    CLOSED(hsm_store_set_actions_kept, store, (world.closed, 1, 1, &error));
    FINE(hsm_store_set_actions_kept, count_max, (store, UINT64_MAX, 1, &error));
    FINE(hsm_store_set_actions_kept, age_max_ns, (store, UINT64_MAX, UINT64_MAX, &error));
}

static void site(const hsm_id *queued, const hsm_id *leased, uint64_t token)
{
    const hsm_store *store = world.store;
    const char *kind = "bad.kind";
    char long_text[1002];
    memset(long_text, 'a', sizeof long_text);
    BAD(INVALID, hsm_action_submit_site, store, (NULL, kind, 8, "p", 1, NULL, NULL, &out.id, &error));
    CLOSED(hsm_action_submit_site, store, (world.closed, kind, 8, "p", 1, NULL, NULL, &out.id, &error));
    BAD(INVALID, hsm_action_submit_site, kind, (store, NULL, 8, "p", 1, NULL, NULL, &out.id, &error));
    BAD(INVALID, hsm_action_submit_site, kind, (store, "", 0, "p", 1, NULL, NULL, &out.id, &error));
    BAD(INVALID, hsm_action_submit_site, kind, (store, "a,b", 3, "p", 1, NULL, NULL, &out.id, &error));
    BAD(INVALID, hsm_action_submit_site, kind, (store, long_text, 256, "p", 1, NULL, NULL, &out.id, &error));
    UTF8(hsm_action_submit_site, kind, (store, NO_TEXT, SIZE_MAX, "p", 1, NULL, NULL, &out.id, &error));
    BAD(INVALID, hsm_action_submit_site, kind_length, (store, kind, TOO_LONG, "p", 1, NULL, NULL, &out.id, &error));
    BAD(INVALID, hsm_action_submit_site, payload, (store, kind, 8, NULL, 1, NULL, NULL, &out.id, &error));
    BAD(INVALID, hsm_action_submit_site, size, (store, kind, 8, "p", TOO_LONG, NULL, NULL, &out.id, &error));
    FINE(hsm_action_submit_site, object, (store, kind, 8, "p", 1, &world.zero, NULL, &out.id, &error));
    FINE(hsm_action_submit_site, options, (store, kind, 8, "p", 1, NULL, NULL, &out.id, &error));
    FINE(hsm_action_submit_site, id_out, (store, kind, 8, "p", 1, NULL, NULL, NULL, &error));

    BAD(INVALID, hsm_action_lease, store, (NULL, "x", 1, "w", 1, 1000, 0, &out.action, INFO, &error));
    CLOSED(hsm_action_lease, store, (world.closed, "x", 1, "w", 1, 1000, -1, &out.action, INFO, &error));
    BAD(INVALID, hsm_action_lease, kinds, (store, NULL, 1, "w", 1, 1000, 0, &out.action, INFO, &error));
    SAYS(INVALID, "kind", hsm_action_lease, kinds, (store, "x,", 2, "w", 1, 1000, 0, &out.action, INFO, &error));
    UTF8(hsm_action_lease, kinds, (store, NO_TEXT, SIZE_MAX, "w", 1, 1000, 0, &out.action, INFO, &error));
    BAD(INVALID, hsm_action_lease, kinds_length, (store, "x", TOO_LONG, "w", 1, 1000, 0, &out.action, INFO, &error));
    BAD(INVALID, hsm_action_lease, worker, (store, "x", 1, NULL, 1, 1000, 0, &out.action, INFO, &error));
    BAD(INVALID, hsm_action_lease, worker, (store, "x", 1, long_text, 256, 1000, 0, &out.action, INFO, &error));
    UTF8(hsm_action_lease, worker, (store, "x", 1, NO_TEXT, SIZE_MAX, 1000, 0, &out.action, INFO, &error));
    BAD(INVALID, hsm_action_lease, worker_length, (store, "x", 1, "w", TOO_LONG, 1000, 0, &out.action, INFO, &error));
    SAYS(INVALID, "duration", hsm_action_lease, duration_ms, (store, "x", 1, "w", 1, 0, 0, &out.action, INFO, &error));
    BAD(INVALID, hsm_action_lease, timeout_ms, (store, "x", 1, "w", 1, 1000, -2, &out.action, INFO, &error));
    BAD(TIMEOUT, hsm_action_lease, timeout_ms, (store, "x", 1, "w", 1, 1000, 0, &out.action, INFO, &error));
    BAD(INVALID, hsm_action_lease, info_out, (store, "x", 1, "w", 1, 1000, 0, NULL, INFO, &error));
    BAD(INVALID, hsm_action_lease, info_size, (store, "x", 1, "w", 1, 1000, 0, &out.action, 0, &error));

    BAD(INVALID, hsm_action_extend, store, (NULL, leased, token, 1000, NULL, 0, &error));
    CLOSED(hsm_action_extend, store, (world.closed, leased, token, 1000, NULL, 0, &error));
    BAD(INVALID, hsm_action_extend, id, (store, NULL, token, 1000, NULL, 0, &error));
    BAD(NOT_FOUND, hsm_action_extend, id, (store, &world.unknown, token, 1000, NULL, 0, &error));
    BAD(REFUSED, hsm_action_extend, id, (store, queued, token, 1000, NULL, 0, &error));
    BAD(REFUSED, hsm_action_extend, token, (store, leased, token + 1, 1000, NULL, 0, &error));
    SAYS(INVALID, "duration", hsm_action_extend, duration_ms, (store, leased, token, 0, NULL, 0, &error));
    BAD(INVALID, hsm_action_extend, note, (store, leased, token, 1000, long_text, 256, &error));
    UTF8(hsm_action_extend, note, (store, leased, token, 1000, NO_TEXT, SIZE_MAX, &error));
    BAD(INVALID, hsm_action_extend, note_length, (store, leased, token, 1000, "n", TOO_LONG, &error));

    BAD(INVALID, hsm_action_complete, store, (NULL, leased, token, "r", 1, &error));
    CLOSED(hsm_action_complete, store, (world.closed, leased, token, "r", 1, &error));
    BAD(INVALID, hsm_action_complete, id, (store, NULL, token, "r", 1, &error));
    BAD(NOT_FOUND, hsm_action_complete, id, (store, &world.unknown, token, "r", 1, &error));
    BAD(REFUSED, hsm_action_complete, token, (store, leased, 0, "r", 1, &error));
    BAD(INVALID, hsm_action_complete, result, (store, leased, token, NULL, 1, &error));
    BAD(INVALID, hsm_action_complete, size, (store, leased, token, "r", TOO_LONG, &error));

    BAD(INVALID, hsm_action_fail, store, (NULL, leased, token, "e", 1, 0, &error));
    CLOSED(hsm_action_fail, store, (world.closed, leased, token, "e", 1, 0, &error));
    BAD(INVALID, hsm_action_fail, id, (store, NULL, token, "e", 1, 0, &error));
    BAD(NOT_FOUND, hsm_action_fail, id, (store, &world.unknown, token, "e", 1, 0, &error));
    BAD(REFUSED, hsm_action_fail, token, (store, leased, 0, "e", 1, 0, &error));
    BAD(INVALID, hsm_action_fail, error, (store, leased, token, NULL, 1, 0, &error));
    BAD(INVALID, hsm_action_fail, error, (store, leased, token, "", 0, 0, &error));
    BAD(INVALID, hsm_action_fail, error, (store, leased, token, long_text, 1001, 0, &error));
    UTF8(hsm_action_fail, error, (store, leased, token, NO_TEXT, SIZE_MAX, 0, &error));
    BAD(INVALID, hsm_action_fail, error_length, (store, leased, token, "e", TOO_LONG, 0, &error));
    BAD(INVALID, hsm_action_fail, again, (store, leased, token, "e", 1, 2, &error));

    BAD(INVALID, hsm_action_give_back, store, (NULL, leased, token, &error));
    CLOSED(hsm_action_give_back, store, (world.closed, leased, token, &error));
    BAD(INVALID, hsm_action_give_back, id, (store, NULL, token, &error));
    BAD(NOT_FOUND, hsm_action_give_back, id, (store, &world.unknown, token, &error));
    BAD(REFUSED, hsm_action_give_back, token, (store, leased, 0, &error));

    BAD(INVALID, hsm_action_bytes, store, (NULL, leased, 1, out.buffer, 256, &out.length, &error));
    CLOSED(hsm_action_bytes, store, (world.closed, leased, 1, out.buffer, 256, &out.length, &error));
    BAD(INVALID, hsm_action_bytes, id, (store, NULL, 1, out.buffer, 256, &out.length, &error));
    BAD(NOT_FOUND, hsm_action_bytes, id, (store, &world.unknown, 1, out.buffer, 256, &out.length, &error));
    BAD(INVALID, hsm_action_bytes, what, (store, leased, 0, out.buffer, 256, &out.length, &error));
    BAD(END, hsm_action_bytes, what, (store, leased, 2, out.buffer, 256, &out.length, &error));
    BAD(INVALID, hsm_action_bytes, buffer, (store, leased, 1, NULL, 256, &out.length, &error));
    BAD(BUFFER_TOO_SMALL, hsm_action_bytes, buffer_size, (store, leased, 1, out.buffer, 2, &out.length, &error));
    FINE(hsm_action_bytes, length_out, (store, leased, 1, out.buffer, 256, NULL, &error));
}

int main(int argc, char **argv)
{
    hsm_id id, failed, group;
    hsm_action_info leased;
    open_world(argc, argv);
    CHECK_OK(hsm_action_submit(world.store, HSM_ACTION_VERIFY, &world.unknown, -1, 0, 0, NULL, &failed, &error));
    CHECK_OK(hsm_store_run(world.store, 0, NULL, 0, &error));
    CHECK_OK(hsm_action_submit(world.store, HSM_ACTION_COPY, &world.object, -1, 2, 0, NULL, &id, &error));
    CHECK_OK(hsm_group_submit(world.store, HSM_ACTION_COPY, &world.object, 1, -1, 2, 0, NULL, &group, &error));
    CHECK_OK(hsm_action_submit_site(world.store, "bad.leased", SIZE_MAX, "load", 4, NULL, NULL, NULL, &error));
    CHECK_OK(hsm_action_lease(world.store, "bad.leased", SIZE_MAX, "w", 1, 3600000, 0, &leased, sizeof leased, &error));
    look_at_store(&world.position, &world.listed, &world.sum);
    close_the_other();
    options();
    submits();
    looks(&id, &failed);
    changes(&id);
    groups(&group, &world.unknown);
    runs();
    site(&id, &leased.id, leased.token);
    close_world();
    return 0;
}
