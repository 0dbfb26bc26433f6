/*
 * Callbacks of every type. Some stop the call, some lie, some make calls of their own. What they are given as user_data
 * is a block that destroy frees: destroyed twice, or never, a sanitizer tells.
 */
#ifndef CALLBACKS_H
#define CALLBACKS_H

#include "values.h"

struct user {
    /* Calls until it answers `answer`. */
    size_t calls_left;
    int32_t answer;
    /* Bytes that it still gives. */
    size_t size;
    int lies;
};

static size_t users_alive;

/* Makes a call that needs no handle for itself. */
static void call_nested(void);

static struct user *new_user(void)
{
    struct user *user = malloc(sizeof *user);
    user->calls_left = chance(70) ? SIZE_MAX : below(4);
    user->answer = chance(80) ? 1 + (int32_t)below(40) : -1;
    user->size = data_size();
    user->lies = chance(5);
    users_alive++;
    return user;
}

static void destroy(void *user_data)
{
    users_alive--;
    free(user_data);
}

static int32_t called(struct user *user)
{
    if (!is_nested && chance(15)) {
        is_nested = 1;
        call_nested();
        is_nested = 0;
    }
    if (user->calls_left == 0)
        return user->answer;
    user->calls_left--;
    return 0;
}

static int32_t give(void *user_data, void *buffer, size_t size, size_t *read_out)
{
    struct user *user = user_data;
    size_t some = user->size < size ? user->size : size;
    if (chance(30) && some > 1)
        some /= 2;
    memset(buffer, 'g', some);
    user->size -= some;
    *read_out = user->lies ? size + 1 : some;
    return called(user);
}

static int32_t take(void *user_data, const void *data, size_t size)
{
    touch(data, size);
    return called(user_data);
}

static int32_t hear_id(void *user_data, const hsm_id *id)
{
    see_id(&objects, id);
    return called(user_data);
}

static int32_t hear_name(void *user_data, const hsm_id *dataset, const void *key, size_t key_length)
{
    see_id(&datasets, dataset);
    touch(key, key_length);
    return called(user_data);
}

static int32_t hear_finding(void *user_data, const hsm_finding *finding, size_t size)
{
    touch(finding, size);
    touch(finding->detail, strlen(finding->detail));
    return called(user_data);
}

static int32_t hear_delivery(void *user_data, const hsm_delivery *delivery, size_t size)
{
    touch(delivery, size);
    touch(delivery->key, (size_t)delivery->key_length);
    touch(delivery->data, (size_t)delivery->length);
    if ((delivery->status == HSM_STATUS_OK) != (delivery->error == NULL))
        fail("a delivery with %s has an error that does not fit", hsm_status_name(delivery->status));
    if (delivery->error != NULL && hsm_error_status(delivery->error) != delivery->status)
        fail("a delivery has another status than its error");
    if (delivery->status == HSM_STATUS_INTERNAL)
        fail("a delivery: %s", hsm_error_message(delivery->error));
    if (delivery->offset + delivery->length > delivery->size_bytes)
        fail("a delivery goes beyond the end of its object");
    return called(user_data);
}

static int32_t hear_progress(void *user_data, const hsm_progress *progress, size_t size)
{
    struct user *user = user_data;
    touch(progress, size);
    if (user->calls_left == 0 && chance(90))
        return 0; /* It would stop everything from here on. */
    return called(user);
}

#define PICK_CALLBACK(type, function)                                        \
    static type pick_##type(void)                                            \
    {                                                                        \
        type callback = {NULL, NULL, NULL};                                  \
        if (chance(95)) {                                                    \
            callback.user_data = new_user();                                 \
            callback.destroy = destroy;                                      \
            if (chance(98))                                                  \
                callback.call = function;                                    \
        }                                                                    \
        trace(callback.call != NULL ? #function : "none");                   \
        return callback;                                                     \
    }

PICK_CALLBACK(hsm_read_callback, give)
PICK_CALLBACK(hsm_write_callback, take)
PICK_CALLBACK(hsm_id_callback, hear_id)
PICK_CALLBACK(hsm_name_callback, hear_name)
PICK_CALLBACK(hsm_finding_callback, hear_finding)
PICK_CALLBACK(hsm_delivery_callback, hear_delivery)
PICK_CALLBACK(hsm_progress_callback, hear_progress)

#endif
