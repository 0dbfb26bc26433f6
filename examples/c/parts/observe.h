/*
 * How the policy engine comes to know a store, and keeps knowing it: a full listing once, then the feed.
 *
 * Of hsm it shows a subscriber, a subscription with acknowledgements and gaps, events with their attributes, and a
 * listing. Three rules keep the mirror true:
 *
 *   - The position is taken before the listing begins. What changes meanwhile is in the feed behind it.
 *   - An event says which object changed; what the object is now is looked up. So an event that comes twice, or late, does
 *     no harm.
 *   - First the mirror commits, then the feed is acknowledged. The mirror knows its position: after a crash in between it
 *     is acknowledged when the engine begins.
 */
#ifndef OBSERVE_H
#define OBSERVE_H

#include "mirror.h"

#include <stdlib.h>

/* The hint that is enacted: the tier to move from and the one to move to, such as 0,1. */
#define HINT "trigger_migration"

/* Events that are brought into the mirror in one transaction. */
#define EVENTS_AT_ONCE 1000

struct engine {
    /* Asked for. */
    const char *store_path, *mirror_path, *subscriber;
    int32_t release_tier;  /* -1: the rule is off. */
    int64_t release_after_s;
    /* Open. */
    hsm_store *store;
    char store_id[HSM_ID_TEXT_SIZE];
    hsm_subscription *subscription;
    struct mirror mirror;
    /* What the events of this batch ask for: everything is listed anew. */
    int must_list;
    /* Something could not be done now, and is tried again at this second of the clock. */
    int is_waiting;
    int64_t retry_at_s, rule_at_s;
    int64_t looked_at; /* The number of the last hint that was tried. */
    uint64_t events, moved, released;
};

/* Reads a hint. -1: it is none that makes sense. */
static inline int parse_hint(const char *text, size_t length, int32_t *source, int32_t *target)
{
    char copy[16];
    int end = 0;
    if (length >= sizeof copy)
        return -1;
    memcpy(copy, text, length);
    copy[length] = 0;
    int is_pair = sscanf(copy, "%3" SCNd32 ",%3" SCNd32 "%n", source, target, &end) == 2 && (size_t)end == length;
    return is_pair && *source >= 0 && *source <= 255 && *target >= 0 && *target <= 255 && *source != *target ? 0 : -1;
}

/*
 * Notes the hint among some attributes, if it is there: `number` is the change that gave it. From the feed each hint that
 * was ever given is noted, once; from a listing, those that are there now and are not noted yet.
 */
static inline int note_hint(struct engine *engine, const char *id, uint64_t number, const hsm_attributes *attributes, int is_found)
{
    const uint8_t *value = NULL;
    size_t length = 0;
    int32_t source, target;
    hsm_error *error = NULL;
    hsm_status status = hsm_attributes_get(attributes, HINT, SIZE_MAX, &value, &length, &error);
    if (status == HSM_STATUS_NOT_FOUND) {
        hsm_error_free(error);
        return 0;
    }
    if (status != HSM_STATUS_OK)
        return failed(error, "read an attribute");
    if (parse_hint((const char *)value, length, &source, &target) != 0) {
        /* Whoever can set an attribute can write nonsense into it. That is no reason to stop. */
        say("object %s has a hint that is no pair of tiers such as 0,1; it is passed over", id);
        return 0;
    }
    enum statement add = is_found ? ADD_HINT_FOUND : ADD_HINT;
    mirror_bind(&engine->mirror, add, 1, (int64_t)number);
    mirror_bind_text(&engine->mirror, add, 2, id);
    mirror_bind(&engine->mirror, add, 3, source);
    mirror_bind(&engine->mirror, add, 4, target);
    if (!is_found)
        printf("seen %s %s=%d,%d at %" PRIu64 "\n", id, HINT, (int)source, (int)target, number);
    return mirror_run(&engine->mirror, add);
}

/* Writes down what an object is now. */
static inline int put_object(struct engine *engine, const char *id, const hsm_object *object)
{
    sqlite3_stmt *put = engine->mirror.statements[PUT_OBJECT];
    char tiers[256 * 4 + 1] = "";
    size_t used = 0, length = 0;
    const uint8_t *key = NULL;
    hsm_error *error = NULL;
    hsm_object_info info;
    hsm_copy_info copy;
    if (hsm_object_stat(object, &info, sizeof info, &error) != HSM_STATUS_OK)
        return failed(error, "read an object");
    hsm_status status = HSM_STATUS_OK;
    for (size_t at = 0; (status = hsm_object_copy_at(object, at, &copy, sizeof copy, &error)) == HSM_STATUS_OK; at++)
        used += (size_t)snprintf(tiers + used, sizeof tiers - used, "%d,", (int)copy.tier);
    if (status != HSM_STATUS_END)
        return failed(error, "read an object");
    status = hsm_object_key(object, &key, &length, &error);
    if (status != HSM_STATUS_OK && status != HSM_STATUS_END)
        return failed(error, "read an object");
    mirror_bind_text(&engine->mirror, PUT_OBJECT, 1, id);
    mirror_bind(&engine->mirror, PUT_OBJECT, 2, (int64_t)info.size_bytes);
    mirror_bind(&engine->mirror, PUT_OBJECT, 3, info.created_ns);
    mirror_bind(&engine->mirror, PUT_OBJECT, 4, info.modified_ns);
    mirror_bind(&engine->mirror, PUT_OBJECT, 5, info.accessed_ns);
    mirror_bind_text(&engine->mirror, PUT_OBJECT, 6, tiers);
    if (status == HSM_STATUS_OK)
        sqlite3_bind_blob(put, 7, key, (int)length, SQLITE_TRANSIENT);
    else
        sqlite3_bind_null(put, 7);
    return mirror_run(&engine->mirror, PUT_OBJECT);
}

/* Looks an object up, and writes down what it is, or that it is gone. */
static inline int look_at(struct engine *engine, const char *id)
{
    hsm_error *error = NULL;
    hsm_object *object = NULL;
    hsm_id parsed;
    if (hsm_id_parse(id, SIZE_MAX, &parsed, &error) != HSM_STATUS_OK)
        return failed(error, "read an id");
    hsm_status status = hsm_object_open(engine->store, &parsed, &object, &error);
    if (status == HSM_STATUS_NOT_FOUND) {
        hsm_error_free(error);
        mirror_bind_text(&engine->mirror, DROP_OBJECT, 1, id);
        return mirror_run(&engine->mirror, DROP_OBJECT);
    }
    if (status != HSM_STATUS_OK)
        return failed(error, "look up an object");
    int outcome = put_object(engine, id, object);
    hsm_object_free(object);
    return outcome;
}

static inline int put_tier(struct engine *engine, int32_t tier, const char *name, size_t length)
{
    mirror_bind(&engine->mirror, PUT_TIER, 1, tier);
    sqlite3_bind_text(engine->mirror.statements[PUT_TIER], 2, name, (int)length, SQLITE_TRANSIENT);
    return mirror_run(&engine->mirror, PUT_TIER);
}

static inline int list_tiers(struct engine *engine)
{
    hsm_error *error = NULL;
    hsm_tier_info info = {.tier = -1};
    hsm_status status;
    while ((status = hsm_tier_next(engine->store, info.tier, &info, sizeof info, &error)) == HSM_STATUS_OK) {
        char name[256] = "";
        size_t length = 0;
        if (hsm_tier_name(engine->store, info.tier, name, sizeof name, &length, NULL) != HSM_STATUS_OK)
            length = 0; /* A very long one, or the tier went meanwhile: the mirror does without. */
        if (put_tier(engine, info.tier, name, length) != 0)
            return -1;
    }
    return status == HSM_STATUS_END ? 0 : failed(error, "list the tiers");
}

/*
 * Fills the mirror from a listing, as of `position`: all that changed before is in it. What changes while it is listed may
 * be in it or not; it is in the feed behind `position`, so it is looked up once more.
 */
static inline int list_all(struct engine *engine, const hsm_position *position)
{
    hsm_error *error = NULL;
    hsm_cursor *cursor = NULL;
    const hsm_object *object = NULL;
    int outcome = mirror_run(&engine->mirror, DROP_ALL_OBJECTS) != 0 || list_tiers(engine) != 0 ? -1 : 0;
    hsm_status status = outcome == 0 ? hsm_cursor_open(engine->store, NULL, &cursor, &error) : HSM_STATUS_END;
    while (outcome == 0 && status == HSM_STATUS_OK &&
           (status = hsm_cursor_next(cursor, &object, NULL, NULL, &error)) == HSM_STATUS_OK) {
        hsm_object_info info;
        char id[HSM_ID_TEXT_SIZE];
        const hsm_attributes *attributes = NULL;
        if (hsm_object_stat(object, &info, sizeof info, &error) != HSM_STATUS_OK ||
            hsm_id_format(&info.id, id, sizeof id, &error) != HSM_STATUS_OK ||
            hsm_object_attributes(object, &attributes, &error) != HSM_STATUS_OK)
            outcome = failed(error, "read an object");
        else if (put_object(engine, id, object) != 0 || note_hint(engine, id, position->number, attributes, 1) != 0)
            outcome = -1;
    }
    if (outcome == 0 && status != HSM_STATUS_END)
        outcome = failed(error, "list the objects");
    hsm_cursor_free(cursor);
    return outcome;
}

/* Notes what an event asks for. What it lends is there until the next one. */
static inline int note_event(struct engine *engine, const hsm_event *event)
{
    static const hsm_id none;
    hsm_error *error = NULL;
    hsm_event_info info;
    char id[HSM_ID_TEXT_SIZE];
    const hsm_attributes *attributes = NULL;
    engine->events++;
    if (hsm_event_stat(event, &info, sizeof info, &error) != HSM_STATUS_OK)
        return failed(error, "read an event");
    if (info.kind == HSM_EVENT_EPOCH_BEGAN)
        engine->must_list = 1; /* Changes were undone, of which the mirror may know. */
    if (info.kind == HSM_EVENT_TIER_SET) {
        const uint8_t *name = NULL;
        size_t length = 0;
        hsm_status status = hsm_event_name(event, &name, &length, &error);
        if (status != HSM_STATUS_OK && status != HSM_STATUS_END)
            return failed(error, "read an event");
        return put_tier(engine, info.tier, (const char *)name, length);
    }
    /* Whatever the kind, also one that came with a later version: an object that it is about is looked at. */
    if (memcmp(&info.object, &none, sizeof none) == 0)
        return 0;
    if (hsm_id_format(&info.object, id, sizeof id, &error) != HSM_STATUS_OK ||
        hsm_event_attributes(event, &attributes, &error) != HSM_STATUS_OK)
        return failed(error, "read an event");
    mirror_bind_text(&engine->mirror, NOTE_CHANGED, 1, id);
    if (mirror_run(&engine->mirror, NOTE_CHANGED) != 0)
        return -1;
    if (info.kind == HSM_EVENT_COPY_DROPPED) {
        /* A move that a hint asked for is done, also if the engine died right behind it. */
        mirror_bind_text(&engine->mirror, MARK_DONE, 1, id);
        mirror_bind(&engine->mirror, MARK_DONE, 2, info.tier);
        mirror_bind(&engine->mirror, MARK_DONE, 3, (int64_t)info.position.number);
        if (mirror_run(&engine->mirror, MARK_DONE) != 0)
            return -1;
    }
    return note_hint(engine, id, info.position.number, attributes, 0);
}

/* Looks at every object that a batch of events was about. */
static inline int look_at_changed(struct engine *engine)
{
    int got;
    while ((got = mirror_row(&engine->mirror, LIST_CHANGED)) == 1)
        if (look_at(engine, mirror_text(&engine->mirror, LIST_CHANGED, 0)) != 0) {
            sqlite3_reset(engine->mirror.statements[LIST_CHANGED]);
            return -1;
        }
    return got != 0 ? -1 : mirror_run(&engine->mirror, FORGET_CHANGED);
}

/* Commits a batch of events: the rows, the position, then the acknowledgement. */
static inline int commit_events(struct engine *engine)
{
    hsm_error *error = NULL;
    hsm_position position;
    if (hsm_subscription_position(engine->subscription, &position, &error) != HSM_STATUS_OK)
        return failed(error, "read the feed");
    if ((engine->must_list && list_all(engine, &position) != 0) || look_at_changed(engine) != 0 ||
        mirror_commit(&engine->mirror, engine->store_id, &position) != 0)
        return -1;
    engine->must_list = 0;
    /* Relaxed is enough, and costs no sync: the mirror is durable and knows better. */
    if (hsm_subscription_ack(engine->subscription, &position, HSM_RELAXED, &error) != HSM_STATUS_OK)
        return failed(error, "acknowledge events");
    return 0;
}

/* Brings into the mirror what comes within `timeout_ms`, one batch of it. 1: there may be more; 0: that was all. */
static inline int observe(struct engine *engine, int32_t timeout_ms)
{
    hsm_error *error = NULL;
    const hsm_event *event = NULL;
    int count = 0;
    hsm_status status = HSM_STATUS_OK;
    while (count < EVENTS_AT_ONCE) {
        status = hsm_subscription_next(engine->subscription, count == 0 ? timeout_ms : 0, &event, &error);
        if (status == HSM_STATUS_TIMEOUT)
            break;
        if (status != HSM_STATUS_OK && status != HSM_STATUS_GAP)
            return failed(error, "follow the store");
        if (count++ == 0 && mirror_run(&engine->mirror, BEGIN) != 0)
            return -1;
        /*
         * A gap: the mirror stood still for longer than the store keeps its feed, or the store was restored. Listing what
         * changed behind the gap (hsm_query_set_changed_after()) is quicker, but does not tell of what was purged since.
         */
        if (status == HSM_STATUS_GAP)
            engine->must_list = 1;
        else if (note_event(engine, event) != 0)
            return -1;
    }
    if (count > 0 && commit_events(engine) != 0)
        return -1;
    return status != HSM_STATUS_TIMEOUT;
}

/* Brings into the mirror all that is there by now. */
static inline int catch_up(struct engine *engine)
{
    int more;
    while ((more = observe(engine, 0)) == 1)
        ;
    return more;
}

/* Begins a new mirror: a subscriber from now on, then a listing. Killed on the way, it begins again. */
static inline int begin_mirror(struct engine *engine)
{
    hsm_error *error = NULL;
    hsm_position now;
    hsm_subscription_free(engine->subscription);
    engine->subscription = NULL;
    hsm_status status = hsm_subscriber_drop(engine->store, engine->subscriber, SIZE_MAX, &error);
    if (status == HSM_STATUS_NOT_FOUND)
        hsm_error_free(error);
    else if (status != HSM_STATUS_OK)
        return failed(error, "begin anew");
    error = NULL;
    /* A position that is durable: what is behind it can come only as events. */
    if (hsm_store_sync(engine->store, &now, &error) != HSM_STATUS_OK ||
        hsm_subscriber_create(engine->store, engine->subscriber, SIZE_MAX, &now, &error) != HSM_STATUS_OK ||
        hsm_subscription_open(engine->store, engine->subscriber, SIZE_MAX, &engine->subscription, &error) != HSM_STATUS_OK)
        return failed(error, "subscribe");
    if (mirror_run(&engine->mirror, BEGIN) != 0 || mirror_run(&engine->mirror, DROP_ALL_HINTS) != 0 || list_all(engine, &now) != 0 ||
        mirror_commit(&engine->mirror, engine->store_id, &now) != 0)
        return -1;
    printf("listed all objects as of %" PRIu64 ":%" PRIu64 "\n", now.epoch, now.number);
    return 0;
}

/* Goes on where the mirror stands, or begins a new one. */
static inline int begin_to_observe(struct engine *engine)
{
    hsm_error *error = NULL;
    hsm_position position, acked = {0, 0};
    int is_there = mirror_position(&engine->mirror, engine->store_id, &position);
    if (is_there < 0)
        return -1;
    if (is_there == 0)
        return begin_mirror(engine);
    hsm_status status = hsm_subscription_open(engine->store, engine->subscriber, SIZE_MAX, &engine->subscription, &error);
    /* What the mirror committed and could not acknowledge any more is passed over. */
    if (status == HSM_STATUS_OK)
        status = hsm_subscription_ack(engine->subscription, &position, HSM_RELAXED, &error);
    if (status == HSM_STATUS_NOT_FOUND || status == HSM_STATUS_INVALID) {
        say("the store does not know where the mirror stands: %s; it is made anew", hsm_error_message(error));
        hsm_error_free(error);
        return begin_mirror(engine);
    }
    if (status == HSM_STATUS_OK)
        status = hsm_subscription_acked(engine->subscription, &acked, &error);
    if (status != HSM_STATUS_OK)
        return failed(error, "subscribe");
    if (acked.epoch == position.epoch && acked.number == position.number)
        return 0;
    /* An older mirror was put back. What it lacks was acknowledged, and comes no more. */
    say("the mirror is older than what was acknowledged; it is made anew");
    return begin_mirror(engine);
}

#endif
