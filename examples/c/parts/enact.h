/*
 * What the policy engine does: moves what a hint asks for, and releases what was not used for a time.
 *
 * Of hsm it shows moves and releases, what their answers mean for a program that goes on, and how a request is carried out
 * once although the engine may be killed at any moment:
 *
 *   - A hint is in the mirror, durable, with the number of the change that gave it, before it is enacted.
 *   - A move tells of itself in the feed. Killed behind one, the engine reads of it before it enacts anything, and
 *     knows that it is done.
 *   - Only then is the attribute taken away, and at last the hint forgotten.
 *
 * The mirror says what may be due; the store has the last word, since the mirror is always a little behind.
 */
#ifndef ENACT_H
#define ENACT_H

#include "observe.h"

/* When what has to wait is tried again, and how often the rule is looked at, at most. */
#define RETRY_AFTER_S 10
#define RULE_EVERY_S 60

/* What came of something that was to be done. */
enum outcome { FAILED = -1, FINISHED = 0, LATER = 1 };

/* What an answer means: another try may help, or none will, or the engine itself cannot go on. */
static inline enum outcome outcome_of(hsm_status status)
{
    switch (status) {
    case HSM_STATUS_FULL:
    case HSM_STATUS_OFFLINE:
    case HSM_STATUS_BUSY:
    case HSM_STATUS_CONFLICT:
    case HSM_STATUS_IO:
        return LATER;
    case HSM_STATUS_CLOSED:
    case HSM_STATUS_FORKED:
    case HSM_STATUS_INTERNAL:
        return FAILED;
    default:
        return FINISHED;
    }
}

/* Opens an object. FINISHED with NULL: there is none any more, and nothing to do. */
static inline enum outcome open_object(struct engine *engine, const char *id, hsm_id *parsed, hsm_object **object)
{
    hsm_error *error = NULL;
    *object = NULL;
    if (hsm_id_parse(id, SIZE_MAX, parsed, &error) != HSM_STATUS_OK)
        return (enum outcome)failed(error, "read an id");
    hsm_status status = hsm_object_open(engine->store, parsed, object, &error);
    if (status == HSM_STATUS_OK)
        return FINISHED;
    if (status != HSM_STATUS_NOT_FOUND)
        return (enum outcome)failed(error, "look up an object");
    hsm_error_free(error);
    return FINISHED;
}

/* When a copy of an object came to be on a tier, in nanoseconds; -1: there is none. */
static inline int64_t on_tier_since(const hsm_object *object, int32_t tier)
{
    hsm_copy_info copy;
    for (size_t at = 0; hsm_object_copy_at(object, at, &copy, sizeof copy, NULL) == HSM_STATUS_OK; at++)
        if (copy.tier == tier)
            return copy.created_ns;
    return -1;
}

/* Moves an object as a hint asks for. */
static inline enum outcome migrate(struct engine *engine, const char *id, int32_t source, int32_t target)
{
    hsm_error *error = NULL;
    hsm_object *object;
    hsm_id parsed;
    enum outcome outcome = open_object(engine, id, &parsed, &object);
    if (outcome != FINISHED || object == NULL)
        return outcome;
    int is_there = on_tier_since(object, source) >= 0;
    hsm_object_free(object);
    if (!is_there)
        return FINISHED; /* Nothing is left to be moved. */
    hsm_status status = hsm_object_move(engine->store, &parsed, source, target, NULL, &error);
    if (status == HSM_STATUS_OK) {
        engine->moved++;
        printf("moved %s from tier %d to tier %d\n", id, (int)source, (int)target);
        return FINISHED;
    }
    failed(error, "move an object");
    return outcome_of(status);
}

/*
 * Takes the hint off an object, if it is still the one that was enacted. One that is set at this very moment may go with it,
 * and is enacted all the same: the feed has it.
 */
static inline enum outcome take_hint_away(struct engine *engine, const char *id, int32_t source, int32_t target)
{
    hsm_error *error = NULL;
    hsm_object *object;
    const hsm_attributes *attributes = NULL;
    hsm_attributes *update = NULL;
    const uint8_t *value = NULL;
    size_t length = 0;
    int32_t from, to;
    hsm_id parsed;
    enum outcome outcome = open_object(engine, id, &parsed, &object);
    if (outcome != FINISHED || object == NULL)
        return outcome;
    int is_same = hsm_object_attributes(object, &attributes, NULL) == HSM_STATUS_OK &&
                  hsm_attributes_get(attributes, HINT, SIZE_MAX, &value, &length, NULL) == HSM_STATUS_OK &&
                  parse_hint((const char *)value, length, &from, &to) == 0 && from == source && to == target;
    hsm_object_free(object);
    if (!is_same)
        return FINISHED;
    hsm_status status = hsm_attributes_new(&update, &error);
    if (status == HSM_STATUS_OK)
        status = hsm_attributes_remove(update, HINT, SIZE_MAX, &error);
    if (status == HSM_STATUS_OK)
        status = hsm_object_set_attributes(engine->store, &parsed, update, NULL, &error);
    hsm_attributes_free(update);
    if (status == HSM_STATUS_OK)
        return FINISHED;
    if (status != HSM_STATUS_NOT_FOUND)
        failed(error, "take a hint away");
    else
        hsm_error_free(error);
    return outcome_of(status);
}

/* Seconds of a clock that nobody sets. */
static inline int64_t now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec;
}

/* Notes that something has to wait. */
static inline void try_later(struct engine *engine)
{
    engine->is_waiting = 1;
    engine->retry_at_s = now_s() + RETRY_AFTER_S;
}

/* Enacts the hints that the mirror holds, in the order in which they were given: those that wait, now and then. */
static inline int enact_hints(struct engine *engine)
{
    struct mirror *mirror = &engine->mirror;
    int is_due = !engine->is_waiting || now_s() >= engine->retry_at_s;
    int64_t number = is_due ? -1 : engine->looked_at;
    char id[HSM_ID_TEXT_SIZE] = "~"; /* Behind every id of that number. */
    if (is_due)
        engine->is_waiting = 0;
    for (;;) {
        mirror_bind(mirror, NEXT_HINT, 1, number);
        mirror_bind_text(mirror, NEXT_HINT, 2, id);
        int got = mirror_row(mirror, NEXT_HINT);
        if (got != 1)
            return got;
        number = sqlite3_column_int64(mirror->statements[NEXT_HINT], 0);
        snprintf(id, sizeof id, "%s", mirror_text(mirror, NEXT_HINT, 1));
        int32_t source = sqlite3_column_int(mirror->statements[NEXT_HINT], 2);
        int32_t target = sqlite3_column_int(mirror->statements[NEXT_HINT], 3);
        int is_done = sqlite3_column_int(mirror->statements[NEXT_HINT], 4);
        sqlite3_reset(mirror->statements[NEXT_HINT]);
        enum outcome outcome = is_done ? FINISHED : migrate(engine, id, source, target);
        if (outcome == FINISHED)
            outcome = take_hint_away(engine, id, source, target);
        if (outcome == FAILED)
            return -1;
        engine->looked_at = number;
        if (outcome == LATER) {
            try_later(engine);
            continue;
        }
        mirror_bind(mirror, DROP_HINT, 1, number);
        mirror_bind_text(mirror, DROP_HINT, 2, id);
        if (mirror_run(mirror, DROP_HINT) != 0)
            return -1;
    }
}

/* Releases one object from the tier of the rule, if the store agrees that nobody used it since `before_ns`. */
static inline enum outcome release(struct engine *engine, const char *id, int64_t before_ns)
{
    hsm_error *error = NULL;
    hsm_object *object;
    hsm_object_info info;
    hsm_id parsed;
    enum outcome outcome = open_object(engine, id, &parsed, &object);
    if (outcome != FINISHED || object == NULL)
        return outcome;
    int64_t since_ns = on_tier_since(object, engine->release_tier);
    int is_unused = hsm_object_stat(object, &info, sizeof info, NULL) == HSM_STATUS_OK && info.copies > 1 && since_ns >= 0 &&
                    since_ns < before_ns && info.modified_ns < before_ns && info.accessed_ns < before_ns;
    hsm_object_free(object);
    if (!is_unused)
        return FINISHED; /* The mirror will hear of it. */
    /* Not forced: where no other copy is whole and in reach, the store refuses. */
    hsm_status status = hsm_object_release(engine->store, &parsed, engine->release_tier, 0, NULL, &error);
    if (status == HSM_STATUS_OK) {
        engine->released++;
        printf("released %s from tier %d\n", id, (int)engine->release_tier);
        return FINISHED;
    }
    failed(error, "release an object");
    if (status == HSM_STATUS_REFUSED) {
        /* Not asked for again until something about the object changes. */
        mirror_bind_text(&engine->mirror, KEEP, 1, id);
        return (enum outcome)mirror_run(&engine->mirror, KEEP);
    }
    return outcome_of(status);
}

/* The rule: what lies on a tier and elsewhere, and was neither read nor changed nor brought there for a time, goes from it. */
static inline int enact_rule(struct engine *engine)
{
    struct mirror *mirror = &engine->mirror;
    struct timespec now;
    char id[HSM_ID_TEXT_SIZE] = "";
    if (engine->release_tier < 0 || now_s() < engine->rule_at_s)
        return 0;
    /* It reads the whole mirror. */
    int64_t every_s = engine->release_after_s / 10 + 1;
    engine->rule_at_s = now_s() + (every_s < RULE_EVERY_S ? every_s : RULE_EVERY_S);
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t before_ns = ((int64_t)now.tv_sec - engine->release_after_s) * 1000000000 + now.tv_nsec;
    for (;;) {
        mirror_bind_text(mirror, NEXT_UNUSED, 1, id);
        mirror_bind(mirror, NEXT_UNUSED, 2, before_ns);
        mirror_bind(mirror, NEXT_UNUSED, 3, engine->release_tier);
        int got = mirror_row(mirror, NEXT_UNUSED);
        if (got != 1)
            return got;
        snprintf(id, sizeof id, "%s", mirror_text(mirror, NEXT_UNUSED, 0));
        sqlite3_reset(mirror->statements[NEXT_UNUSED]);
        enum outcome outcome = release(engine, id, before_ns);
        if (outcome == FAILED)
            return -1;
        if (outcome == LATER)
            try_later(engine);
    }
}

#endif
