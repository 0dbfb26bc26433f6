/*
 * hestia.h: the client of IO-SEA's Hestia, over hsm.
 *
 * PREVIEW. Programs written for Hestia's header of this name are compiled and linked with libhestia.so. It has the
 * numbers that both of its headers use, the functions that begin and end a client, those that take and give items as text,
 * and the data calls. hestia_iosea.h has objects as records.
 *
 * The client works on a store of hsm in its cache directory: there is no server, and nothing else to start. Any number of
 * processes may work on one store. hsm.h, the interface of libhsm.so, opens the same store: it is the directory `store`
 * in the cache directory.
 *
 * Answers. Every function answers 0, or one of HESTIA_ERROR_*: no other number. What was asked for happened whole, and
 * survives a power loss, or did not happen at all.
 *
 * Others. What one program or thread did is never undone by another's change of something else: a change that reads first, such as a put
 * behind an offset, is made over what was read, or done again.
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
 *     enable_id_validation: yes            # no: words are ids too
 *
 * Truth is true, yes, y, on or 1. A store that exists keeps the tiers it has; others are added. Keys that are not
 * known have no effect: hestia_get_last_error() and hestia_output_info() name them.
 *
 * With the feed active, each change of an object and each read of one is in that file when the call returns, and costs a sync. For
 * that the store writes down every read at once, by whatever program, also after hestia_finish(): docs/iosea.md says how to
 * set it back.
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
 * ITEMS AS TEXT
 *
 * An item is an object, a tier, and so on. In JSON it is a mapping; as keys and values it is a line `key=value` for each
 * key, and those of inner mappings are joined by dots: `user_metadata.data.colour=red`. What is read may be given back.
 *
 *     HESTIA_OBJECT         id, size, times in microseconds since 1970, dataset{id}, tiers[{index, extents[{offset, length}]}],
 *                           user_metadata{data{}, ...}, read_lock{} and write_lock{}, which are never active. Set:
 *                           user_metadata.data.*, dataset.id, name. Its parent is a dataset; its name the attribute `name`
 *     HESTIA_USER_METADATA  the attributes of an object: id (the object's), data{}. Set: data.*. Its parent is the object; to
 *                           create it is to set what is in it, and to remove it takes all that is in it
 *     HESTIA_TIER_EXTENT    the part of an object on a tier: id (object:tier), object{id}, tier{id}, extents[], times. Its
 *                           parent is the object. To remove it drops the copy, unless it is the last; nothing is set
 *     HESTIA_DATASET        id, name, objects, data{}, creation_time. Set: data.*, and name at creation. Removed when empty
 *     HESTIA_TIER           id and priority (its number), name, capacity, size, objects. Set: capacity, the others at
 *                           creation. Removed when empty
 *     HESTIA_ACTION         id, action, subject, subject_key, source_tier, target_tier, offset, size, status (finished_ok,
 *                           error or running), error, times. Created by action (copy_data, move_data, release_data),
 *                           subject_key and tiers: it is done when the call returns. Its parent is what it is about. It is
 *                           kept for a week; to remove it calls it off where it is not finished
 *     HESTIA_USER,          any keys: records that are kept in the store and mean nothing to it. There is no login, and
 *     HESTIA_NODE           `password`, `token` and `tokens` are refused
 *
 * Ids are 8-4-4-4-12 hexadecimal digits; those of tiers are their numbers. With `enable_id_validation: false` a word of up to 14
 * bytes is an id too.
 *
 * The input is first lines of ids, by id_format: the item's id or name, and behind a comma the id or name of its parent, if the
 * format says so; of a parent alone the line is that. For HESTIA_IO_JSON and HESTIA_IO_KEY_VALUE a blank line follows, and then what is
 * set: one item for all ids, or one each, as an array, or with a blank line between them. The block of ids may be left out: an
 * item may have its id under `id`. HESTIA_IO_NONE and HESTIA_IO_IDS have ids only. Items are changed one after another: where one
 * fails, those before it stay changed.
 *
 * The output is UTF-8 with a NUL behind it, which its length does not count: ids joined by newlines, an array of JSON, or
 * keys and values with a blank line between items. HESTIA_IO_IDS | HESTIA_IO_KEY_VALUE is the ids, a blank line, and the keys.
 * HESTIA_IO_NO_CHILD leaves out inner mappings and lists. HESTIA_IO_NONE is no output: NULL. A newline in a value is written \n
 * as keys and values, and what is no UTF-8 as U+FFFD. Free it with hestia_free_output(); it comes from malloc().
 *
 * HESTIA_ERROR_BAD_INPUT_BUFFER for an unknown number, format or key and for input that cannot be read; HESTIA_ERROR_BAD_INPUT_ID
 * for what is no id, and where none is given; HESTIA_ERROR_UNKNOWN for a change that this kind of item does not take.
 */

/*
 * Makes items, and answers them. Without an id one is drawn.
 *
 * HESTIA_ERROR_ATTEMPTED_OVERWRITE where there is such an item, HESTIA_ERROR_NOT_FOUND without the parent.
 */
int hestia_create(hestia_item_t subject, hestia_io_format_t input_format, hestia_id_format_t id_format, const char *input,
                  int len_input, hestia_io_format_t output_format, char **output, int *len_output);

/*
 * Changes items, and answers them. What is not named stays. A value of "" is kept as such.
 *
 * HESTIA_ERROR_NOT_FOUND where there is no such item.
 */
int hestia_update(hestia_item_t subject, hestia_io_format_t input_format, hestia_id_format_t id_format, const char *input,
                  int len_input, hestia_io_format_t output_format, char **output, int *len_output);

/*
 * Reads items: all (HESTIA_QUERY_NONE), those that the input names (HESTIA_QUERY_IDS), or those that have all the
 * `key=value` lines of the input (HESTIA_QUERY_FILTER). One that is not there is no error: the output is empty, of JSON `[]`.
 *
 * offset       so many of them are left out
 * count        then at most so many are answered; 0 or less: all
 * total_count  gets how many there are in all; may be NULL
 */
int hestia_read(hestia_item_t subject, hestia_query_format_t query_format, hestia_id_format_t id_format, int offset,
                int count, const char *input, int len_input, hestia_io_format_t output_format, char **output,
                int *len_output, int *total_count);

/*
 * Removes the items that the input names.
 *
 * HESTIA_ERROR_NOT_FOUND where there is no such item.
 */
int hestia_remove(hestia_item_t subject, hestia_id_format_t id_format, const char *input, int len_input);

/*
 * Says whether the items that the input names are there, all of them.
 *
 * output      not looked at: Hestia's header has it
 * len_output  gets 0; may be NULL
 * exists      gets 1 or 0
 */
int hestia_identify(hestia_item_t subject, hestia_id_format_t id_format, const char *input, int len_input,
                    const char *output, int *len_output, int *exists);

/* Frees what a function of this header wrote, and sets the pointer to NULL. */
int hestia_free_output(char **output);

/*
 * DATA
 *
 * Each of these is done when it returns. It leaves an action that can be read by hestia_read() with HESTIA_ACTION, also where it
 * failed: its id is written to activity_id, without counting its NUL, and is freed with hestia_free_output(). Both places may be
 * NULL: then no action is kept, and a call costs three changes of the store less. In a store that takes no changes there is none.
 *
 * oid     the id of an object that exists, as text
 * length  of a path or descriptor 0 means all there is
 * offset  the first byte of the object that is meant; see hestia_object_put() for what a put does from there on
 * tier    where the content is put, or read from
 *
 * HESTIA_ERROR_NOT_FOUND where there is no such object or tier, or no data on it; HESTIA_ERROR_BAD_INPUT_BUFFER for an
 * offset behind the end; HESTIA_ERROR_BAD_STREAM where the caller's file or descriptor fails, or ends too early.
 */
int hestia_data_put(const char *oid, const void *buffer, size_t length, size_t offset, uint8_t tier, char **activity_id,
                    int *len_activity_id);
int hestia_data_put_descriptor(const char *oid, int descriptor, size_t length, size_t offset, uint8_t tier,
                               char **activity_id, int *len_activity_id);
int hestia_data_put_path(const char *oid, const char *path, size_t length, size_t offset, uint8_t tier,
                         char **activity_id, int *len_activity_id);

/* As hestia_object_get(): length is how much fits, and becomes how much there was. */
int hestia_data_get(const char *oid, void *buffer, size_t *length, size_t offset, uint8_t tier, char **activity_id,
                    int *len_activity_id);
int hestia_data_get_descriptor(const char *oid, int descriptor, size_t length, size_t offset, uint8_t tier,
                               char **activity_id, int *len_activity_id);
int hestia_data_get_path(const char *oid, const char *path, size_t length, size_t offset, uint8_t tier,
                         char **activity_id, int *len_activity_id);

/* As hestia_object_copy() and hestia_object_move(), of an object, or of each object of a dataset until one fails. */
int hestia_data_copy(hestia_item_t subject, const char *oid, uint8_t source_tier, uint8_t target_tier, char **activity_id,
                     int *len_activity_id);
int hestia_data_move(hestia_item_t subject, const char *oid, uint8_t source_tier, uint8_t target_tier, char **activity_id,
                     int *len_activity_id);

/* As hestia_object_release(), and the last copy is always refused. */
int hestia_data_release(hestia_item_t subject, const char *oid, uint8_t tier, char **activity_id, int *len_activity_id);

/*
 * Hestia's wrapper for Python calls these. There is no server here, and a store needs none: programs begin a client with the
 * same cache_path. Nothing is started.
 *
 * HESTIA_ERROR_UNKNOWN, and HESTIA_ERROR_CLIENT_STATE to stop what does not run.
 */
int hestia_start_server(const char *host, int port, const char *config);
int hestia_stop_server(void);

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
