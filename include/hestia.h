/*
 * hestia.h: the client of IO-SEA's Hestia, over hsm.
 *
 * PREVIEW. Programs written for Hestia's header of this name are compiled and linked with libhestia.so. It has the
 * numbers that both of its headers use, and the functions that begin and end a client. Objects are put, read and moved
 * by hestia_iosea.h. The functions of Hestia that take and give items as text (hestia_create() and its kind) are not here yet.
 *
 * The client works on a store of hsm in its cache directory: there is no server, and nothing else to start. Any number of
 * processes may work on one store. hsm.h, the interface of libhsm.so, opens the same store: it is the directory `store`
 * in the cache directory.
 *
 * Answers. Every function answers 0, or one of HESTIA_ERROR_*: no other number. What was asked for happened whole, and
 * survives a power loss, or did not happen at all.
 *
 * Threads. Functions may be called by several threads at once. Records belong to one thread at a time.
 *
 * The host. The library prints nothing but in hestia_output_info(), starts no thread, touches no signal handler and never
 * exits. In a forked child every function answers HESTIA_ERROR_CLIENT_STATE until the child calls hestia_finish() and
 * hestia_initialize() itself.
 */
#ifndef HESTIA_H_
#define HESTIA_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a function answers. */
typedef enum hestia_error_e {
    HESTIA_ERROR_OK = 0,                  /* it was done */
    HESTIA_ERROR_NOT_FOUND = 1,           /* no such object, tier, or copy on that tier */
    HESTIA_ERROR_ATTEMPTED_OVERWRITE = 2, /* the object was to be new, and is there */
    HESTIA_ERROR_BAD_STREAM = 3,          /* a file or descriptor of the caller's failed, or was too short */
    HESTIA_ERROR_BAD_INPUT_ID = 4,        /* an id is missing, or none */
    HESTIA_ERROR_BAD_INPUT_BUFFER = 5,    /* an argument is missing, or out of its limits */
    HESTIA_ERROR_CLIENT_STATE = 6,        /* not initialized, initialized twice, wrongly configured, or closed */
    HESTIA_ERROR_UNKNOWN = 7,             /* all else: a full disk, damage, a refusal; hestia_get_last_error() says what */
    HESTIA_ERROR_COUNT = 8
} hestia_error_t;

/* Kinds of items. */
typedef enum hestia_item_e {
    HESTIA_OBJECT = 0,
    HESTIA_TIER = 1,
    HESTIA_DATASET = 2,
    HESTIA_USER = 3,
    HESTIA_NODE = 4,
    HESTIA_ACTION = 5,
    HESTIA_USER_METADATA = 6,
    HESTIA_TIER_EXTENT = 7,
    HESTIA_ITEM_TYPE_COUNT = 8
} hestia_item_t;

/* How items are named; may be joined by |. */
typedef enum hestia_id_format_e {
    HESTIA_ID_NONE = 0,
    HESTIA_ID = 1,
    HESTIA_NAME = 2,
    HESTIA_PARENT_ID = 4,
    HESTIA_PARENT_NAME = 8
} hestia_id_format_t;

/* How items are written; may be joined by |. */
typedef enum hestia_io_format_e {
    HESTIA_IO_NONE = 0,
    HESTIA_IO_IDS = 1,
    HESTIA_IO_JSON = 2,
    HESTIA_IO_KEY_VALUE = 4,
    HESTIA_IO_NO_CHILD = 8
} hestia_io_format_t;

/* What a query is. */
typedef enum hestia_query_format_e {
    HESTIA_QUERY_NONE = 0,
    HESTIA_QUERY_IDS = 1,
    HESTIA_QUERY_FILTER = 2,
    HESTIA_QUERY_TYPE_COUNT = 3
} hestia_query_format_t;

/*
 * Begins the client of this process, and opens its store, which is made if there is none.
 *
 * The configuration is the file at config_path; where that is NULL or "", the one that HESTIA_CONFIG_PATH names; else
 * ~/.config/hestia/hestia.yaml if there is one. It is Hestia's YAML, and these keys of it have an effect:
 *
 *     cache_path: /data/hestia             # else HESTIA_CACHE_DIR, else ~/.cache/hestia
 *     tiers:                               # without any, a new store has five: 0 to 4
 *       - {priority: 0, capacity: 1000000000}   # the tier's number, and at most so many bytes
 *     object_store_backends:               # tiers that no backend names lie in the store
 *       - backend_type: file               # file, file_hsm or memory
 *         tiers: {ids: [0]}
 *         config: {root: /fast}            # each tier has the directory of its number in it
 *     event_feed: {active: yes, output_path: event_feed.yaml}   # yes without it; relative to cache_path
 *
 * Truth is true, yes, y, on or 1. A store that exists keeps the tiers it has; others are added. Keys that are not
 * known have no effect: hestia_get_last_error() and hestia_output_info() name them.
 *
 * With the feed active, each change of an object and each read of one is in that file when the call returns, and costs a sync.
 *
 * config_path   may be NULL
 * token         may be NULL; there are no users, and it is not looked at
 * extra_config  JSON that lies above the file, mapping by mapping; may be NULL
 *
 * HESTIA_ERROR_CLIENT_STATE for whatever goes wrong: a second call, a configuration that cannot be read, one that
 * asks for a server (controller_address) or another kind of backend, a store that cannot be opened.
 */
int hestia_initialize(const char *config_path, const char *token, const char *extra_config);

/*
 * Ends the client and closes the store. Calls of other threads end, or answer HESTIA_ERROR_CLIENT_STATE. What was handed out
 * stays, and is freed as before. hestia_initialize() may be called again.
 *
 * HESTIA_ERROR_CLIENT_STATE where there is no client.
 */
int hestia_finish(void);

/*
 * Copies what went wrong in this thread's last call that failed: UTF-8, one line, for people, and cut to fit.
 * It always ends with a NUL, and is "" where none failed. Callable at any time.
 *
 * HESTIA_ERROR_BAD_INPUT_BUFFER where there is no room for the NUL.
 */
int hestia_get_last_error(char *buffer, size_t buffer_size);

/*
 * Prints where configuration, cache and event feed lie to standard output, and what of the configuration had no effect.
 */
int hestia_output_info(void);

#ifdef __cplusplus
}
#endif

#endif
