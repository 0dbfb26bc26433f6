/*
 * hsm.h: the C interface of hsm, storage for objects on tiers.
 *
 * PREVIEW: names, numbers and layouts may still change until the header is declared frozen.
 *
 * A program opens a directory as a store and has everything through that handle: objects on tiers of storage
 * (fast disk, slow disk, archive), datasets that give them keys, a feed of every change, and moves between
 * tiers that never lose the last good copy. No daemon runs, and no thread that the program did not start.
 *
 * Generated from hsm-ffi/src; do not edit. Each chapter below is one noun.
 *
 *
 * A COMPLETE PROGRAM
 *
 *     #include <hsm.h>
 *     #include <stdio.h>
 *     #include <stdint.h>
 *
 *     static int failed(hsm_error *error)
 *     {
 *         fprintf(stderr, "%s\n", hsm_error_message(error));
 *         hsm_error_free(error);
 *         return 1;
 *     }
 *
 *     int main(void)
 *     {
 *         hsm_error *error = NULL;
 *         hsm_store *store = NULL;
 *         if (hsm_store_open("results", SIZE_MAX, NULL, &store, &error) != HSM_STATUS_OK)
 *             return failed(error);
 *
 *         hsm_put_result put;
 *         if (hsm_object_put(store, "hello", 5, NULL, &put, sizeof put, &error) != HSM_STATUS_OK)
 *             return failed(error);
 *
 *         // Archive it: a synced and verified copy on tier 3. Then drop the one on tier 0.
 *         if (hsm_object_copy(store, &put.id, -1, 3, NULL, &error) != HSM_STATUS_OK ||
 *             hsm_object_release(store, &put.id, 0, 0, NULL, &error) != HSM_STATUS_OK)
 *             return failed(error);
 *
 *         char text[5];
 *         size_t read = 0;
 *         if (hsm_object_get(store, &put.id, -1, 0, text, sizeof text, &read, &error) != HSM_STATUS_OK)
 *             return failed(error);
 *         printf("%.*s\n", (int)read, text);
 *
 *         hsm_status status = hsm_store_close(store, &error);
 *         hsm_store_free(store);
 *         return status == HSM_STATUS_OK ? 0 : failed(error);
 *     }
 *
 *     cc program.c $(pkg-config --cflags --libs hsm)
 *
 *
 * CONVENTIONS
 *
 * Names. hsm_<noun>_<verb> for functions, HSM_<ENUM>_<VALUE> for numbers. Nothing else leaves the library.
 *
 * Answers. Every call returns an hsm_status: 0 is success, 1 to 15 are answers that are no errors, from 16 on
 * are errors. What cannot fail (the functions of hsm_error, names, versions, and every _free) returns its result.
 *
 * Errors. The last argument of a call is a place for an error, or NULL. It is written on every call: NULL on
 * success and with an answer, else an error that the caller frees. A call that failed changed nothing, unless
 * it says otherwise. Nothing is kept in a global or a thread.
 *
 * Outputs. They are named *_out and are written only on HSM_STATUS_OK, with two exceptions: a place for a
 * handle is NULL after a failure, and the length that is needed is written on HSM_STATUS_BUFFER_TOO_SMALL.
 * An output may be NULL where the function says so.
 *
 * Handles. What a function hands out is freed by the _free of its type, once; _free takes NULL and answers nothing.
 * What can fail at the end has a _close or _commit that says so, and still needs its _free. What is lent
 * (const pointers) lives as long as the function says, and is never freed.
 *
 * Text and keys. They come in as pointer and length in bytes; SIZE_MAX as the length means that they end at a
 * NUL. Text is UTF-8. Keys and paths are any bytes but NUL. Values are any bytes.
 *
 * Records. Their fields have fixed widths, and a call is told their size (sizeof the record), so that they can grow:
 * what the caller's header does not know is left out, what the library does not know is zeroed.
 *
 * Numbers. Enums are int32_t and are checked. A tier is 0 (the hottest) to 255 (the coldest); -1 is any. Sizes
 * and offsets are bytes, at most 2^63 - 1. Times ending in _ns are nanoseconds since 1970, UTC.
 *
 * Threads. A pointer to const may be shared between threads; a pointer that is not const belongs to one thread
 * at a time. A store is shared, so every call but its free takes it as const.
 *
 * Callbacks. They are records of a function, its user_data, and a function that destroys user_data. They run on
 * the thread that made the call and before it returns; destroy runs once, when the call or the handle that took
 * the callback is done with it, also after an error. The library holds no lock meanwhile. What a callback returns is 0 to go on;
 * anything else stops the call with HSM_STATUS_CANCELLED, and hsm_error_callback() hands it back. A callback
 * must not throw or longjmp, and must not free the handle that it was called for. It may call the library, and so may
 * destroy; where it closes the store, the call that it was called from ends with HSM_STATUS_CLOSED.
 *
 * Fork. A handle belongs to the process that opened it. In a forked child, calls answer HSM_STATUS_FORKED and
 * frees leave the store alone: what it holds in memory stays until the child ends. The child opens the store again.
 *
 * The host. The library prints nothing, never exits, installs no signal handler, reads no environment variable, and opens
 * every file with O_CLOEXEC. It works on a stack of 256 KiB and under floating-point traps. A process links it
 * once: a second copy in the same process is refused at hsm_store_open(). It stays loaded after dlclose().
 * A bug in it ends as HSM_STATUS_INTERNAL; the store handle is then out of use, and what was acknowledged is
 * safe. A handle keeps what it read of its index in memory, about 64 MiB at most, and 1 MiB more for each thread beyond those
 * that share it; hsm_store_maintain() gives most of it back.
 */

#ifndef HSM_H
#define HSM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif


/*
 * STATUS
 *
 * What every call answers.
 *
 * A status is a number. 0 is success. 1 to 15 are answers: nothing failed, and no error object is made. From
 * 16 on they are errors, few, and each calls for one reaction. A number keeps its meaning for ever.
 */

/**
 * The version of this header, counted as hsm_version_number() counts.
 */
#define HSM_VERSION_NUMBER 1000

/**
 * The answer of a call: one of HSM_STATUS_*.
 */
typedef int32_t hsm_status;

/**
 * It was done.
 */
#define HSM_STATUS_OK 0

/**
 * An answer: there is nothing more, for now in a feed, for good elsewhere.
 */
#define HSM_STATUS_END 1

/**
 * An answer: the time given for waiting is over.
 */
#define HSM_STATUS_TIMEOUT 2

/**
 * An answer: events before the next one are no longer kept.
 */
#define HSM_STATUS_GAP 3

/**
 * An answer: the buffer is too small; the length that is needed was written.
 */
#define HSM_STATUS_BUFFER_TOO_SMALL 4

/**
 * What was named does not exist.
 */
#define HSM_STATUS_NOT_FOUND 16

/**
 * The name or id is taken.
 */
#define HSM_STATUS_EXISTS 17

/**
 * Another writer was faster; look again and retry.
 */
#define HSM_STATUS_CONFLICT 18

/**
 * A rule of the store forbids it: the last good copy would be lost, or the store or tier is read-only.
 */
#define HSM_STATUS_REFUSED 19

/**
 * Stored bytes are damaged; none of them were returned.
 */
#define HSM_STATUS_CORRUPT 20

/**
 * What was passed is wrong; the message says what would be right.
 */
#define HSM_STATUS_INVALID 21

/**
 * No room; free some and try again.
 */
#define HSM_STATUS_FULL 22

/**
 * A place is out of reach, such as an unmounted disk; bring it back and try again.
 */
#define HSM_STATUS_OFFLINE 23

/**
 * Somebody else holds a lock; try again later.
 */
#define HSM_STATUS_BUSY 24

/**
 * The handle was closed, committed or poisoned; it can only be freed.
 */
#define HSM_STATUS_CLOSED 25

/**
 * A callback stopped it.
 */
#define HSM_STATUS_CANCELLED 26

/**
 * This build, backend or machine cannot do it.
 */
#define HSM_STATUS_UNSUPPORTED 27

/**
 * The operating system failed.
 */
#define HSM_STATUS_IO 28

/**
 * The handle was opened before fork(); open the store again in the child.
 */
#define HSM_STATUS_FORKED 29

/**
 * A bug in hsm. The store handle is out of use; what was acknowledged is safe.
 */
#define HSM_STATUS_INTERNAL 30

/**
 * The name of a status, such as "HSM_STATUS_OK", or "unknown status".
 *
 * The text is constant and is never freed. Callable from any thread, at any time.
 */
const char *hsm_status_name(hsm_status status);

/**
 * The version of the library that runs: its three numbers as major * 1000000 + minor * 1000 + patch.
 * Compare it with HSM_VERSION_NUMBER, the version of the header that was compiled against.
 */
uint32_t hsm_version_number(void);

/**
 * The version of the library that runs, as text such as "0.1.0". Constant, never freed.
 */
const char *hsm_version(void);


/*
 * ERRORS
 *
 * Why a call failed.
 *
 * Every function that can fail takes a place for an error as its last argument, which may be NULL. It is
 * written on every call: NULL on success and with an answer, otherwise an error that the caller frees with
 * hsm_error_free(). No error is kept anywhere else. Each of these functions takes NULL for "no error".
 */

/**
 * Why a call failed: a status, a message for people, and what it is about.
 * Constant once made: it may be read by several threads.
 */
typedef struct hsm_error hsm_error;

/**
 * The status that came with the error; HSM_STATUS_OK for NULL.
 */
hsm_status hsm_error_status(const hsm_error *error);

/**
 * What went wrong on what, and what to do: UTF-8, one line, without a full stop, for people.
 *
 * Lives as long as the error; "" for NULL. Programs choose by the status, never by these words.
 */
const char *hsm_error_message(const hsm_error *error);

/**
 * Which tier the error is about; -1 where it is about none.
 */
int32_t hsm_error_tier(const hsm_error *error);

/**
 * What the callback returned that stopped the call; 0 where none did.
 */
int32_t hsm_error_callback(const hsm_error *error);

/**
 * Frees an error. NULL is fine.
 */
void hsm_error_free(hsm_error *error);


/*
 * IDS AND POSITIONS
 *
 * Names of objects, and places in the journal.
 *
 * An id is 128 bits, a UUID, and names an object or a dataset for ever. 16 zero bytes are no id; where an id
 * may be left out, they or NULL leave it out. Ids that hsm draws are of version 7 and rise with time.
 */

/**
 * Length of an id as text, with its NUL.
 */
#define HSM_ID_TEXT_SIZE 37

/**
 * The id of an object or a dataset: a UUID's bytes in their written order.
 */
typedef struct hsm_id {
  /**
   * All zero: none.
   */
  uint8_t bytes[16];
} hsm_id;

/**
 * Where a change stands in the journal. Positions order by epoch, then by number.
 */
typedef struct hsm_position {
  /**
   * Counts restores and rebuilds of the store; each begins a new one.
   */
  uint64_t epoch;
  /**
   * Counts changes without gaps, across epochs; 0 stands before the first.
   */
  uint64_t number;
} hsm_position;

/**
 * Reads an id from text: 8-4-4-4-12 hexadecimal digits, or 32 of them.
 *
 * @param text         the digits; need not end with a NUL
 * @param text_length  in bytes; SIZE_MAX: up to the NUL
 * @param id_out       written only on HSM_STATUS_OK
 * @return HSM_STATUS_INVALID when it is no id
 */
hsm_status hsm_id_parse(const char *text,
                        size_t text_length,
                        hsm_id *id_out,
                        hsm_error **error_out);

/**
 * Writes an id as 8-4-4-4-12 hexadecimal digits and a NUL.
 *
 * @param text_out   a buffer of at least HSM_ID_TEXT_SIZE bytes
 * @param text_size  its size in bytes
 * @return HSM_STATUS_BUFFER_TOO_SMALL, and nothing is written, when it is smaller
 */
hsm_status hsm_id_format(const hsm_id *id,
                         char *text_out,
                         size_t text_size,
                         hsm_error **error_out);

/**
 * Which object the error is about.
 *
 * @param object_out  gets the id where there is one; may be NULL
 * @return 1 where there is one, 0 otherwise
 */
int32_t hsm_error_object(const hsm_error *error,
                         hsm_id *object_out);


/*
 * CALLBACKS
 *
 * Functions of the host that the library calls.
 *
 * A callback is a record of a function, the user_data that it is called with, and a function that destroys
 * user_data, which may be NULL. The record is copied. user_data belongs to the library from the call on that
 * takes the record: destroy runs exactly once, on every path, also when the arguments of that call are wrong.
 * The page above says on which thread they run and what they must not do.
 *
 * A callback answers 0 to go on. Anything else stops the call with HSM_STATUS_CANCELLED, and
 * hsm_error_callback() hands it back. Where a callback may be left out, a record of NULLs leaves it out.
 */

/**
 * Gives bytes to the library.
 */
typedef struct hsm_read_callback {
  /**
   * Writes up to `size` bytes to `buffer`, and how many to `read_out`; 0 of them is the end.
   */
  int32_t (*call)(void *user_data,
                  void *buffer,
                  size_t size,
                  size_t *read_out);
  /**
   * Passed to each call.
   */
  void *user_data;
  /**
   * Runs once at the end; may be NULL.
   */
  void (*destroy)(void *user_data);
} hsm_read_callback;

/**
 * Takes bytes from the library.
 */
typedef struct hsm_write_callback {
  /**
   * Takes all `size` bytes at `data`, which are there during the call only.
   */
  int32_t (*call)(void *user_data,
                  const void *data,
                  size_t size);
  /**
   * Passed to each call.
   */
  void *user_data;
  /**
   * Runs once at the end; may be NULL.
   */
  void (*destroy)(void *user_data);
} hsm_write_callback;

/**
 * Takes ids, one a call.
 */
typedef struct hsm_id_callback {
  /**
   * Takes an id, which is there during the call only.
   */
  int32_t (*call)(void *user_data,
                  const hsm_id *id);
  /**
   * Passed to each call.
   */
  void *user_data;
  /**
   * Runs once at the end; may be NULL.
   */
  void (*destroy)(void *user_data);
} hsm_id_callback;

/**
 * Takes names of objects, one a call.
 */
typedef struct hsm_name_callback {
  /**
   * Takes a dataset's id and a key in it, which are there during the call only. The key has no NUL at its
   * end.
   */
  int32_t (*call)(void *user_data,
                  const hsm_id *dataset,
                  const void *key,
                  size_t key_length);
  /**
   * Passed to each call.
   */
  void *user_data;
  /**
   * Runs once at the end; may be NULL.
   */
  void (*destroy)(void *user_data);
} hsm_name_callback;


/*
 * OPTIONS OF A STORE
 *
 * How a store is opened.
 *
 * Options are a handle that is made with its defaults, changed, passed to hsm_store_open(), and freed. One
 * set of options may open several stores. NULL in their place means the defaults.
 */

/**
 * Open the store that is there, or create one.
 */
#define HSM_CREATE_IF_MISSING 0

/**
 * Open the store that is there; never create one.
 */
#define HSM_CREATE_NEVER 1

/**
 * Create a store; there must be none yet.
 */
#define HSM_CREATE_NEW 2

/**
 * How to open a store.
 */
typedef struct hsm_store_options hsm_store_options;

/**
 * Makes options with their defaults.
 *
 * @param options_out  free it with hsm_store_options_free()
 */
hsm_status hsm_store_options_new(hsm_store_options **options_out,
                                 hsm_error **error_out);

/**
 * Frees options. NULL is fine.
 */
void hsm_store_options_free(hsm_store_options *options);

/**
 * Whether a store is created: HSM_CREATE_IF_MISSING (the default), HSM_CREATE_NEVER or HSM_CREATE_NEW.
 */
hsm_status hsm_store_options_set_create(hsm_store_options *options,
                                        int32_t create,
                                        hsm_error **error_out);

/**
 * Whether this handle refuses every change: 0 (the default) or 1.
 */
hsm_status hsm_store_options_set_read_only(hsm_store_options *options,
                                           int32_t read_only,
                                           hsm_error **error_out);

/**
 * Whether this handle keeps every other one out, also of this process: 0 (the default) or 1. The one way
 * to use a store on a network file system.
 */
hsm_status hsm_store_options_set_exclusive(hsm_store_options *options,
                                           int32_t exclusive,
                                           hsm_error **error_out);

/**
 * How long a lock that others hold is waited for before a call answers HSM_STATUS_BUSY, in milliseconds. The
 * default is a minute.
 */
hsm_status hsm_store_options_set_patience_ms(hsm_store_options *options,
                                             uint64_t patience_ms,
                                             hsm_error **error_out);

/**
 * How long objects that this handle removes can be brought back, in milliseconds. The default is 24 hours.
 */
hsm_status hsm_store_options_set_grace_ms(hsm_store_options *options,
                                          uint64_t grace_ms,
                                          hsm_error **error_out);

/**
 * Where the index lies: an existing directory of a local file system, also one for several stores. The default is
 * a directory in the store. It must be the same for every handle of a store: while others have the store open,
 * opening it with another one answers HSM_STATUS_INVALID.
 *
 * @param path_length  in bytes; SIZE_MAX: up to the NUL
 */
hsm_status hsm_store_options_set_index_directory(hsm_store_options *options,
                                                 const char *path,
                                                 size_t path_length,
                                                 hsm_error **error_out);

/**
 * Keeps the index in memory: it is rebuilt from the journal at each open, and the handle is exclusive.
 */
hsm_status hsm_store_options_set_index_in_memory(hsm_store_options *options,
                                                 hsm_error **error_out);

/**
 * About how large a segment of the journal becomes, in bytes. The default is 64 MiB.
 *
 * @return HSM_STATUS_INVALID below 4096
 */
hsm_status hsm_store_options_set_segment_bytes(hsm_store_options *options,
                                               uint64_t segment_bytes,
                                               hsm_error **error_out);

/**
 * What data writes leave free on each file system, so that deletes and the journal go on when it is full, in
 * bytes. The default is 4 MiB.
 */
hsm_status hsm_store_options_set_reserve_bytes(hsm_store_options *options,
                                               uint64_t reserve_bytes,
                                               hsm_error **error_out);

/**
 * Where the root of a tier lies now: for hsm_store_restore() alone, when it is not where it was.
 *
 * @param tier         the tier's number
 * @param path         an absolute path, or one from the store's directory. Its root must be in reach
 * @param path_length  in bytes; SIZE_MAX: up to the NUL
 */
hsm_status hsm_store_options_set_root(hsm_store_options *options,
                                      int32_t tier,
                                      const char *path,
                                      size_t path_length,
                                      hsm_error **error_out);

/**
 * Adds the root of a tier to rebuild from: for hsm_store_rebuild() alone. Which tier it is of stands in its marker.
 *
 * @param path         the directory
 * @param path_length  in bytes; SIZE_MAX: up to the NUL
 */
hsm_status hsm_store_options_add_root(hsm_store_options *options,
                                      const char *path,
                                      size_t path_length,
                                      hsm_error **error_out);


/*
 * ATTRIBUTES
 *
 * What a user notes about an object or a dataset: names and values.
 *
 * A name is UTF-8 without NUL, of 1 to 255 bytes. A value is any bytes, up to 64 KiB; all names and values of
 * one object or dataset together have at most 256 KiB.
 *
 * A handle of attributes is made, filled, passed to calls, and freed. Passed as an update, it sets what it
 * holds, takes away what it marks as removed, and leaves other attributes as they are, if the attributes that it expects are
 * as it says. Where a call only sets attributes, as that of a put or of a new dataset does, its removals mean nothing, and
 * expectations are refused. The handles that
 * objects, datasets and events lend are read in the same way. Attributes stand in the order of their names'
 * bytes.
 */

/**
 * Names and values, and names whose attribute is to be removed.
 */
typedef struct hsm_attributes hsm_attributes;

/**
 * Makes a handle without attributes.
 *
 * @param attributes_out  free it with hsm_attributes_free()
 */
hsm_status hsm_attributes_new(hsm_attributes **attributes_out,
                              hsm_error **error_out);

/**
 * Frees attributes that hsm_attributes_new() made; what was lent is never freed. NULL is fine.
 */
void hsm_attributes_free(hsm_attributes *attributes);

/**
 * Sets an attribute, in the place of one of that name or of its removal. Both are copied.
 *
 * @param name          UTF-8
 * @param name_length   in bytes; SIZE_MAX: up to the NUL
 * @param value         any bytes; may be NULL when there are none
 * @param value_length  in bytes; SIZE_MAX: up to the NUL
 * @return HSM_STATUS_INVALID for a name or a value outside the limits
 */
hsm_status hsm_attributes_set(hsm_attributes *attributes,
                              const char *name,
                              size_t name_length,
                              const void *value,
                              size_t value_length,
                              hsm_error **error_out);

/**
 * Marks an attribute as removed: as an update, the handle takes it away where it is there.
 *
 * @param name         UTF-8
 * @param name_length  in bytes; SIZE_MAX: up to the NUL
 * @return HSM_STATUS_INVALID for a name outside the limits
 */
hsm_status hsm_attributes_remove(hsm_attributes *attributes,
                                 const char *name,
                                 size_t name_length,
                                 hsm_error **error_out);

/**
 * Expects an attribute to have a value, or not to be there: as an update, the handle changes an object or a dataset only
 * where that is so at that moment; else the call answers HSM_STATUS_CONFLICT and changes nothing. So what was decided by an
 * attribute that was read is not done over what another has set since: look again then, and decide anew.
 *
 * @param name          UTF-8
 * @param name_length   in bytes; SIZE_MAX: up to the NUL
 * @param value         any bytes; NULL: there is no attribute of that name, and value_length is ignored
 * @param value_length  in bytes; SIZE_MAX: up to the NUL
 * @return HSM_STATUS_INVALID for a name or a value outside the limits
 */
hsm_status hsm_attributes_expect(hsm_attributes *attributes,
                                 const char *name,
                                 size_t name_length,
                                 const void *value,
                                 size_t value_length,
                                 hsm_error **error_out);

/**
 * How many attributes there are, removals included.
 */
hsm_status hsm_attributes_count(const hsm_attributes *attributes,
                                size_t *count_out,
                                hsm_error **error_out);

/**
 * The attribute with a number, counted from 0. What it lends lives until the handle is changed or freed.
 *
 * @param name_out          the name, without a NUL at its end
 * @param name_length_out   in bytes
 * @param value_out         the value; NULL for a removal
 * @param value_length_out  in bytes
 * @return HSM_STATUS_END behind the last
 */
hsm_status hsm_attributes_at(const hsm_attributes *attributes,
                             size_t index,
                             const uint8_t **name_out,
                             size_t *name_length_out,
                             const uint8_t **value_out,
                             size_t *value_length_out,
                             hsm_error **error_out);

/**
 * The value of an attribute. It lives until the handle is changed or freed.
 *
 * @param name              UTF-8
 * @param name_length       in bytes; SIZE_MAX: up to the NUL
 * @param value_out         the value; never NULL on HSM_STATUS_OK, also where it has no bytes
 * @param value_length_out  in bytes
 * @return HSM_STATUS_NOT_FOUND when there is none, or it is marked as removed
 */
hsm_status hsm_attributes_get(const hsm_attributes *attributes,
                              const char *name,
                              size_t name_length,
                              const uint8_t **value_out,
                              size_t *value_length_out,
                              hsm_error **error_out);


/*
 * SETTINGS OF A TIER
 *
 * What a tier is like: where its bytes lie, and how much it takes.
 *
 * Settings are a handle that is made with its defaults for one tier, or copied from a tier of a store,
 * changed, passed to a call, and freed. The calls that set something check only what can be wrong alone; the
 * call that the settings are passed to checks them all together.
 */

/**
 * Bytes lie in a directory.
 */
#define HSM_BACKEND_POSIX 1

/**
 * Bytes lie in the memory of the process, and are gone with it: for tests and scratch data.
 */
#define HSM_BACKEND_MEMORY 2

/**
 * A tier that answers at once.
 */
#define HSM_ACCESS_ONLINE 1

/**
 * A tier that answers after a recall, which may take hours: a tape, an archive.
 */
#define HSM_ACCESS_DELAYED 2

/**
 * The settings of one tier.
 */
typedef struct hsm_tier_settings hsm_tier_settings;

/**
 * Makes settings with their defaults: an active tier, online, in the directory tiers/<number> of the store,
 * without a limit but the room on its file system.
 *
 * @param tier          0 (the hottest) to 255 (the coldest)
 * @param settings_out  free it with hsm_tier_settings_free()
 */
hsm_status hsm_tier_settings_new(int32_t tier,
                                 hsm_tier_settings **settings_out,
                                 hsm_error **error_out);

/**
 * Frees settings. NULL is fine.
 */
void hsm_tier_settings_free(hsm_tier_settings *settings);

/**
 * The directory that the bytes lie in: an absolute path, or one relative to the store. It is made when the
 * tier is added and its parent is there. An existing tier keeps its own.
 *
 * @param path         UTF-8 without NUL, at most 4096 bytes
 * @param path_length  in bytes; SIZE_MAX: up to the NUL
 */
hsm_status hsm_tier_settings_set_root(hsm_tier_settings *settings,
                                      const char *path,
                                      size_t path_length,
                                      hsm_error **error_out);

/**
 * What the bytes go through: HSM_BACKEND_POSIX (the default) or HSM_BACKEND_MEMORY, which has no
 * directory. An existing tier keeps its own.
 */
hsm_status hsm_tier_settings_set_backend(hsm_tier_settings *settings,
                                         int32_t backend,
                                         hsm_error **error_out);

/**
 * A word for people; empty for none, the default.
 *
 * @param name         UTF-8, at most 255 bytes
 * @param name_length  in bytes; SIZE_MAX: up to the NUL
 */
hsm_status hsm_tier_settings_set_name(hsm_tier_settings *settings,
                                      const char *name,
                                      size_t name_length,
                                      hsm_error **error_out);

/**
 * How long the tier takes to answer: HSM_ACCESS_ONLINE (the default) or HSM_ACCESS_DELAYED, which by itself changes
 * nothing: hsm_tier_settings_set_delay() gives its figures. HSM_ACCESS_ONLINE takes them away.
 */
hsm_status hsm_tier_settings_set_access(hsm_tier_settings *settings,
                                        int32_t access,
                                        hsm_error **error_out);

/**
 * Most bytes of objects that the tier may hold; 0, the default: as many as there is room for.
 */
hsm_status hsm_tier_settings_set_capacity_bytes(hsm_tier_settings *settings,
                                                uint64_t capacity_bytes,
                                                hsm_error **error_out);

/**
 * Objects up to so many bytes are packed together, many in one file; 0: none are. The default is 64 KiB, the
 * most 1 MiB.
 */
hsm_status hsm_tier_settings_set_pack_threshold_bytes(hsm_tier_settings *settings,
                                                      uint64_t pack_threshold_bytes,
                                                      hsm_error **error_out);

/**
 * A pack that has grown beyond so many bytes is closed, and the next one begun. The default is 256 MiB, the
 * least 4096.
 */
hsm_status hsm_tier_settings_set_pack_size_bytes(hsm_tier_settings *settings,
                                                 uint64_t pack_size_bytes,
                                                 hsm_error **error_out);

/**
 * When policies free the tier, in percent of its capacity: they begin above `high` and stop below `low`. The
 * defaults are 80 and 90.
 *
 * @param low   at most `high`
 * @param high  at most 100
 */
hsm_status hsm_tier_settings_set_watermarks_percent(hsm_tier_settings *settings,
                                                    int32_t low,
                                                    int32_t high,
                                                    hsm_error **error_out);

/**
 * Adds a tier to those that a new store has; it must be none that was added before. Without a call of this, a
 * new store has tiers 0 to 4 in its directory. A store that exists keeps the tiers it has.
 *
 * @return HSM_STATUS_EXISTS when the options have a tier of that number
 */
hsm_status hsm_store_options_add_tier(hsm_store_options *options,
                                      const hsm_tier_settings *settings,
                                      hsm_error **error_out);


/*
 * STORES
 *
 * The store: the handle that everything else is done through.
 *
 * A store is a directory. Any number of threads and processes may have one open, and a process may have
 * several. A const hsm_store * may be shared between threads. It must be freed, once, by the thread that knows
 * that no other uses it; before that, hsm_store_close() says whether everything went well.
 *
 * What was made from a store (writers, readers, cursors, batches, feeds) may outlive it: after
 * hsm_store_close() they answer HSM_STATUS_CLOSED, and freeing them is still due.
 */

/**
 * An open store.
 */
typedef struct hsm_store hsm_store;

/**
 * What hsm_store_maintain() did.
 */
typedef struct hsm_maintained {
  /**
   * Removed objects whose grace window was over.
   */
  uint64_t purged;
  /**
   * Files of dropped copies that were removed.
   */
  uint64_t files_removed;
  /**
   * Packs that were removed since nothing in them lived.
   */
  uint64_t packs_removed;
  /**
   * Segments of the journal that were dropped: see hsm_store_set_retention().
   */
  uint64_t segments_dropped;
  /**
   * Finished actions that were forgotten: see hsm_store_set_actions_kept().
   */
  uint64_t actions_forgotten;
} hsm_maintained;

/**
 * Opens the store in a directory, or creates it there.
 *
 * The path ":memory:" makes a new store in memory, gone with its handle: for tests.
 *
 * @param path         the directory: any bytes but NUL. Created if its parent exists
 * @param path_length  in bytes; SIZE_MAX: up to the NUL
 * @param options      NULL: the defaults
 * @param store_out    the handle; NULL on failure. Close it, then free it
 * @return HSM_STATUS_INVALID for a path that is no directory, or holds other files and no store,
 *         HSM_STATUS_UNSUPPORTED for a newer format, a network file system, or where another copy of this library in the
 *         process has the store open, HSM_STATUS_BUSY where somebody has it exclusively, HSM_STATUS_EXISTS
 *         and HSM_STATUS_IO
 */
hsm_status hsm_store_open(const char *path,
                          size_t path_length,
                          const hsm_store_options *options,
                          hsm_store **store_out,
                          hsm_error **error_out);

/**
 * Closes a store: relaxed changes become durable, and what could not be removed before is. Callable while
 * other threads use the store, and from a callback: their calls end, or answer HSM_STATUS_CLOSED, as a second
 * close does.
 *
 * @return what went wrong, if something did; the handle is closed all the same
 */
hsm_status hsm_store_close(const hsm_store *store,
                           hsm_error **error_out);

/**
 * Frees the handle, and closes the store if that was not done. NULL is fine. In a forked child it does
 * nothing to the store.
 */
void hsm_store_free(hsm_store *store);

/**
 * The store's identity, drawn when it was created.
 */
hsm_status hsm_store_id(const hsm_store *store,
                        hsm_id *id_out,
                        hsm_error **error_out);

/**
 * Draws an id as a put would: a UUID of version 7, greater than all this handle drew before.
 */
hsm_status hsm_store_new_id(const hsm_store *store,
                            hsm_id *id_out,
                            hsm_error **error_out);

/**
 * The directory that was opened, as an absolute path.
 *
 * @param buffer       gets the path and a NUL; may be NULL when buffer_size is 0
 * @param buffer_size  in bytes
 * @param length_out   gets the length without the NUL, also on HSM_STATUS_BUFFER_TOO_SMALL; may be NULL
 */
hsm_status hsm_store_directory(const hsm_store *store,
                               char *buffer,
                               size_t buffer_size,
                               size_t *length_out,
                               hsm_error **error_out);

/**
 * Why the store takes no changes: it was opened read-only, is damaged, or is older than the roots of its
 * tiers.
 *
 * @param buffer       gets the words and a NUL; may be NULL when buffer_size is 0
 * @param buffer_size  in bytes
 * @param length_out   gets the length without the NUL, also on HSM_STATUS_BUFFER_TOO_SMALL; may be NULL
 * @return HSM_STATUS_END when it does take changes
 */
hsm_status hsm_store_read_only_reason(const hsm_store *store,
                                      char *buffer,
                                      size_t buffer_size,
                                      size_t *length_out,
                                      hsm_error **error_out);

/**
 * Makes every change so far durable, those of other handles included.
 *
 * @param position_out  gets the position of the last change; may be NULL
 */
hsm_status hsm_store_sync(const hsm_store *store,
                          hsm_position *position_out,
                          hsm_error **error_out);

/**
 * The position of the last change, durable or not. CLOSED where the handle is out of use since a sync failed: the next
 * open decides which changes count.
 */
hsm_status hsm_store_position(const hsm_store *store,
                              hsm_position *position_out,
                              hsm_error **error_out);

/**
 * Purges removed objects whose grace window is over, and removes the bytes of what was dropped and
 * overwritten, the changes that exceed hsm_store_set_retention(), and finished actions beyond
 * hsm_store_set_actions_kept(). Call it now and then: nothing else depends on it
 * but room. It moves nothing: hsm_store_compact() does.
 *
 * @param done_out   what was done; may be NULL
 * @param done_size  sizeof(hsm_maintained)
 */
hsm_status hsm_store_maintain(const hsm_store *store,
                              hsm_maintained *done_out,
                              size_t done_size,
                              hsm_error **error_out);

/**
 * Writes a snapshot of the index into the store: with the journal from there on it restores the index. Made
 * while the store is in use; what is not durable becomes so first.
 *
 * @param position_out  gets the last change that the snapshot holds; may be NULL
 * @return HSM_STATUS_UNSUPPORTED for a store whose index lies in memory
 */
hsm_status hsm_store_snapshot(const hsm_store *store,
                              hsm_position *position_out,
                              hsm_error **error_out);


/*
 * SNAPSHOTS ON A TIER
 *
 * Snapshots of a store on its tiers, and how a store is restored from one: the backup.
 *
 * A snapshot lies on the root of a tier. With it and the roots, a store is made again of which nothing else is left.
 * What it knows is what was so when it was made, and hsm_store_reconcile() brings it up to date with the roots: objects
 * that were moved, compacted or updated since are found there. What was removed stays removed. Objects that were put
 * since are told of and left where they are: nothing says whether they had been removed again. Names and attributes
 * that were changed since are not known. So make a snapshot often.
 */

/**
 * A snapshot that is kept on a tier.
 */
typedef struct hsm_snapshot_info {
  /**
   * The last change in it.
   */
  hsm_position position;
  /**
   * When it was made, in nanoseconds since 1970.
   */
  int64_t made_ns;
  /**
   * The length of its files in bytes.
   */
  uint64_t bytes;
} hsm_snapshot_info;

/**
 * What hsm_store_restore() did.
 */
typedef struct hsm_restored {
  /**
   * The store's identity.
   */
  hsm_id id;
  /**
   * The last change that is known again.
   */
  hsm_position position;
  /**
   * The tier whose root the snapshot was on.
   */
  int32_t tier;
  /**
   * Newer snapshots that were damaged and passed over.
   */
  uint32_t passed_over;
} hsm_restored;

/**
 * Makes a snapshot and keeps it on a tier, with what of the journal it needs, while the store is in use. What is not
 * durable becomes so first. When this returns it was synced and read back from the medium; a call that fails leaves
 * the older ones as they were. Where nothing changed since the newest one and that is whole, none is made.
 *
 * @param tier          the tier; it must be active, in reach, and no tier in memory
 * @param keep          how many are kept there, this one included; older ones are removed. 0: 2
 * @param position_out  gets the last change that the snapshot holds; may be NULL
 * @return HSM_STATUS_NOT_FOUND when there is no such tier, HSM_STATUS_OFFLINE, HSM_STATUS_FULL,
 *         HSM_STATUS_REFUSED for a tier or a store that is read-only, HSM_STATUS_UNSUPPORTED for a tier in memory,
 *         HSM_STATUS_CANCELLED where the progress callback stopped it, HSM_STATUS_BUSY where that callback makes this
 *         call again, and HSM_STATUS_IO
 */
hsm_status hsm_store_snapshot_to(const hsm_store *store,
                                 int32_t tier,
                                 uint32_t keep,
                                 hsm_position *position_out,
                                 hsm_error **error_out);

/**
 * Describes the next older snapshot that is kept on a tier: the way to list them. One whose list of files cannot be
 * read is left out; whether another is whole shows when it is restored.
 *
 * @param before     the position of the last one that was described; NULL: begin with the newest
 * @param info_out   gets the description
 * @param info_size  sizeof(hsm_snapshot_info)
 * @return HSM_STATUS_END when there are no more, HSM_STATUS_NOT_FOUND when there is no such tier,
 *         HSM_STATUS_OFFLINE, and HSM_STATUS_IO
 */
hsm_status hsm_snapshot_next(const hsm_store *store,
                             int32_t tier,
                             const hsm_position *before,
                             hsm_snapshot_info *info_out,
                             size_t info_size,
                             hsm_error **error_out);

/**
 * Makes a store again from the newest whole snapshot on the root of one of its tiers. Nothing on any root is changed.
 *
 * The store is not opened. When it is, it takes no changes until hsm_store_reconcile(): it may be older than its
 * roots. Tiers whose roots did not survive are offline, and are declared lost after that. A call that is interrupted
 * leaves a directory that is no store, and that can be restored into again.
 *
 * @param path          the directory: absent, empty, or one that holds "tiers" with roots below it, which are left
 *                      alone
 * @param path_length   in bytes; SIZE_MAX: up to the NUL
 * @param root          the root of a tier that a snapshot was made to
 * @param root_length   in bytes; SIZE_MAX: up to the NUL
 * @param options       where the index lies, and where roots lie now (hsm_store_options_set_root()); NULL: the
 *                      defaults, every root where it was
 * @param restored_out  what was done; may be NULL
 * @param restored_size sizeof(hsm_restored)
 * @return HSM_STATUS_NOT_FOUND without a snapshot, HSM_STATUS_CORRUPT where all are damaged, HSM_STATUS_EXISTS where
 *         there is a store, HSM_STATUS_INVALID where other files are or `root` is no root of a tier,
 *         HSM_STATUS_OFFLINE for a root in the options that is not that tier's, and HSM_STATUS_IO
 */
hsm_status hsm_store_restore(const char *path,
                             size_t path_length,
                             const char *root,
                             size_t root_length,
                             const hsm_store_options *options,
                             hsm_restored *restored_out,
                             size_t restored_size,
                             hsm_error **error_out);


/*
 * PROGRESS
 *
 * Following calls that take long, and stopping them.
 *
 * hsm_store_with_progress() makes a second handle of an open store. Calls on it, and on what is made from it,
 * tell a callback how far they have come: at each object, and after each MiB within one. These are puts and gets of
 * whole objects and ranges, gets of many objects, the commits of batches and of parts, copies and moves, releases,
 * verify, drain and lose of tiers, maintain, compact, reconcile, check and scrub, and snapshots on a tier. Small calls
 * report too, once or twice.
 *
 * The callback answers 0 to go on. With anything else the call stops and answers HSM_STATUS_CANCELLED, and
 * hsm_error_callback() hands the number back. What was committed by then stays, whole objects always; of all else
 * nothing is left. Called again, it does the rest. After the last commit a stop comes too late: the call then answers
 * that it is done. Once it said stop, the callback is not called again for that call.
 *
 * The callback may use the store, on either handle. While hsm_store_reconcile() runs, nobody can open it.
 */

/**
 * Bytes of the program go to a tier.
 */
#define HSM_PHASE_PUT 1

/**
 * An object's bytes go to the program.
 */
#define HSM_PHASE_GET 2

/**
 * Bytes are copied from one tier to another.
 */
#define HSM_PHASE_COPY 3

/**
 * Bytes are read back from the medium and compared.
 */
#define HSM_PHASE_VERIFY 4

/**
 * Copies on a tier that was lost are struck off.
 */
#define HSM_PHASE_STRIKE_OFF 5

/**
 * Removed objects whose grace window is over are purged.
 */
#define HSM_PHASE_PURGE 6

/**
 * Places that hold nothing any more are removed.
 */
#define HSM_PHASE_RECLAIM 7

/**
 * The places on the roots of the tiers are compared with the catalog.
 */
#define HSM_PHASE_RECONCILE 8

/**
 * A snapshot is written to a tier.
 */
#define HSM_PHASE_SNAPSHOT 9

/**
 * The catalog is compared with itself, and with the places that its copies lie in.
 */
#define HSM_PHASE_CHECK 10

/**
 * The roots of tiers are read to make their store again.
 */
#define HSM_PHASE_REBUILD 11

/**
 * How far a call has come.
 */
typedef struct hsm_progress {
  /**
   * What it is doing now: HSM_PHASE_*; 0 for a phase that this header does not know. Copies are verified in rounds,
   * so phases may come again.
   */
  int32_t phase;
  /**
   * 0.
   */
  int32_t reserved;
  /**
   * Objects that it is done with for good; while it reclaims or reconciles, places; while it
   * checks or scrubs, copies.
   */
  uint64_t objects_done;
  /**
   * Of how many, about; 0 where that is not known.
   */
  uint64_t objects_total;
  /**
   * Bytes that this phase went through, all its rounds together. Where something is done again they may
   * become more than the total.
   */
  uint64_t bytes_done;
  /**
   * Of how many, about; 0 where that is not known.
   */
  uint64_t bytes_total;
} hsm_progress;

/**
 * Hears how far a call has come.
 */
typedef struct hsm_progress_callback {
  /**
   * Takes the progress, which is there during the call only; `size` is that of the library's record, and may differ
   * from sizeof(hsm_progress). Returns 0 to go on.
   */
  int32_t (*call)(void *user_data,
                  const hsm_progress *progress,
                  size_t size);
  /**
   * Passed to each call.
   */
  void *user_data;
  /**
   * Runs once at the end; may be NULL.
   */
  void (*destroy)(void *user_data);
} hsm_progress_callback;

/**
 * Makes a second handle of an open store, whose long calls report to a callback.
 *
 * The two are equals: hsm_store_close() on either closes the store, and it stays open until that or until both
 * handles, and all that was made from them, are freed. The callback runs on the thread of the call that it reports on:
 * where several threads use the handle, it is called from each of them, also at the same time.
 *
 * @param callback     must be given. Its destroy runs when the watched handle, and all that was made from it, is
 *                     freed; after an error at once
 * @param watched_out  the second handle; NULL on failure. Free it with hsm_store_free()
 */
hsm_status hsm_store_with_progress(const hsm_store *store,
                                   hsm_progress_callback callback,
                                   hsm_store **watched_out,
                                   hsm_error **error_out);


/*
 * TIERS
 *
 * Tiers: numbered classes of storage, 0 the hottest, 255 the coldest.
 *
 * The settings of the tiers lie in the store and are changed while it is in use, for every handle of it. A
 * tier goes the way active, draining, retired: hsm_tier_drain() moves everything off it, hsm_tier_retire()
 * gives its number free. One whose disk is gone is lost: hsm_tier_lose() strikes its copies off.
 *
 * A tier is online when it is neither lost nor retired and its root is there with the marker that hsm wrote: a
 * disk that is not mounted is offline, and nothing is written to the directory below it.
 */

/**
 * The tier is read and written.
 */
#define HSM_TIER_ACTIVE 1

/**
 * The tier is only read.
 */
#define HSM_TIER_READ_ONLY 2

/**
 * The tier is only read, and its copies are being moved away.
 */
#define HSM_TIER_DRAINING 3

/**
 * The tier's bytes are gone for good; its copies were struck off.
 */
#define HSM_TIER_LOST 4

/**
 * The tier is empty and out of use. No listing shows it; its number may be given to a new one.
 */
#define HSM_TIER_RETIRED 5

/**
 * A tier's settings, and what is on it.
 */
typedef struct hsm_tier_info {
  /**
   * Its number.
   */
  int32_t tier;
  /**
   * HSM_BACKEND_*.
   */
  int32_t backend;
  /**
   * HSM_TIER_*.
   */
  int32_t state;
  /**
   * HSM_ACCESS_*.
   */
  int32_t access;
  /**
   * 1 when its root is in reach now, else 0.
   */
  int32_t is_online;
  /**
   * Policies stop to free the tier below so many percent of its capacity.
   */
  int32_t low_watermark_percent;
  /**
   * Policies begin to free the tier above so many percent of its capacity.
   */
  int32_t high_watermark_percent;
  /**
   * 0.
   */
  int32_t reserved;
  /**
   * Most bytes of objects it may hold; 0: no limit but the room there is.
   */
  uint64_t capacity_bytes;
  /**
   * Objects up to this size are packed.
   */
  uint64_t pack_threshold_bytes;
  /**
   * A pack that has grown beyond this is closed.
   */
  uint64_t pack_size_bytes;
  /**
   * How many objects have a copy on it, removed ones that may still come back included.
   */
  uint64_t objects;
  /**
   * How many bytes those copies hold.
   */
  uint64_t bytes;
} hsm_tier_info;

/**
 * A tier's settings, and what is on it.
 *
 * @param info_size  sizeof(hsm_tier_info)
 * @return HSM_STATUS_NOT_FOUND when there is no such tier
 */
hsm_status hsm_tier_stat(const hsm_store *store,
                         int32_t tier,
                         hsm_tier_info *info_out,
                         size_t info_size,
                         hsm_error **error_out);

/**
 * The next tier of the store: the hottest that is colder than `after`.
 *
 * @param after      a tier's number, that of one that is there or not; -1: before the first
 * @param info_size  sizeof(hsm_tier_info)
 * @return HSM_STATUS_END when there is none
 */
hsm_status hsm_tier_next(const hsm_store *store,
                         int32_t after,
                         hsm_tier_info *info_out,
                         size_t info_size,
                         hsm_error **error_out);

/**
 * A tier's word for people; "" if it was given none.
 *
 * @param buffer       gets the word and a NUL; may be NULL when buffer_size is 0
 * @param buffer_size  in bytes
 * @param length_out   gets the length without the NUL, also on HSM_STATUS_BUFFER_TOO_SMALL; may be NULL
 * @return HSM_STATUS_NOT_FOUND when there is no such tier
 */
hsm_status hsm_tier_name(const hsm_store *store,
                         int32_t tier,
                         char *buffer,
                         size_t buffer_size,
                         size_t *length_out,
                         hsm_error **error_out);

/**
 * The directory that a tier's bytes lie in: absolute, or relative to the store's; "" for one in memory.
 *
 * @param buffer       gets the path and a NUL; may be NULL when buffer_size is 0
 * @param buffer_size  in bytes
 * @param length_out   gets the length without the NUL, also on HSM_STATUS_BUFFER_TOO_SMALL; may be NULL
 * @return HSM_STATUS_NOT_FOUND when there is no such tier
 */
hsm_status hsm_tier_root(const hsm_store *store,
                         int32_t tier,
                         char *buffer,
                         size_t buffer_size,
                         size_t *length_out,
                         hsm_error **error_out);

/**
 * A copy of a tier's settings, to change it by.
 *
 * @param settings_out  free it with hsm_tier_settings_free()
 * @return HSM_STATUS_NOT_FOUND when there is no such tier
 */
hsm_status hsm_tier_settings_get(const hsm_store *store,
                                 int32_t tier,
                                 hsm_tier_settings **settings_out,
                                 hsm_error **error_out);

/**
 * Adds a tier to a store, or gives the number of a retired one to a new one. Its root directory is made if the
 * parent is there; one that holds other files is refused.
 *
 * @return HSM_STATUS_EXISTS when there is such a tier, HSM_STATUS_INVALID for settings that make no sense
 */
hsm_status hsm_tier_add(const hsm_store *store,
                        const hsm_tier_settings *settings,
                        hsm_error **error_out);

/**
 * Changes the settings of the tier that they are for. Its backend and its root stay as they are: begin with
 * hsm_tier_settings_get().
 *
 * @return HSM_STATUS_NOT_FOUND when there is no such tier, HSM_STATUS_INVALID for another backend or root, or
 *         settings that make no sense, HSM_STATUS_CONFLICT where another handle changed it meanwhile
 */
hsm_status hsm_tier_change(const hsm_store *store,
                           const hsm_tier_settings *settings,
                           hsm_error **error_out);

/**
 * Sets what a tier may be used for. It is read in each of these states.
 *
 * @param state  HSM_TIER_ACTIVE, HSM_TIER_READ_ONLY or HSM_TIER_DRAINING
 * @return HSM_STATUS_NOT_FOUND when there is no such tier, HSM_STATUS_INVALID when it is lost
 */
hsm_status hsm_tier_set_state(const hsm_store *store,
                              int32_t tier,
                              int32_t state,
                              hsm_error **error_out);

/**
 * Moves everything off a tier to another. The tier is set draining first, so that nothing new comes. Stopped
 * by an error, it keeps what was moved and can be called again.
 *
 * @param target     another tier
 * @param moved_out  how many copies were moved; may be NULL
 */
hsm_status hsm_tier_drain(const hsm_store *store,
                          int32_t tier,
                          int32_t target,
                          uint64_t *moved_out,
                          hsm_error **error_out);

/**
 * Declares a tier's bytes gone for good: its copies are struck off. It cannot be taken back. Stopped by an
 * error, it can be called again.
 *
 * @param lost  called for each object whose last copy that was; may be left out. Where it stops the call, the
 *              copies that were struck off together with that object's, up to a thousand, are not told of
 *              again
 * @return HSM_STATUS_NOT_FOUND when there is no such tier
 */
hsm_status hsm_tier_lose(const hsm_store *store,
                         int32_t tier,
                         hsm_id_callback lost,
                         hsm_error **error_out);

/**
 * Takes a tier that holds no copy out of use. Its number may then be given to another.
 *
 * @return HSM_STATUS_EXISTS while it holds copies, those of removed objects that may still come back included;
 *         HSM_STATUS_NOT_FOUND when there is no such tier
 */
hsm_status hsm_tier_retire(const hsm_store *store,
                           int32_t tier,
                           hsm_error **error_out);

/**
 * The settings of all tiers as a YAML file, to be edited and applied again.
 *
 * @param buffer       gets the text and a NUL; may be NULL when buffer_size is 0
 * @param buffer_size  in bytes
 * @param length_out   gets the length without the NUL, also on HSM_STATUS_BUFFER_TOO_SMALL; may be NULL
 */
hsm_status hsm_tiers_export(const hsm_store *store,
                            char *buffer,
                            size_t buffer_size,
                            size_t *length_out,
                            hsm_error **error_out);

/**
 * Applies a YAML file of tiers: those that it names are added or changed, others stay as they are. Everything
 * in it is checked before the first is applied; after another error, some may have been.
 *
 * @param yaml         UTF-8
 * @param yaml_length  in bytes; SIZE_MAX: up to the NUL
 * @return HSM_STATUS_INVALID, with the place in the file where that can be told
 */
hsm_status hsm_tiers_apply(const hsm_store *store,
                           const char *yaml,
                           size_t yaml_length,
                           hsm_error **error_out);


/*
 * DATASETS AND KEYS
 *
 * Datasets: named groups of objects, in which objects have keys.
 *
 * A dataset's name is UTF-8 without NUL, of 1 to 255 bytes, and unique in the store. A key is 1 to 4096 bytes
 * without NUL; keys are ordered by their bytes. An object may have several keys, in several datasets, or none:
 * it is reached by its id in any case. A dataset with a cursor over it is listed by key.
 *
 * An hsm_dataset is what was known of a dataset when it was opened. It does not change, may be shared
 * between threads, and may outlive the store.
 */

/**
 * What was known of a dataset.
 */
typedef struct hsm_dataset hsm_dataset;

/**
 * A dataset in numbers.
 */
typedef struct hsm_dataset_info {
  /**
   * Its id.
   */
  hsm_id id;
  /**
   * When it was created.
   */
  int64_t created_ns;
  /**
   * How many keys it holds.
   */
  uint64_t keys;
  /**
   * How many attributes it has.
   */
  uint64_t attributes;
} hsm_dataset_info;

/**
 * Creates a dataset. Durable when this returns.
 *
 * @param name         UTF-8
 * @param name_length  in bytes; SIZE_MAX: up to the NUL
 * @param attributes   its first attributes; NULL: none
 * @param dataset_out  gets the id that was drawn for it
 * @return HSM_STATUS_EXISTS when the name is taken, HSM_STATUS_INVALID for a name or attributes outside the
 *         limits
 */
hsm_status hsm_dataset_create(const hsm_store *store,
                              const char *name,
                              size_t name_length,
                              const hsm_attributes *attributes,
                              hsm_id *dataset_out,
                              hsm_error **error_out);

/**
 * The id of the dataset with a name.
 *
 * @param name         UTF-8
 * @param name_length  in bytes; SIZE_MAX: up to the NUL
 * @return HSM_STATUS_NOT_FOUND when there is none
 */
hsm_status hsm_dataset_find(const hsm_store *store,
                            const char *name,
                            size_t name_length,
                            hsm_id *dataset_out,
                            hsm_error **error_out);

/**
 * Opens what is known of a dataset now.
 *
 * @param dataset      its id
 * @param dataset_out  free it with hsm_dataset_free()
 * @return HSM_STATUS_NOT_FOUND when there is none
 */
hsm_status hsm_dataset_open(const hsm_store *store,
                            const hsm_id *dataset,
                            hsm_dataset **dataset_out,
                            hsm_error **error_out);

/**
 * Opens the next dataset in the order of names. One that is there throughout such a listing is met exactly
 * once.
 *
 * @param after         the name of the one before, whether it is still there or not; NULL: open the first
 * @param after_length  in bytes; SIZE_MAX: up to the NUL
 * @param dataset_out   free it with hsm_dataset_free()
 * @return HSM_STATUS_END when there is none
 */
hsm_status hsm_dataset_next(const hsm_store *store,
                            const char *after,
                            size_t after_length,
                            hsm_dataset **dataset_out,
                            hsm_error **error_out);

/**
 * A dataset in numbers, as it was when it was opened.
 *
 * @param info_size  sizeof(hsm_dataset_info)
 */
hsm_status hsm_dataset_stat(const hsm_dataset *dataset,
                            hsm_dataset_info *info_out,
                            size_t info_size,
                            hsm_error **error_out);

/**
 * A dataset's name. It lives as long as the handle.
 *
 * @param name_out         the name, with a NUL at its end
 * @param name_length_out  its length in bytes, without the NUL; may be NULL
 */
hsm_status hsm_dataset_name(const hsm_dataset *dataset,
                            const char **name_out,
                            size_t *name_length_out,
                            hsm_error **error_out);

/**
 * A dataset's attributes. They live as long as the handle, and are not freed.
 */
hsm_status hsm_dataset_attributes(const hsm_dataset *dataset,
                                  const hsm_attributes **attributes_out,
                                  hsm_error **error_out);

/**
 * Frees a dataset's handle. NULL is fine.
 */
void hsm_dataset_free(hsm_dataset *dataset);

/**
 * Sets and removes attributes of a dataset; others stay. Durable when this returns.
 *
 * @param dataset       its id
 * @param attributes    what is set, what is removed, and what is expected
 * @param position_out  gets the position of the change; may be NULL
 * @return HSM_STATUS_NOT_FOUND when there is no such dataset, HSM_STATUS_INVALID when all its attributes
 *         together would be outside the limits, HSM_STATUS_CONFLICT where one is not as expected
 */
hsm_status hsm_dataset_set_attributes(const hsm_store *store,
                                      const hsm_id *dataset,
                                      const hsm_attributes *attributes,
                                      hsm_position *position_out,
                                      hsm_error **error_out);

/**
 * Removes a dataset that holds no key. Durable when this returns.
 *
 * @param dataset       its id
 * @param position_out  gets the position of the change; may be NULL
 * @return HSM_STATUS_EXISTS while it holds keys, HSM_STATUS_NOT_FOUND when there is none
 */
hsm_status hsm_dataset_remove(const hsm_store *store,
                              const hsm_id *dataset,
                              hsm_position *position_out,
                              hsm_error **error_out);

/**
 * Gives an object a key, beside those that it has. Durable when this returns.
 *
 * @param dataset       the dataset's id
 * @param key           any bytes but NUL
 * @param key_length    in bytes; SIZE_MAX: up to the NUL
 * @param object        the object's id
 * @param position_out  gets the position of the change; may be NULL
 * @return HSM_STATUS_EXISTS when the key is taken, HSM_STATUS_NOT_FOUND when there is no such dataset or
 *         object
 */
hsm_status hsm_key_add(const hsm_store *store,
                       const hsm_id *dataset,
                       const void *key,
                       size_t key_length,
                       const hsm_id *object,
                       hsm_position *position_out,
                       hsm_error **error_out);

/**
 * Takes a key from the object that has it. The object stays, also without a key. Durable when this returns.
 *
 * @param dataset       the dataset's id
 * @param key           any bytes but NUL
 * @param key_length    in bytes; SIZE_MAX: up to the NUL
 * @param position_out  gets the position of the change; may be NULL
 * @return HSM_STATUS_NOT_FOUND when no object has it
 */
hsm_status hsm_key_remove(const hsm_store *store,
                          const hsm_id *dataset,
                          const void *key,
                          size_t key_length,
                          hsm_position *position_out,
                          hsm_error **error_out);

/**
 * The object that has a key.
 *
 * @param dataset     the dataset's id
 * @param key         any bytes but NUL
 * @param key_length  in bytes; SIZE_MAX: up to the NUL
 * @param object_out  gets the object's id
 * @return HSM_STATUS_NOT_FOUND when none has it
 */
hsm_status hsm_key_find(const hsm_store *store,
                        const hsm_id *dataset,
                        const void *key,
                        size_t key_length,
                        hsm_id *object_out,
                        hsm_error **error_out);


/*
 * OBJECTS
 *
 * Objects: bytes and attributes under an id.
 *
 * An object's content changes by whole generations, counted from 1. Each tier holds at most one copy of it.
 * It is verified once it was read back from the medium and found whole.
 *
 * An hsm_object is what was known of an object when it was opened, or when a cursor or a reader met it. It
 * does not change, may be shared between threads, and may outlive the store where it was opened by
 * hsm_object_open(); those that are lent live as long as the lender says.
 */

/**
 * What was known of an object.
 */
typedef struct hsm_object hsm_object;

/**
 * An object in numbers.
 */
typedef struct hsm_object_info {
  /**
   * Its id.
   */
  hsm_id id;
  /**
   * The dataset of its first key; zeros where it has none.
   */
  hsm_id dataset;
  /**
   * Counts its contents from 1; 0: it never had data.
   */
  uint64_t generation;
  /**
   * Length of its content in bytes.
   */
  uint64_t size_bytes;
  /**
   * Checksums are kept for blocks of so many bytes; 0 without data.
   */
  uint64_t block_size_bytes;
  /**
   * When it came to be.
   */
  int64_t created_ns;
  /**
   * When its content last changed.
   */
  int64_t modified_ns;
  /**
   * When its content was last known to be read; 0: never, as far as is known. See hsm_store_set_access_staleness().
   */
  int64_t accessed_ns;
  /**
   * 0 while it lives; after its removal: until when it can be brought back.
   */
  int64_t removed_until_ns;
  /**
   * The number of the last change to anything about it.
   */
  uint64_t changed;
  /**
   * How many copies there are.
   */
  uint64_t copies;
  /**
   * How many digests of its content are recorded.
   */
  uint64_t digests;
  /**
   * How many attributes it has.
   */
  uint64_t attributes;
  /**
   * 1 when it has data, also of no bytes; 0 when it was created without.
   */
  int32_t has_data;
  /**
   * 0.
   */
  int32_t reserved;
} hsm_object_info;

/**
 * One copy of an object.
 */
typedef struct hsm_copy_info {
  /**
   * The tier that it lies on.
   */
  int32_t tier;
  /**
   * 1 when it was ever read back from the medium and found whole, else 0.
   */
  int32_t is_verified;
  /**
   * When it was made.
   */
  int64_t created_ns;
  /**
   * When it was last read back and found whole; 0: never.
   */
  int64_t verified_ns;
  /**
   * In how many pieces it lies.
   */
  uint64_t pieces;
} hsm_copy_info;

/**
 * Opens what is known of a live object now.
 *
 * @param id          the object's id
 * @param object_out  free it with hsm_object_free()
 * @return HSM_STATUS_NOT_FOUND when there is none, or it was removed
 */
hsm_status hsm_object_open(const hsm_store *store,
                           const hsm_id *id,
                           hsm_object **object_out,
                           hsm_error **error_out);

/**
 * Frees an object's handle that hsm_object_open() made; what was lent is never freed. NULL is fine.
 */
void hsm_object_free(hsm_object *object);

/**
 * An object in numbers.
 *
 * @param info_size  sizeof(hsm_object_info)
 */
hsm_status hsm_object_stat(const hsm_object *object,
                           hsm_object_info *info_out,
                           size_t info_size,
                           hsm_error **error_out);

/**
 * One of an object's copies, the one on the hottest tier first.
 *
 * @param index      counted from 0
 * @param copy_size  sizeof(hsm_copy_info)
 * @return HSM_STATUS_END behind the last
 */
hsm_status hsm_object_copy_at(const hsm_object *object,
                              size_t index,
                              hsm_copy_info *copy_out,
                              size_t copy_size,
                              hsm_error **error_out);

/**
 * One of the recorded digests of an object's content, as algorithm:hexadecimal.
 *
 * @param index        counted from 0
 * @param buffer       gets the text and a NUL; may be NULL when buffer_size is 0
 * @param buffer_size  in bytes
 * @param length_out   gets the length without the NUL, also on HSM_STATUS_BUFFER_TOO_SMALL; may be NULL
 * @return HSM_STATUS_END behind the last
 */
hsm_status hsm_object_digest_at(const hsm_object *object,
                                size_t index,
                                char *buffer,
                                size_t buffer_size,
                                size_t *length_out,
                                hsm_error **error_out);

/**
 * An object's attributes. They live as long as the object's handle, and are not freed.
 */
hsm_status hsm_object_attributes(const hsm_object *object,
                                 const hsm_attributes **attributes_out,
                                 hsm_error **error_out);

/**
 * An object's first key; hsm_object_stat() says in which dataset. It lives as long as the object's handle.
 *
 * @param key_out         the key, without a NUL at its end
 * @param key_length_out  in bytes
 * @return HSM_STATUS_END where it has none
 */
hsm_status hsm_object_key(const hsm_object *object,
                          const uint8_t **key_out,
                          size_t *key_length_out,
                          hsm_error **error_out);

/**
 * Tells of every key of a live object, those in one dataset together, in the order of their bytes. One that
 * it has throughout is told of exactly once.
 *
 * @param id    the object's id
 * @param name  called for each
 * @return HSM_STATUS_NOT_FOUND when there is no such object
 */
hsm_status hsm_object_names(const hsm_store *store,
                            const hsm_id *id,
                            hsm_name_callback name,
                            hsm_error **error_out);

/**
 * Sets and removes attributes of a live object; others stay. Durable when this returns.
 *
 * @param id            the object's id
 * @param attributes    what is set, what is removed, and what is expected
 * @param position_out  gets the position of the change; may be NULL
 * @return HSM_STATUS_NOT_FOUND when there is no such object, HSM_STATUS_INVALID when all its attributes
 *         together would be outside the limits, HSM_STATUS_CONFLICT where one is not as expected
 */
hsm_status hsm_object_set_attributes(const hsm_store *store,
                                     const hsm_id *id,
                                     const hsm_attributes *attributes,
                                     hsm_position *position_out,
                                     hsm_error **error_out);


/*
 * QUERIES
 *
 * Which objects a cursor lists.
 *
 * A query is a handle that is made, narrowed, passed to hsm_cursor_open(), and freed. Without anything set it
 * means every live object, in the order of their arrival, which is nearly that of their ids where we choose them. What is set must hold
 * all together. Setting the same again replaces what was set.
 */

/**
 * Which objects to list.
 */
typedef struct hsm_query hsm_query;

/**
 * Makes a query for every live object.
 *
 * @param query_out  free it with hsm_query_free()
 */
hsm_status hsm_query_new(hsm_query **query_out,
                         hsm_error **error_out);

/**
 * Frees a query. NULL is fine.
 */
void hsm_query_free(hsm_query *query);

/**
 * Only objects with a key in a dataset, in the order of their keys there, each once for each of its keys.
 *
 * @param dataset  its id; NULL: in any, or none
 */
hsm_status hsm_query_set_dataset(hsm_query *query,
                                 const hsm_id *dataset,
                                 hsm_error **error_out);

/**
 * Only keys that begin with these bytes; needs a dataset, at the latest when a cursor is opened. No bytes: any
 * key.
 *
 * @param prefix         any bytes; may be NULL when there are none
 * @param prefix_length  in bytes; SIZE_MAX: up to the NUL
 */
hsm_status hsm_query_set_key_prefix(hsm_query *query,
                                    const void *prefix,
                                    size_t prefix_length,
                                    hsm_error **error_out);

/**
 * Only objects with a copy on a tier; -1: on any, or none.
 */
hsm_status hsm_query_set_tier(hsm_query *query,
                              int32_t tier,
                              hsm_error **error_out);

/**
 * Only objects without a copy on a tier; -1: whatever they have.
 */
hsm_status hsm_query_set_not_on_tier(hsm_query *query,
                                     int32_t tier,
                                     hsm_error **error_out);

/**
 * Only objects of at least `min_bytes` and at most `max_bytes`; 0 and UINT64_MAX: of any size. An object
 * without data counts as one of no bytes.
 *
 * @return HSM_STATUS_INVALID when min_bytes is greater than max_bytes
 */
hsm_status hsm_query_set_size_range(hsm_query *query,
                                    uint64_t min_bytes,
                                    uint64_t max_bytes,
                                    hsm_error **error_out);

/**
 * Only objects that came to be at `from_ns` or later, and before `before_ns`; INT64_MIN and INT64_MAX: at any
 * time.
 *
 * @return HSM_STATUS_INVALID when from_ns is later than before_ns
 */
hsm_status hsm_query_set_created_range_ns(hsm_query *query,
                                          int64_t from_ns,
                                          int64_t before_ns,
                                          hsm_error **error_out);

/**
 * Only objects whose content last changed at `from_ns` or later, and before `before_ns`; INT64_MIN and
 * INT64_MAX: at any time.
 *
 * @return HSM_STATUS_INVALID when from_ns is later than before_ns
 */
hsm_status hsm_query_set_modified_range_ns(hsm_query *query,
                                           int64_t from_ns,
                                           int64_t before_ns,
                                           hsm_error **error_out);

/**
 * Only objects whose content was last used at `from_ns` or later, and before `before_ns`; INT64_MIN and INT64_MAX: at any
 * time. The last use is the last access or the last change of the content, whichever is later: an object that was never read
 * counts from its last change. Accesses are known as late as hsm_store_set_access_staleness() says.
 *
 * @return HSM_STATUS_INVALID when from_ns is later than before_ns
 */
hsm_status hsm_query_set_accessed_range_ns(hsm_query *query,
                                           int64_t from_ns,
                                           int64_t before_ns,
                                           hsm_error **error_out);

/**
 * Only objects with an attribute.
 *
 * @param name          UTF-8; NULL: whatever attributes they have
 * @param name_length   in bytes; SIZE_MAX: up to the NUL
 * @param value         only with this value; NULL: with any
 * @param value_length  in bytes; SIZE_MAX: up to the NUL; not looked at when value is NULL
 */
hsm_status hsm_query_set_attribute(hsm_query *query,
                                   const char *name,
                                   size_t name_length,
                                   const void *value,
                                   size_t value_length,
                                   hsm_error **error_out);

/**
 * Only objects that changed behind the change of this number: the way to catch up behind a gap in the feed. They come in the
 * order of their last change where the store ever had a subscriber, read from an index of it, and one that changes
 * meanwhile comes again; else, and in a dataset, in the usual order. What was purged is in no listing. 0: whenever they
 * changed.
 */
hsm_status hsm_query_set_changed_after(hsm_query *query,
                                       uint64_t number,
                                       hsm_error **error_out);

/**
 * Lists removed objects that can still be brought back, in place of live ones: 0 (the default) or 1. In a
 * dataset there are none, since a removed object has no key.
 */
hsm_status hsm_query_set_removed(hsm_query *query,
                                 int32_t removed,
                                 hsm_error **error_out);


/*
 * CURSORS
 *
 * Listing objects, however many there are.
 *
 * A cursor fetches objects page by page and holds nothing between two pages, so it may be kept for as long as
 * one likes. An object that is there throughout the listing appears exactly once (in a dataset: once for each
 * of its keys there); one that comes or goes meanwhile may or may not. What is said of an object is as it was
 * when its page was fetched.
 *
 *     hsm_cursor *cursor = NULL;
 *     const hsm_object *object;
 *     hsm_status status = hsm_cursor_open(store, NULL, &cursor, &error);
 *     if (status == HSM_STATUS_OK)
 *         while ((status = hsm_cursor_next(cursor, &object, NULL, NULL, &error)) == HSM_STATUS_OK)
 *             visit(object);
 *     hsm_cursor_free(cursor);
 */

/**
 * A listing that is under way.
 */
typedef struct hsm_cursor hsm_cursor;

/**
 * Begins a listing.
 *
 * @param query       which objects; NULL: every live one, in the order of their arrival. It is copied
 * @param cursor_out  free it with hsm_cursor_free()
 * @return HSM_STATUS_NOT_FOUND when the query's dataset does not exist, HSM_STATUS_INVALID for a prefix of
 *         keys without a dataset
 */
hsm_status hsm_cursor_open(const hsm_store *store,
                           const hsm_query *query,
                           hsm_cursor **cursor_out,
                           hsm_error **error_out);

/**
 * The next object. What it lends lives until the next call on the cursor, or its free. After an error it may
 * be called again, and goes on where it was.
 *
 * @param object_out      the object
 * @param key_out         the key it was found under, without a NUL at its end; no bytes outside a dataset.
 *                        May be NULL
 * @param key_length_out  in bytes; may be NULL
 * @return HSM_STATUS_END behind the last
 */
hsm_status hsm_cursor_next(hsm_cursor *cursor,
                           const hsm_object **object_out,
                           const uint8_t **key_out,
                           size_t *key_length_out,
                           hsm_error **error_out);

/**
 * Ends a listing. NULL is fine.
 */
void hsm_cursor_free(hsm_cursor *cursor);


/*
 * OPTIONS OF A PUT
 *
 * What to put where.
 *
 * Options are a handle that is made with its defaults, changed, passed to puts, and freed; one set serves any
 * number of puts, also by several threads at once. NULL in their place means the defaults: a new object with
 * an id of hsm's choice, on the hottest tier that is active, durable when the put returns.
 */

/**
 * The object may exist: it is created, or gets a new generation.
 */
#define HSM_PUT_UPSERT 0

/**
 * The object must not exist: else HSM_STATUS_EXISTS.
 */
#define HSM_PUT_CREATE 1

/**
 * The object must exist: else HSM_STATUS_NOT_FOUND.
 */
#define HSM_PUT_UPDATE 2

/**
 * It survives a power loss when the call returns.
 */
#define HSM_DURABLE 0

/**
 * It survives a crash of the process when the call returns, and a power loss after the next durable change,
 * hsm_store_sync() or hsm_store_close(). Until then a power loss takes it back to what was before.
 */
#define HSM_RELAXED 1

/**
 * What to put where.
 */
typedef struct hsm_put_options hsm_put_options;

/**
 * Makes options with their defaults.
 *
 * @param options_out  free it with hsm_put_options_free()
 */
hsm_status hsm_put_options_new(hsm_put_options **options_out,
                               hsm_error **error_out);

/**
 * Frees options. NULL is fine.
 */
void hsm_put_options_free(hsm_put_options *options);

/**
 * Which object: a new one with that id, or the next generation of the one that has it.
 *
 * @param id  NULL or zeros (the default): the one that has the key, or a new one with an id of hsm's choice
 */
hsm_status hsm_put_options_set_id(hsm_put_options *options,
                                  const hsm_id *id,
                                  hsm_error **error_out);

/**
 * A key that the object has afterwards. Without an id, the put is for the object that has the key already, if there is
 * one. With an id, the key must be that object's or free: else HSM_STATUS_EXISTS.
 *
 * @param dataset     the dataset that the key is in; NULL: the object gets no key (the default), and key is ignored
 * @param key         1 to 4096 bytes without NUL
 * @param key_length  in bytes; SIZE_MAX: up to the NUL
 * @return HSM_STATUS_INVALID for a key outside the limits. Whether there is such a dataset shows at the put
 */
hsm_status hsm_put_options_set_key(hsm_put_options *options,
                                   const hsm_id *dataset,
                                   const void *key,
                                   size_t key_length,
                                   hsm_error **error_out);

/**
 * Whether the object must exist: HSM_PUT_UPSERT (the default), HSM_PUT_CREATE or HSM_PUT_UPDATE. An update needs
 * an id or a key.
 */
hsm_status hsm_put_options_set_mode(hsm_put_options *options,
                                    int32_t mode,
                                    hsm_error **error_out);

/**
 * The generation that the object must have when the put is committed: else the put answers HSM_STATUS_CONFLICT and stores
 * nothing. So what was made of a generation that was read replaces no other. It needs an id or a key, and goes with any
 * mode but HSM_PUT_CREATE: else the put answers HSM_STATUS_INVALID.
 *
 * @param generation  0 (the default): any, or none
 */
hsm_status hsm_put_options_expect_generation(hsm_put_options *options,
                                             uint64_t generation,
                                             hsm_error **error_out);

/**
 * The tier that the bytes go to; -1: the hottest that is active (the default).
 */
hsm_status hsm_put_options_set_tier(hsm_put_options *options,
                                    int32_t tier,
                                    hsm_error **error_out);

/**
 * Attributes that the put sets. Others that an existing object has stay; removals mean nothing here.
 *
 * @param attributes  copied; NULL: none (the default)
 * @return HSM_STATUS_INVALID when they are too large together
 */
hsm_status hsm_put_options_set_attributes(hsm_put_options *options,
                                          const hsm_attributes *attributes,
                                          hsm_error **error_out);

/**
 * Adds a digest of the whole content that is computed, in the pass that stores it, and recorded. At most 16 of
 * these and of what is expected.
 *
 * @param name         "xxh3", "sha256", "sha512", "md5", "adler32", "crc32c", "blake2b" or "blake3"
 * @param name_length  in bytes; SIZE_MAX: up to the NUL
 * @return HSM_STATUS_INVALID for another name, and when there are 16
 */
hsm_status hsm_put_options_add_digest(hsm_put_options *options,
                                      const char *name,
                                      size_t name_length,
                                      hsm_error **error_out);

/**
 * Adds a digest that the content must have: else the put answers HSM_STATUS_INVALID and stores nothing. It is
 * recorded.
 *
 * @param digest         "algorithm:hexadecimal", such as "crc32c:e3069283"
 * @param digest_length  in bytes; SIZE_MAX: up to the NUL
 * @return HSM_STATUS_INVALID for what is no digest, and when there are 16
 */
hsm_status hsm_put_options_expect_digest(hsm_put_options *options,
                                         const char *digest,
                                         size_t digest_length,
                                         hsm_error **error_out);

/**
 * When the put counts as done: HSM_DURABLE (the default) or HSM_RELAXED.
 */
hsm_status hsm_put_options_set_durability(hsm_put_options *options,
                                          int32_t durability,
                                          hsm_error **error_out);

/**
 * Bytes that share a checksum, the least that is read to check a range: a power of two from 4096 to 67108864.
 *
 * @param block_size_bytes  0 (the default): 1048576
 */
hsm_status hsm_put_options_set_block_size_bytes(hsm_put_options *options,
                                                uint64_t block_size_bytes,
                                                hsm_error **error_out);

/**
 * About how many bytes will come through a writer, a stream or a pipe, so that room is looked for before the first is
 * written; 0 (the default): unknown. Other puts know.
 */
hsm_status hsm_put_options_set_size_hint_bytes(hsm_put_options *options,
                                               uint64_t size_hint_bytes,
                                               hsm_error **error_out);


/*
 * PUTTING OBJECTS
 *
 * Storing objects.
 *
 * A put makes a new object, or the next generation of one, whole or not at all. Copies of the generation
 * before, on whatever tiers, are dropped with it; a reader that has them open keeps them. All puts are callable
 * from several threads. A put that failed changed nothing.
 *
 * What every put answers, besides HSM_STATUS_OK: HSM_STATUS_EXISTS and HSM_STATUS_NOT_FOUND by the mode, the dataset
 * and the tier; HSM_STATUS_INVALID for options that do not fit, and for content without an expected digest;
 * HSM_STATUS_CONFLICT where the object is not at the generation that the options expect; HSM_STATUS_REFUSED when the store
 * or the tier takes nothing; HSM_STATUS_FULL; HSM_STATUS_OFFLINE.
 */

/**
 * For hsm_object_adopt_path(): where the bytes cannot be shared they are copied.
 */
#define HSM_ADOPT_COPY_ALLOWED 1

/**
 * For hsm_object_adopt_path(): the copy is read back from the medium before it is committed, and then the file is removed.
 */
#define HSM_ADOPT_REMOVE_SOURCE 2

/**
 * Of hsm_object_adopt_path(): the object shares its bytes with the file.
 */
#define HSM_ADOPTED_SHARED 1

/**
 * Of hsm_object_adopt_path(): the file was removed.
 */
#define HSM_ADOPTED_SOURCE_REMOVED 2

/**
 * What a put did.
 */
typedef struct hsm_put_result {
  /**
   * The object.
   */
  hsm_id id;
  /**
   * The generation that its content now is.
   */
  uint64_t generation;
  /**
   * Where the change stands in the journal.
   */
  hsm_position position;
} hsm_put_result;

/**
 * Stores bytes that are in memory.
 *
 * @param data         may be NULL when size is 0
 * @param size         in bytes
 * @param options      NULL: the defaults
 * @param result_out   may be NULL
 * @param result_size  sizeof(hsm_put_result)
 */
hsm_status hsm_object_put(const hsm_store *store,
                          const void *data,
                          size_t size,
                          const hsm_put_options *options,
                          hsm_put_result *result_out,
                          size_t result_size,
                          hsm_error **error_out);

/**
 * Stores what is in a file.
 *
 * @param path         any bytes but NUL
 * @param path_length  in bytes; SIZE_MAX: up to the NUL
 * @param offset       the first byte of the file to store
 * @param length       how many, in bytes; UINT64_MAX: up to the end of the file
 * @param options      NULL: the defaults
 * @param result_out   may be NULL
 * @param result_size  sizeof(hsm_put_result)
 * @return HSM_STATUS_IO when the file cannot be read, HSM_STATUS_INVALID when it ends before offset + length
 */
hsm_status hsm_object_put_path(const hsm_store *store,
                               const char *path,
                               size_t path_length,
                               uint64_t offset,
                               uint64_t length,
                               const hsm_put_options *options,
                               hsm_put_result *result_out,
                               size_t result_size,
                               hsm_error **error_out);

/**
 * Adopts a file where it lies: it becomes an object whose bytes the file system shares with it (a reflink), so that none is
 * copied and none takes room twice. Each is read once, for the digests. The object does not change when the file does. The
 * file lies on the file system of the tier's directory, which is an XFS or a btrfs, for example; a file so small that it goes
 * into a pack is copied.
 *
 * @param path         any bytes but NUL
 * @param path_length  in bytes; SIZE_MAX: up to the NUL
 * @param how          0, or a sum of HSM_ADOPT_COPY_ALLOWED and HSM_ADOPT_REMOVE_SOURCE. A file is removed only if it is the
 *                     one that was adopted and was not changed since; no other program is to change it in that moment
 * @param options      NULL: the defaults
 * @param adopted_out  receives 0, or a sum of HSM_ADOPTED_SHARED and HSM_ADOPTED_SOURCE_REMOVED; may be NULL. A file that
 *                     was to be removed may be left: the object is stored all the same
 * @param result_out   may be NULL
 * @param result_size  sizeof(hsm_put_result)
 * @return HSM_STATUS_UNSUPPORTED when the bytes cannot be shared and must not be copied, HSM_STATUS_IO when the file cannot
 *         be read or is changed meanwhile, HSM_STATUS_INVALID for no regular file, for one of the store's own, and for one
 *         that is to be removed when the put is relaxed or the tier is in memory
 */
hsm_status hsm_object_adopt_path(const hsm_store *store,
                                 const char *path,
                                 size_t path_length,
                                 int32_t how,
                                 const hsm_put_options *options,
                                 int32_t *adopted_out,
                                 hsm_put_result *result_out,
                                 size_t result_size,
                                 hsm_error **error_out);

/**
 * Stores what a descriptor gives: a file, a pipe, a socket. It is not closed. A file's own offset is neither used nor
 * moved; a pipe or socket is read from where it stands, and one that does not block is waited for.
 *
 * @param fd           open for reading, until the call returns
 * @param offset       the first byte of the file to store; 0 for a pipe or socket
 * @param length       how many, in bytes; UINT64_MAX: up to the end
 * @param options      NULL: the defaults
 * @param result_out   may be NULL
 * @param result_size  sizeof(hsm_put_result)
 * @return HSM_STATUS_IO when it cannot be read, HSM_STATUS_INVALID when it ends before offset + length, or for
 *         an offset in a pipe. What came out of a pipe before a failure is gone
 */
hsm_status hsm_object_put_fd(const hsm_store *store,
                             int32_t fd,
                             uint64_t offset,
                             uint64_t length,
                             const hsm_put_options *options,
                             hsm_put_result *result_out,
                             size_t result_size,
                             hsm_error **error_out);

/**
 * Stores what a callback gives, until it gives nothing: it is asked for at most 1 MiB at a time.
 *
 * @param source       destroyed before this returns
 * @param options      NULL: the defaults
 * @param result_out   may be NULL
 * @param result_size  sizeof(hsm_put_result)
 * @return HSM_STATUS_CANCELLED when the callback answered something other than 0
 */
hsm_status hsm_object_put_stream(const hsm_store *store,
                                 hsm_read_callback source,
                                 const hsm_put_options *options,
                                 hsm_put_result *result_out,
                                 size_t result_size,
                                 hsm_error **error_out);

/**
 * Makes an object without data: attributes and a key alone. It can be given data later. Reading it answers
 * HSM_STATUS_NOT_FOUND until then.
 *
 * @param options      NULL: the defaults. The mode is HSM_PUT_CREATE in any case
 * @param result_out   may be NULL
 * @param result_size  sizeof(hsm_put_result)
 */
hsm_status hsm_object_put_empty(const hsm_store *store,
                                const hsm_put_options *options,
                                hsm_put_result *result_out,
                                size_t result_size,
                                hsm_error **error_out);

/**
 * Replaces the bytes from an offset on, as a new generation; the object grows where they reach beyond its end. What did
 * not change is not written again, where the object lies in files. Digests of the whole content are unknown
 * afterwards. Without a byte to write nothing changes.
 *
 * @param id           an object that exists
 * @param offset       in bytes, at most the size of the object
 * @param data         may be NULL when size is 0
 * @param size         in bytes
 * @param durability   HSM_DURABLE or HSM_RELAXED
 * @param result_out   may be NULL
 * @param result_size  sizeof(hsm_put_result)
 * @return HSM_STATUS_INVALID for an offset behind the end
 */
hsm_status hsm_object_put_at(const hsm_store *store,
                             const hsm_id *id,
                             uint64_t offset,
                             const void *data,
                             size_t size,
                             int32_t durability,
                             hsm_put_result *result_out,
                             size_t result_size,
                             hsm_error **error_out);


/*
 * WRITERS
 *
 * Putting an object piece by piece.
 *
 * A writer takes bytes in order and publishes them at its commit; nothing is visible before. Freed without a
 * commit, it leaves nothing. It belongs to one thread at a time.
 */

/**
 * A put under way.
 */
typedef struct hsm_writer hsm_writer;

/**
 * Begins a put whose bytes come piece by piece.
 *
 * @param options     NULL: the defaults
 * @param writer_out  free it with hsm_writer_free(), also after the commit
 */
hsm_status hsm_writer_open(const hsm_store *store,
                           const hsm_put_options *options,
                           hsm_writer **writer_out,
                           hsm_error **error_out);

/**
 * Adds the next bytes. After a failure the writer can only be freed.
 *
 * @param data  may be NULL when size is 0
 * @param size  in bytes
 */
hsm_status hsm_writer_write(hsm_writer *writer,
                            const void *data,
                            size_t size,
                            hsm_error **error_out);

/**
 * How many bytes were added so far.
 *
 * @return HSM_STATUS_CLOSED after the commit
 */
hsm_status hsm_writer_size(const hsm_writer *writer,
                           uint64_t *size_bytes_out,
                           hsm_error **error_out);

/**
 * Publishes what was added as the object's next generation. Whatever it answers, what comes next is
 * hsm_writer_free(): later calls answer HSM_STATUS_CLOSED. Only wrong arguments leave the writer as it was.
 *
 * @param result_out   may be NULL
 * @param result_size  sizeof(hsm_put_result)
 * @return as a put; after a failure nothing was stored
 */
hsm_status hsm_writer_commit(hsm_writer *writer,
                             hsm_put_result *result_out,
                             size_t result_size,
                             hsm_error **error_out);

/**
 * Frees a writer. Without a commit nothing of it is left. NULL is fine.
 */
void hsm_writer_free(hsm_writer *writer);


/*
 * PARTS
 *
 * One object written by several writers: ranks of a simulation, parts of an upload.
 *
 * One process begins, and hands its token to the others, which join. Every process writes parts that begin on the edge
 * of a block, and gets a receipt for each. Who began is given all receipts and commits them as one generation. Nothing is
 * visible before; freed without a commit, nothing is left. Tokens and receipts are bytes without a pointer in
 * them, sent in whatever way the processes have.
 *
 * Who began must keep its handle, and its store open, until the commit: when it is gone, so are the parts. No part may be
 * written while the commit runs; after it, writing to one answers HSM_STATUS_NOT_FOUND.
 * A const hsm_parts * may be shared between threads, each of which writes a part of its own.
 */

/**
 * One part under way.
 */
typedef struct hsm_part hsm_part;

/**
 * An object that is written in parts.
 */
typedef struct hsm_parts hsm_parts;

/**
 * Begins an object that is written in parts.
 *
 * @param options    NULL: the defaults. Digests need one more pass over the object at the commit
 * @param parts_out  free it with hsm_parts_free(), also after the commit
 */
hsm_status hsm_parts_begin(const hsm_store *store,
                           const hsm_put_options *options,
                           hsm_parts **parts_out,
                           hsm_error **error_out);

/**
 * Joins an object that another handle of the same store began, here or in another process.
 *
 * @param token         what hsm_parts_token() wrote there
 * @param token_length  in bytes
 * @param parts_out     free it with hsm_parts_free(). It writes parts and cannot commit
 * @return HSM_STATUS_INVALID for what is no token of this store, HSM_STATUS_NOT_FOUND when who began has gone
 */
hsm_status hsm_parts_join(const hsm_store *store,
                          const void *token,
                          size_t token_length,
                          hsm_parts **parts_out,
                          hsm_error **error_out);

/**
 * What others need to join.
 *
 * @param buffer       gets the bytes of the token; may be NULL when buffer_size is 0
 * @param buffer_size  in bytes; 128 are enough
 * @param length_out   gets the length, also on HSM_STATUS_BUFFER_TOO_SMALL; may be NULL
 */
hsm_status hsm_parts_token(const hsm_parts *parts,
                           void *buffer,
                           size_t buffer_size,
                           size_t *length_out,
                           hsm_error **error_out);

/**
 * Bytes a block: each part begins at a multiple of it, and each but the last is a multiple of it long.
 */
hsm_status hsm_parts_block_size(const hsm_parts *parts,
                                uint64_t *block_size_bytes_out,
                                hsm_error **error_out);

/**
 * Adds the receipt of a part, in any order. Whether they fit together shows at the commit.
 *
 * @param receipt         what hsm_part_finish() wrote
 * @param receipt_length  in bytes
 * @return HSM_STATUS_INVALID for what is no receipt of this store
 */
hsm_status hsm_parts_add_receipt(hsm_parts *parts,
                                 const void *receipt,
                                 size_t receipt_length,
                                 hsm_error **error_out);

/**
 * Publishes the parts as the object's next generation. Together they must cover it without gap or overlap. Whatever it
 * answers, what comes next is hsm_parts_free(): later calls answer HSM_STATUS_CLOSED, and after a failure the
 * parts are gone. Only wrong arguments leave the handle as it was.
 *
 * @param result_out   may be NULL
 * @param result_size  sizeof(hsm_put_result)
 * @return HSM_STATUS_INVALID when the receipts do not fit together, or when the handle joined; HSM_STATUS_CONFLICT when another
 *         part was written in the place of one; and as a put
 */
hsm_status hsm_parts_commit(hsm_parts *parts,
                            hsm_put_result *result_out,
                            size_t result_size,
                            hsm_error **error_out);

/**
 * Frees the handle. Where it began the object and did not commit, nothing is left. NULL is fine.
 */
void hsm_parts_free(hsm_parts *parts);

/**
 * Begins a part. It belongs to one thread at a time, and may outlive the handle that it was made from. Of two that are written in one
 * place, by whatever processes, the one that reaches a block last has it: writing to the other, finishing it, or the commit
 * answers HSM_STATUS_CONFLICT, and what was written last is not harmed.
 *
 * @param offset    its first byte in the object, a multiple of the block size
 * @param part_out  free it with hsm_part_free(), also after it was finished
 * @return HSM_STATUS_INVALID for an offset within a block
 */
hsm_status hsm_part_begin(const hsm_parts *parts,
                          uint64_t offset,
                          hsm_part **part_out,
                          hsm_error **error_out);

/**
 * Adds the next bytes of the part. After a failure it can only be freed, and written anew as another.
 *
 * @param data  may be NULL when size is 0
 * @param size  in bytes
 * @return HSM_STATUS_CLOSED once it was finished, HSM_STATUS_NOT_FOUND when who began has committed or gone,
 *         HSM_STATUS_CONFLICT when another part was written in its place
 */
hsm_status hsm_part_write(hsm_part *part,
                          const void *data,
                          size_t size,
                          hsm_error **error_out);

/**
 * Ends the part: its bytes survive a power loss when this returns. The receipt says what it holds, in about a hundred
 * bytes. After HSM_STATUS_BUFFER_TOO_SMALL, and after success, it can be asked for again.
 *
 * @param buffer       gets the bytes of the receipt; may be NULL when buffer_size is 0
 * @param buffer_size  in bytes
 * @param length_out   gets the length, also on HSM_STATUS_BUFFER_TOO_SMALL; may be NULL
 * @return HSM_STATUS_NOT_FOUND when who began has committed or gone, HSM_STATUS_CONFLICT when another part was written in
 *         its place; after a failure the part can only be freed
 */
hsm_status hsm_part_finish(hsm_part *part,
                           void *buffer,
                           size_t buffer_size,
                           size_t *length_out,
                           hsm_error **error_out);

/**
 * Frees a part. What it wrote without being finished is no part of the object. NULL is fine.
 */
void hsm_part_free(hsm_part *part);


/*
 * GETTING OBJECTS
 *
 * Reading objects.
 *
 * Every byte is checked against the checksum recorded when it was put, before it is handed out. With a tier of -1
 * the bytes come from the hottest copy in reach, and from another where that one is damaged. All are callable
 * from several threads.
 *
 * What every get answers, besides HSM_STATUS_OK: HSM_STATUS_NOT_FOUND for an object that does not exist, has no
 * data, or has no copy on the tier; HSM_STATUS_CORRUPT when what is wanted is damaged on every copy in reach;
 * HSM_STATUS_OFFLINE when no copy is in reach, or the only ones lie on delayed tiers and were not recalled. A
 * small object may be read for a millisecond more from a root that has just gone away: what comes is right, and checked.
 */

/**
 * Reads a range into memory. Only the blocks that hold it are read. For many ranges of one object, a reader looks the
 * object up once.
 *
 * @param tier      where to read from; -1: any
 * @param offset    the first byte to read
 * @param buffer    may be NULL when size is 0
 * @param size      in bytes
 * @param read_out  how many bytes were read: fewer than size only at the end of the object, 0 behind it
 */
hsm_status hsm_object_get(const hsm_store *store,
                          const hsm_id *id,
                          int32_t tier,
                          uint64_t offset,
                          void *buffer,
                          size_t size,
                          size_t *read_out,
                          hsm_error **error_out);

/**
 * Writes a whole object to a file, which is there whole or not at all: it is written beside the path, synced, and
 * renamed over what was there.
 *
 * @param tier            where to read from; -1: any
 * @param path            any bytes but NUL
 * @param path_length     in bytes; SIZE_MAX: up to the NUL
 * @param size_bytes_out  the size of the object; may be NULL
 * @return HSM_STATUS_IO or HSM_STATUS_FULL when the file cannot be written
 */
hsm_status hsm_object_get_path(const hsm_store *store,
                               const hsm_id *id,
                               int32_t tier,
                               const char *path,
                               size_t path_length,
                               uint64_t *size_bytes_out,
                               hsm_error **error_out);

/**
 * Writes a whole object to a descriptor: to a file from its first byte on, to a pipe or socket from where it stands.
 * It is not closed, not synced, and a longer file is not cut. A file's own offset is neither used nor moved; one
 * opened with O_APPEND gets the bytes at its end. A pipe or socket that does not block is waited for; where
 * its other end is closed the call fails, and no SIGPIPE is raised.
 *
 * @param tier            where to read from; -1: any
 * @param fd              open for writing, until the call returns
 * @param size_bytes_out  the size of the object; may be NULL
 * @return HSM_STATUS_IO or HSM_STATUS_FULL when it cannot be written. A part may have come through then
 */
hsm_status hsm_object_get_fd(const hsm_store *store,
                             const hsm_id *id,
                             int32_t tier,
                             int32_t fd,
                             uint64_t *size_bytes_out,
                             hsm_error **error_out);

/**
 * Hands a whole object to a callback, in order, at most 1 MiB at a time.
 *
 * @param tier            where to read from; -1: any
 * @param target          destroyed before this returns
 * @param size_bytes_out  the size of the object; may be NULL
 * @return HSM_STATUS_CANCELLED when the callback answered something other than 0. After any failure it may
 *         have got a part of the object
 */
hsm_status hsm_object_get_stream(const hsm_store *store,
                                 const hsm_id *id,
                                 int32_t tier,
                                 hsm_write_callback target,
                                 uint64_t *size_bytes_out,
                                 hsm_error **error_out);


/*
 * GETTING MANY OBJECTS
 *
 * Reading many objects in one call.
 *
 * The objects come in the order in which they lie on their tiers, and small ones that lie next to each other are read
 * together: much quicker than one call for each, on a disk that seeks most of all. Each comes whole, its bytes in
 * order and checked; one that cannot be read comes as its error and disturbs no other.
 *
 * They come to a callback, or become files of a directory. Objects without data have nothing to be got: those of a
 * listing are passed over.
 */

/**
 * Bytes of one of the objects, or why it could not be read.
 */
typedef struct hsm_delivery {
  /**
   * The position of the object in the list of ids, or in the listing: both begin with 0. They come in no order.
   */
  uint64_t index;
  /**
   * The object.
   */
  hsm_id id;
  /**
   * The key that the listing has it under, without a NUL at its end; NULL outside a dataset.
   */
  const void *key;
  /**
   * In bytes.
   */
  uint64_t key_length;
  /**
   * The size of the object; 0 with an error.
   */
  uint64_t size_bytes;
  /**
   * Where these bytes begin in the object; 0 with an error. The last of them are those with offset + length = size_bytes.
   */
  uint64_t offset;
  /**
   * The bytes; NULL where there are none.
   */
  const void *data;
  /**
   * How many: at most 1 MiB; 0 for an object of 0 bytes, which comes once, and with an error.
   */
  uint64_t length;
  /**
   * HSM_STATUS_OK, or why the object could not be read: it ends here, whatever came of it before.
   */
  hsm_status status;
  /**
   * 0.
   */
  int32_t reserved;
  /**
   * Tells more of that; NULL with HSM_STATUS_OK. It is there during the call only, and not to be freed.
   */
  const hsm_error *error;
} hsm_delivery;

/**
 * Takes deliveries.
 */
typedef struct hsm_delivery_callback {
  /**
   * Takes a delivery, which is there during the call only, with all that it points to; `size` is that of the library's
   * record, and may differ from sizeof(hsm_delivery). Returns 0 to go on.
   */
  int32_t (*call)(void *user_data,
                  const hsm_delivery *delivery,
                  size_t size);
  /**
   * Passed to each call.
   */
  void *user_data;
  /**
   * Runs once at the end; may be NULL.
   */
  void (*destroy)(void *user_data);
} hsm_delivery_callback;

/**
 * What came of reading many objects into a directory.
 */
typedef struct hsm_got_into {
  /**
   * Files that were written.
   */
  uint64_t files;
  /**
   * Their length in bytes, together.
   */
  uint64_t bytes;
  /**
   * Objects that could not be read, or whose file could not be written: the callback was told of each.
   */
  uint64_t failed;
} hsm_got_into;

/**
 * Reads many objects.
 *
 * @param ids     the objects, in any order; one may be there more than once. May be NULL when count is 0
 * @param count   how many; memory grows with it, not with the sizes of the objects
 * @param tier    where to read from; -1: for each the hottest copy in reach, and another where that is damaged
 * @param target  takes the bytes; destroyed before this returns
 * @return HSM_STATUS_OK when all were gone through, also where some could not be read: the callback was told.
 *         HSM_STATUS_CANCELLED when the callback answered something other than 0. HSM_STATUS_INVALID for an
 *         argument that is wrong, an id that is all zero too: then nothing was read
 */
hsm_status hsm_objects_get(const hsm_store *store,
                           const hsm_id *ids,
                           size_t count,
                           int32_t tier,
                           hsm_delivery_callback target,
                           hsm_error **error_out);

/**
 * Reads all objects that match a query: a dataset, say. Nothing grows with their number. One that comes or goes
 * meanwhile may or may not be among them.
 *
 * @param query   copied; NULL: all objects
 * @param tier    where to read from; -1: for each the hottest copy in reach, and another where that is damaged
 * @param target  takes the bytes; destroyed before this returns
 * @return as hsm_objects_get(); HSM_STATUS_NOT_FOUND when there is no such dataset
 */
hsm_status hsm_objects_get_all(const hsm_store *store,
                               const hsm_query *query,
                               int32_t tier,
                               hsm_delivery_callback target,
                               hsm_error **error_out);

/**
 * Reads many objects, each into a file of a directory that is named after its id, as hsm_id_format() writes it.
 *
 * The rest is as hsm_objects_get_all_into() says.
 *
 * @param ids               the objects, in any order. May be NULL when count is 0
 * @param count             how many; memory grows with it, not with the sizes of the objects
 * @param tier              where to read from; -1: for each the hottest copy in reach, and another where that is
 *                          damaged
 * @param directory         made where it is missing
 * @param directory_length  in bytes; SIZE_MAX: up to the NUL
 * @param failed            told of each object that did not become a file; may be left out
 * @param got_out           what came of it; may be NULL
 * @param got_size          sizeof(hsm_got_into)
 * @return as hsm_objects_get(); HSM_STATUS_IO, HSM_STATUS_FULL where the directory cannot be made or synced
 */
hsm_status hsm_objects_get_into(const hsm_store *store,
                                const hsm_id *ids,
                                size_t count,
                                int32_t tier,
                                const char *directory,
                                size_t directory_length,
                                hsm_delivery_callback failed,
                                hsm_got_into *got_out,
                                size_t got_size,
                                hsm_error **error_out);

/**
 * Reads all objects that match a query, each into a file of a directory: those of a dataset under their keys, the parts
 * of which between slashes are directories; outside a dataset under their ids. What else lies there stays.
 *
 * Each file is there whole or not at all, also after a power loss: files are written under temporary names
 * (.<id>-<number>.new, which a process that is killed leaves), synced, and renamed over what was there. All are on the
 * medium when this returns. None lies outside of the directory: a key that is no path below it fails, and symbolic links
 * on the way are not followed. Nothing grows with the number of objects.
 *
 * @param query             copied; NULL: all objects
 * @param tier              where to read from; -1: for each the hottest copy in reach, and another where that is
 *                          damaged
 * @param directory         made where it is missing
 * @param directory_length  in bytes; SIZE_MAX: up to the NUL
 * @param failed            told of each object that did not become a file, by a delivery with its status and error; may
 *                          be left out
 * @param got_out           what came of it; may be NULL
 * @param got_size          sizeof(hsm_got_into)
 * @return HSM_STATUS_OK also when some failed; as hsm_objects_get_all(), and HSM_STATUS_IO, HSM_STATUS_FULL where the
 *         directory cannot be made or synced
 */
hsm_status hsm_objects_get_all_into(const hsm_store *store,
                                    const hsm_query *query,
                                    int32_t tier,
                                    const char *directory,
                                    size_t directory_length,
                                    hsm_delivery_callback failed,
                                    hsm_got_into *got_out,
                                    size_t got_size,
                                    hsm_error **error_out);


/*
 * READERS
 *
 * Reading one object in several calls.
 *
 * A reader keeps what it began with: its bytes are those of one generation, also when the object is overwritten, moved
 * or removed meanwhile. Every byte is checked before it is handed out. It belongs to one thread at a time.
 */

/**
 * An object open for reading.
 */
typedef struct hsm_reader hsm_reader;

/**
 * Opens an object for reading.
 *
 * @param tier        where to read from; -1: the hottest copy in reach, and another where that one is damaged
 * @param reader_out  free it with hsm_reader_free()
 * @return as a get
 */
hsm_status hsm_reader_open(const hsm_store *store,
                           const hsm_id *id,
                           int32_t tier,
                           hsm_reader **reader_out,
                           hsm_error **error_out);

/**
 * What was known of the object when it was opened.
 *
 * @param object_out  lives as long as the reader; never freed
 */
hsm_status hsm_reader_object(const hsm_reader *reader,
                             const hsm_object **object_out,
                             hsm_error **error_out);

/**
 * Reads on from where the last such read ended.
 *
 * @param buffer    at least 1 byte
 * @param size      in bytes
 * @param read_out  how many bytes were read: fewer than size only at the end of the object
 * @return HSM_STATUS_END when nothing is left. After a failure the next read begins at the same byte
 */
hsm_status hsm_reader_read(hsm_reader *reader,
                           void *buffer,
                           size_t size,
                           size_t *read_out,
                           hsm_error **error_out);

/**
 * Reads from an offset on. Where hsm_reader_read() stands does not change.
 *
 * @param offset    the first byte to read
 * @param buffer    may be NULL when size is 0
 * @param size      in bytes
 * @param read_out  how many bytes were read: fewer than size only at the end of the object, 0 behind it
 */
hsm_status hsm_reader_read_at(hsm_reader *reader,
                              uint64_t offset,
                              void *buffer,
                              size_t size,
                              size_t *read_out,
                              hsm_error **error_out);

/**
 * Frees a reader. NULL is fine.
 */
void hsm_reader_free(hsm_reader *reader);


/*
 * TIMES OF ACCESS
 *
 * Times of access: when objects were last read.
 *
 * Reading costs no write a call. A handle notes in memory what is read and writes it down for thousands of objects at once:
 * when half of the staleness that is set for the store has passed at the next read, in hsm_store_maintain(), and when the
 * store is closed. An object is noted no more often than every half of it since it was last read or changed. So what
 * hsm_object_stat() shows as accessed_ns is behind by the staleness at most while a handle is used; one that is left alone keeps what
 * it noted. A crash loses what was only noted, and nothing else.
 *
 * Gets, bulk gets and readers (when they are opened) count; copies, moves, scrubs and verifications do not, and nothing
 * that is read through a handle that may not write. An access is no change of the object: its number of the last change
 * stays, and hsm_query_set_changed_after() does not find it. hsm_query_set_accessed_range_ns() finds what was not used for
 * long, and HSM_EVENT_ACCESSED tells of each access that was written down.
 */

/**
 * Says how far the times of last access may be behind, for every handle of the store; one hour unless it is set. Other
 * handles learn of it within a minute.
 *
 * @param staleness_ns  in nanoseconds; 0: every read is written down at once; UINT64_MAX: accesses are not recorded
 * @param position_out  gets the position of the change; may be NULL
 */
hsm_status hsm_store_set_access_staleness(const hsm_store *store,
                                          uint64_t staleness_ns,
                                          hsm_position *position_out,
                                          hsm_error **error_out);

/**
 * How far the times of last access may be behind, as hsm_store_set_access_staleness() was told.
 *
 * @param staleness_ns_out  UINT64_MAX: accesses are not recorded
 */
hsm_status hsm_store_access_staleness(const hsm_store *store,
                                      uint64_t *staleness_ns_out,
                                      hsm_error **error_out);


/*
 * MOVING BETWEEN TIERS
 *
 * Copying and moving objects between tiers, and dropping copies.
 *
 * A copy is read with each byte checked, written to its new tier, synced, read back from the medium, and only then
 * committed. A move drops the source's copy in that same commit. Whatever stops it, a crash included, leaves the
 * old state or the new, and the object readable. A release never drops the last copy that is verified and in
 * reach, unless it is forced.
 *
 * Archiving is a copy to a colder tier and then a release of the hotter copy; a recall is a copy to a hotter
 * tier. Moving to a tier that holds a copy already drops the source's copy alone.
 *
 * Calls that change nothing, because what is wanted is so already, answer HSM_STATUS_OK with a position of zeros.
 * All changes are durable when a call returns.
 */

/**
 * Makes sure that a tier holds a verified copy of an object.
 *
 * @param source        the tier to read from; -1: the hottest that has a copy
 * @param target        the tier that is to hold a copy
 * @param position_out  gets the position of the change; may be NULL
 * @return HSM_STATUS_NOT_FOUND when there is no such object, it has no data, or no copy on the source;
 *         HSM_STATUS_REFUSED when the target takes no data, HSM_STATUS_FULL when it has no room,
 *         HSM_STATUS_OFFLINE when a tier is out of reach, HSM_STATUS_CORRUPT when no whole copy could be read or
 *         the new one came back damaged. The object is then as it was
 */
hsm_status hsm_object_copy(const hsm_store *store,
                           const hsm_id *id,
                           int32_t source,
                           int32_t target,
                           hsm_position *position_out,
                           hsm_error **error_out);

/**
 * Copies an object to a tier and drops the copy on another, in one change.
 *
 * @param source        the tier whose copy is to go
 * @param target        the tier that is to hold a copy
 * @param position_out  gets the position of the change; may be NULL
 * @return as hsm_object_copy(); HSM_STATUS_INVALID when both tiers are the same
 */
hsm_status hsm_object_move(const hsm_store *store,
                           const hsm_id *id,
                           int32_t source,
                           int32_t target,
                           hsm_position *position_out,
                           hsm_error **error_out);

/**
 * Brings a copy back to a tier, from the hottest that has one.
 *
 * @param target        the tier that is to hold a copy
 * @param position_out  gets the position of the change; may be NULL
 * @return as hsm_object_copy()
 */
hsm_status hsm_object_recall(const hsm_store *store,
                             const hsm_id *id,
                             int32_t target,
                             hsm_position *position_out,
                             hsm_error **error_out);

/**
 * Drops the copy on a tier. Where no other copy was verified yet, one is read back first, which may take long.
 *
 * @param tier          the tier whose copy is to go
 * @param force         1: also when it is the last good copy, and the object's bytes are then lost
 * @param position_out  gets the position of the change; may be NULL
 * @return HSM_STATUS_REFUSED when no other verified copy is in reach, HSM_STATUS_NOT_FOUND when there is no
 *         such object or tier, or the object has no data
 */
hsm_status hsm_object_release(const hsm_store *store,
                              const hsm_id *id,
                              int32_t tier,
                              int32_t force,
                              hsm_position *position_out,
                              hsm_error **error_out);

/**
 * Reads the copy on a tier back from the medium, past the page cache where the kernel allows, and records
 * whether it is whole. One that was found damaged no longer counts as verified.
 *
 * @param tier          the tier whose copy is read
 * @param position_out  gets the position of the change; may be NULL
 * @return HSM_STATUS_CORRUPT when it is not whole, HSM_STATUS_NOT_FOUND when there is no such object or copy
 */
hsm_status hsm_object_verify(const hsm_store *store,
                             const hsm_id *id,
                             int32_t tier,
                             hsm_position *position_out,
                             hsm_error **error_out);

/**
 * Makes sure that a tier holds a verified copy of each of many objects. Small ones share packs, syncs and commits,
 * so this is much quicker than one call for each. One that fails does not disturb the others.
 *
 * @param ids           the objects, in any order; may be NULL when count is 0
 * @param count         how many; memory grows with it, so a long listing is best done in parts
 * @param source        the tier to read from; -1: the hottest that has a copy
 * @param target        the tier that is to hold the copies
 * @param statuses_out  gets a status for each object in the order of ids, as hsm_object_copy() would answer;
 *                      written whenever the objects were gone through, also when some failed. May be NULL
 * @return HSM_STATUS_OK when all went well; else the status of the first in order that failed, and its error.
 *         HSM_STATUS_INVALID for an argument that is wrong: then nothing was done, and no status is written.
 *         Stopped by a progress callback, those that were done stay, and the others have HSM_STATUS_CANCELLED
 */
hsm_status hsm_objects_copy(const hsm_store *store,
                            const hsm_id *ids,
                            size_t count,
                            int32_t source,
                            int32_t target,
                            hsm_status *statuses_out,
                            hsm_error **error_out);

/**
 * Moves many objects, as hsm_objects_copy() copies them.
 *
 * @param ids           the objects, in any order; may be NULL when count is 0
 * @param count         how many
 * @param source        the tier whose copies are to go
 * @param target        the tier that is to hold the copies
 * @param statuses_out  gets a status for each object in the order of ids, as hsm_object_move() would answer;
 *                      may be NULL
 * @return as hsm_objects_copy()
 */
hsm_status hsm_objects_move(const hsm_store *store,
                            const hsm_id *ids,
                            size_t count,
                            int32_t source,
                            int32_t target,
                            hsm_status *statuses_out,
                            hsm_error **error_out);


/*
 * PINS
 *
 * Pins: an object stays on a tier until a time.
 *
 * A pin forbids that the object's copy on the tier is released: by hsm_object_release(), forced or not, by a move away, a
 * drain, or an action of these. They are refused with HSM_STATUS_REFUSED, and the message says until when and for whom.
 * Each owner has one pin of an object on a tier; the copy stays until the last of them ends. A pin ends by the store's
 * clock, without an event, or when it is taken away.
 *
 * The copy need not be there yet: pin first, then recall, and nothing can come in between.
 *
 * A pin says where bytes lie, not whether they do: new content takes the place of the old, a pinned object can be removed
 * and its pins go with it for good (they stay as long as it can be brought back), a compaction may move the copy within its
 * tier, and a copy on a tier that is lost, or one that is damaged, is struck off. Pins survive a crash and a restore from a
 * snapshot; hsm_store_rebuild(), which has only the roots, does not find them.
 */

/**
 * One pin.
 */
typedef struct hsm_pin_info {
  /**
   * The object.
   */
  hsm_id object;
  /**
   * When it ends, in nanoseconds since 1970; INT64_MAX: when it is taken away.
   */
  int64_t until_ns;
  /**
   * The tier on which the object's copy stays.
   */
  int32_t tier;
  /**
   * Zero.
   */
  int32_t reserved;
  /**
   * Whose it is, with a NUL; may be empty.
   */
  char owner[256];
} hsm_pin_info;

/**
 * Pins an object to a tier, durably. In the place of the pin that this owner has there: it may end sooner, too.
 *
 * @param tier          the tier on which its copy stays, or will stay once it is there
 * @param owner         whose pin it is: at most 255 bytes of UTF-8; may be empty
 * @param owner_length  in bytes; SIZE_MAX: up to the NUL
 * @param until_ns      when it ends, in nanoseconds since 1970; INT64_MAX: when it is taken away
 * @param position_out  gets the position of the change; may be NULL
 * @return HSM_STATUS_INVALID when the time is over, HSM_STATUS_NOT_FOUND when there is no such object or tier
 */
hsm_status hsm_object_pin(const hsm_store *store,
                          const hsm_id *id,
                          int32_t tier,
                          const char *owner,
                          size_t owner_length,
                          int64_t until_ns,
                          hsm_position *position_out,
                          hsm_error **error_out);

/**
 * Takes an owner's pin away. Where there is none, or it has ended, the answer is HSM_STATUS_OK with a position of zeros.
 * The object may be one that was removed.
 *
 * @param owner         as it was given to hsm_object_pin()
 * @param owner_length  in bytes; SIZE_MAX: up to the NUL
 * @param position_out  gets the position of the change; may be NULL
 */
hsm_status hsm_object_unpin(const hsm_store *store,
                            const hsm_id *id,
                            int32_t tier,
                            const char *owner,
                            size_t owner_length,
                            hsm_position *position_out,
                            hsm_error **error_out);

/**
 * Pins many objects to a tier, as hsm_object_pin() does one: all of them in one commit, or none.
 *
 * @param ids           the objects; one may be there more than once
 * @param count         how many, at least 1; all have to fit into 16 MiB, of which each takes about 40 bytes and its owner
 * @param tier          the tier on which their copies stay, or will stay once they are there
 * @param owner         whose pins they are: at most 255 bytes of UTF-8; may be empty
 * @param owner_length  in bytes; SIZE_MAX: up to the NUL
 * @param until_ns      when they end, in nanoseconds since 1970; INT64_MAX: when they are taken away
 * @param position_out  gets the position of the last change; may be NULL
 * @return as hsm_object_pin(): then nothing was pinned
 */
hsm_status hsm_objects_pin(const hsm_store *store,
                           const hsm_id *ids,
                           size_t count,
                           int32_t tier,
                           const char *owner,
                           size_t owner_length,
                           int64_t until_ns,
                           hsm_position *position_out,
                           hsm_error **error_out);

/**
 * Pins all live objects that match a query, a dataset, say: in commits of up to 10000. One that comes meanwhile may be
 * left out, one that goes is. After an error those of the commits before it stay pinned: call it again.
 *
 * @param query         copied; NULL: all objects
 * @param tier          the tier on which their copies stay, or will stay once they are there
 * @param owner         whose pins they are: at most 255 bytes of UTF-8; may be empty
 * @param owner_length  in bytes; SIZE_MAX: up to the NUL
 * @param until_ns      when they end, in nanoseconds since 1970; INT64_MAX: when they are taken away
 * @param count_out     gets how many were pinned, one of several keys in a dataset once for each; may be NULL
 * @return as hsm_object_pin(); HSM_STATUS_NOT_FOUND when there is no such dataset, too
 */
hsm_status hsm_objects_pin_all(const hsm_store *store,
                               const hsm_query *query,
                               int32_t tier,
                               const char *owner,
                               size_t owner_length,
                               int64_t until_ns,
                               uint64_t *count_out,
                               hsm_error **error_out);

/**
 * Takes all pins of an owner away, in commits of up to 10000.
 *
 * @param tier          only on this tier; -1: on any
 * @param owner         as it was given to hsm_object_pin()
 * @param owner_length  in bytes; SIZE_MAX: up to the NUL
 * @param count_out     gets how many there were; may be NULL
 */
hsm_status hsm_objects_unpin_all(const hsm_store *store,
                                 int32_t tier,
                                 const char *owner,
                                 size_t owner_length,
                                 uint64_t *count_out,
                                 hsm_error **error_out);

/**
 * The next pin that has not ended, in order of object, tier and owner.
 *
 * @param after         the pin behind which to look; NULL: the first. It may be the record that info_out is
 * @param after_size    sizeof(hsm_pin_info)
 * @param object        only pins of this object; NULL, or zeros: of any
 * @param tier          only on this tier; -1: on any
 * @param owner         only of this owner; NULL: of any
 * @param owner_length  in bytes; SIZE_MAX: up to the NUL
 * @param info_size     sizeof(hsm_pin_info)
 * @return HSM_STATUS_END behind the last
 */
hsm_status hsm_pin_next(const hsm_store *store,
                        const hsm_pin_info *after,
                        size_t after_size,
                        const hsm_id *object,
                        int32_t tier,
                        const char *owner,
                        size_t owner_length,
                        hsm_pin_info *info_out,
                        size_t info_size,
                        hsm_error **error_out);


/*
 * REMOVING
 *
 * Removing objects, and bringing them back.
 *
 * A removed object is gone from every listing but those that ask for removed ones. Until the store's grace
 * window is over, 24 hours by default, it can be brought back; after that, hsm_store_maintain() takes away
 * what is left of it. Its id may be put again at any time: that is a new life of it.
 *
 * The changes are durable when a call returns.
 */

/**
 * Removes an object, with all its keys.
 *
 * @param position_out  gets the position of the change; may be NULL
 * @return HSM_STATUS_NOT_FOUND when there is no such object, or it was removed already
 */
hsm_status hsm_object_remove(const hsm_store *store,
                             const hsm_id *id,
                             hsm_position *position_out,
                             hsm_error **error_out);

/**
 * Removes an object at once and for good, whether it was removed before or not. Nothing brings it back.
 *
 * @param position_out  gets the position of the change; may be NULL
 * @return HSM_STATUS_NOT_FOUND when there is no such object
 */
hsm_status hsm_object_purge(const hsm_store *store,
                            const hsm_id *id,
                            hsm_position *position_out,
                            hsm_error **error_out);

/**
 * Brings a removed object back: its content, its copies, its attributes, and its first key if no other object
 * has that now. Whether it has it again, hsm_object_open() and hsm_object_key() tell.
 *
 * @return HSM_STATUS_NOT_FOUND when there is no removed object with this id, or its grace window is over
 */
hsm_status hsm_object_undelete(const hsm_store *store,
                               const hsm_id *id,
                               hsm_error **error_out);


/*
 * OPTIONS OF AN ACTION
 *
 * How an action is to be run, and for whom.
 *
 * Options are made, changed, passed to hsm_action_submit() or hsm_group_submit() as often as wanted, and freed. What is
 * not set is the default. Setting the same again replaces what was set.
 */

/**
 * How an action is to be run.
 */
typedef struct hsm_action_options hsm_action_options;

/**
 * Makes options that are all default.
 *
 * @param options_out  free it with hsm_action_options_free()
 */
hsm_status hsm_action_options_new(hsm_action_options **options_out,
                                  hsm_error **error_out);

/**
 * Frees options. NULL is fine.
 */
void hsm_action_options_free(hsm_action_options *options);

/**
 * The id of the action: who does not know whether it had submitted may submit again under the same id. Only for
 * hsm_action_submit(). By default one is drawn.
 *
 * @param id  a UUID, of hsm_store_new_id() say; NULL, or zeros: draw one
 */
hsm_status hsm_action_options_set_id(hsm_action_options *options,
                                     const hsm_id *id,
                                     hsm_error **error_out);

/**
 * The group that the action belongs to, so that many submitted one by one are waited for, cancelled and retried as one.
 * Not for hsm_group_submit(), which draws one.
 *
 * @param group  a UUID, of hsm_store_new_id() say; NULL, or zeros: none
 */
hsm_status hsm_action_options_set_group(hsm_action_options *options,
                                        const hsm_id *group,
                                        hsm_error **error_out);

/**
 * The action comes after this one: it waits until all that were added are done, and fails where one of them fails or is
 * cancelled. Of hsm_group_submit(): each of them does.
 *
 * @param id  an action that was submitted before; at most 16 can be added
 */
hsm_status hsm_action_options_add_after(hsm_action_options *options,
                                        const hsm_id *id,
                                        hsm_error **error_out);

/**
 * How urgent it is: higher ones are run first. The default is 0.
 */
hsm_status hsm_action_options_set_priority(hsm_action_options *options,
                                           int32_t priority,
                                           hsm_error **error_out);

/**
 * On whose behalf: owners of equal priority are served in turn. The default is the empty name.
 *
 * @param owner         at most 255 bytes of UTF-8
 * @param owner_length  in bytes; SIZE_MAX: up to the NUL
 */
hsm_status hsm_action_options_set_owner(hsm_action_options *options,
                                        const char *owner,
                                        size_t owner_length,
                                        hsm_error **error_out);

/**
 * Why, for whoever looks at it later.
 *
 * @param reason         at most 255 bytes of UTF-8
 * @param reason_length  in bytes; SIZE_MAX: up to the NUL
 */
hsm_status hsm_action_options_set_reason(hsm_action_options *options,
                                         const char *reason,
                                         size_t reason_length,
                                         hsm_error **error_out);

/**
 * When it is no longer of use: from then on it fails without being run.
 *
 * @param deadline_ns  nanoseconds since 1970 UTC; 0, the default: never
 */
hsm_status hsm_action_options_set_deadline_ns(hsm_action_options *options,
                                              int64_t deadline_ns,
                                              hsm_error **error_out);

/**
 * How often it is tried at most when something is wrong that may pass, such as a tier out of reach.
 *
 * @param attempts_max  0: the default, 5
 */
hsm_status hsm_action_options_set_attempts_max(hsm_action_options *options,
                                               uint32_t attempts_max,
                                               hsm_error **error_out);

/**
 * How HSM_ACTION_ADOPT adopts its file; nothing else says how.
 *
 * @param how  0, the default, or a sum of HSM_ADOPT_COPY_ALLOWED and HSM_ADOPT_REMOVE_SOURCE
 */
hsm_status hsm_action_options_set_adoption(hsm_action_options *options,
                                           int32_t how,
                                           hsm_error **error_out);

/**
 * The file outside of the store that HSM_ACTION_PUT and HSM_ACTION_ADOPT read and HSM_ACTION_GET writes: all need one, and nothing else has
 * one. It is looked at when the action is run, by the process that runs it. By default there is none.
 *
 * @param path         an absolute path of at most 4095 bytes; that is checked when the action is submitted
 * @param path_length  in bytes; SIZE_MAX: up to the NUL
 */
hsm_status hsm_action_options_set_path(hsm_action_options *options,
                                       const char *path,
                                       size_t path_length,
                                       hsm_error **error_out);

/**
 * Adds a digest that the bytes of HSM_ACTION_PUT, HSM_ACTION_ADOPT or HSM_ACTION_GET must have: else the action fails, with nothing stored
 * and no file made. That of a put or an adoption is recorded with the object.
 *
 * @param digest         "algorithm:hexadecimal", such as "crc32c:e3069283"
 * @param digest_length  in bytes; SIZE_MAX: up to the NUL
 * @return HSM_STATUS_INVALID for what is no digest, and when there are 16
 */
hsm_status hsm_action_options_expect_digest(hsm_action_options *options,
                                            const char *digest,
                                            size_t digest_length,
                                            hsm_error **error_out);


/*
 * ACTIONS
 *
 * Actions: requests that outlive who made them.
 *
 * An action is submitted, which returns at once, and is run later by whoever calls hsm_store_run(), in whatever thread
 * or process. It is durable when it was submitted, survives every crash, and is done in the same commit as its effect:
 * once, however often its runners are killed. Actions that want the same of the same object are run once for all of them.
 *
 * An action can come after others (hsm_action_options_add_after()): it waits until all of them are done, and fails where
 * one of them fails or is cancelled.
 *
 * Higher priorities come first, among equal ones the owners in turn. What went wrong and may pass (I/O, no room, a tier
 * out of reach) is tried again after a pause of 1 s, doubled each time up to 5 minutes; anything else ends it.
 *
 * Every step is an event of the feed. Finished actions are kept for 7 days, at most 100 000 of them, and then forgotten by
 * hsm_store_maintain().
 */

/**
 * As hsm_object_copy().
 */
#define HSM_ACTION_COPY 1

/**
 * As hsm_object_move().
 */
#define HSM_ACTION_MOVE 2

/**
 * As hsm_object_recall().
 */
#define HSM_ACTION_RECALL 3

/**
 * As hsm_object_release(): the target is the tier.
 */
#define HSM_ACTION_RELEASE 4

/**
 * As hsm_object_verify(): the target is the tier.
 */
#define HSM_ACTION_VERIFY 5

/**
 * As hsm_object_remove(): the target is not looked at.
 */
#define HSM_ACTION_REMOVE 6

/**
 * A kind of a site's own: see hsm_action_submit_site().
 */
#define HSM_ACTION_SITE 7

/**
 * Stores a file of outside, as hsm_object_put_path(): hsm_action_options_set_path() names it, the target is the tier. The object is
 * made if there is none; else it gets its next generation. A file that is changed meanwhile is read again later; what is
 * no regular file is not waited for. Of a file of 16 MiB and more, what an attempt has written that was stopped, failed or was
 * killed is not written again, as far as it is the file's: the next one reads the file anew and compares.
 */
#define HSM_ACTION_PUT 8

/**
 * Writes the object to a file of outside, as hsm_object_get_path(): it is there whole or not at all, also after a power loss.
 * hsm_action_options_set_path() names it, the target is not looked at. It is written beside its path
 * first, as ".NAME.STORE.hsm-new", where STORE is the second half of the store's id in hexadecimal. What an attempt leaves there
 * that was stopped, failed or was killed, the next one goes on with, as far as that is the object's by its checksums. An action
 * that is over leaves nothing there.
 */
#define HSM_ACTION_GET 9

/**
 * As HSM_ACTION_PUT, but the file is adopted where it lies, as by hsm_object_adopt_path(): hsm_action_options_set_adoption()
 * says how. Where it is removed, the action is done before that: a crash in between, or what else hinders it, leaves it.
 */
#define HSM_ACTION_ADOPT 10

/**
 * To be queued when all that it comes after is done.
 */
#define HSM_ACTION_WAITING 1

/**
 * To be run.
 */
#define HSM_ACTION_QUEUED 2

/**
 * Being run.
 */
#define HSM_ACTION_RUNNING 3

/**
 * What was wanted is so.
 */
#define HSM_ACTION_DONE 4

/**
 * Given up: hsm_action_text() says why.
 */
#define HSM_ACTION_FAILED 5

/**
 * Called off.
 */
#define HSM_ACTION_CANCELLED 6

/**
 * Its owner.
 */
#define HSM_ACTION_TEXT_OWNER 1

/**
 * Its reason.
 */
#define HSM_ACTION_TEXT_REASON 2

/**
 * What went wrong last.
 */
#define HSM_ACTION_TEXT_ERROR 3

/**
 * Its kind, where that is a site's own.
 */
#define HSM_ACTION_TEXT_KIND 4

/**
 * The worker that leased it last.
 */
#define HSM_ACTION_TEXT_WORKER 5

/**
 * How far that worker said that it is.
 */
#define HSM_ACTION_TEXT_NOTE 6

/**
 * The file of a put or get; it may be no UTF-8.
 */
#define HSM_ACTION_TEXT_PATH 7

/**
 * An action in numbers.
 */
typedef struct hsm_action_info {
  /**
   * Its id.
   */
  hsm_id id;
  /**
   * The object.
   */
  hsm_id object;
  /**
   * The group; zeros: none.
   */
  hsm_id group;
  /**
   * The number of the change that submitted it: actions are listed in this order.
   */
  uint64_t number;
  /**
   * The number of its last change.
   */
  uint64_t changed;
  /**
   * When it was submitted.
   */
  int64_t submitted_ns;
  /**
   * When it was done, failed or cancelled; 0: it was not.
   */
  int64_t finished_ns;
  /**
   * When it can be run, at the soonest.
   */
  int64_t not_before_ns;
  /**
   * When it is no longer of use; 0: never.
   */
  int64_t deadline_ns;
  /**
   * Which opening of the store runs it; 0: none.
   */
  uint64_t instance;
  /**
   * HSM_ACTION_COPY and so on; one that this header does not know is of a later version.
   */
  int32_t verb;
  /**
   * HSM_ACTION_WAITING and so on; one that this header does not know is of a later version.
   */
  int32_t state;
  /**
   * The tier to read from; -1: any.
   */
  int32_t source;
  /**
   * The tier that it is about.
   */
  int32_t target;
  /**
   * Higher ones are run first.
   */
  int32_t priority;
  /**
   * 1 for a release that may drop the last good copy, else 0.
   */
  int32_t force;
  /**
   * How many attempts failed since it was submitted or retried.
   */
  uint32_t attempts;
  /**
   * How many there are at most.
   */
  uint32_t attempts_max;
  /**
   * What the worker that leased it shows; 0: nobody did.
   */
  uint64_t token;
  /**
   * When that lease ends, or would have; 0: there is none.
   */
  int64_t leased_until_ns;
} hsm_action_info;

/**
 * Submits an action. It is durable when this returns, and run by hsm_store_run().
 *
 * Where there is an action of the id that the options name, it stays as it is, and the answer is HSM_STATUS_OK.
 *
 * @param verb     HSM_ACTION_COPY, _MOVE, _RECALL, _RELEASE, _VERIFY, _REMOVE, _PUT, _GET or _ADOPT
 * @param object   whether there is one is found out when the action is run
 * @param source   the tier to read from; -1: the hottest that has a copy. A move needs one, only copies and gets have one too
 * @param target   the tier that is to hold a copy; of a release or a verify the tier whose copy is meant
 * @param force    1: a release drops the last good copy too; else 0
 * @param options  NULL: all default
 * @param id_out   gets the id of the action; may be NULL
 * @return HSM_STATUS_NOT_FOUND when there is no such tier, or no action that it is to come after
 */
hsm_status hsm_action_submit(const hsm_store *store,
                             int32_t verb,
                             const hsm_id *object,
                             int32_t source,
                             int32_t target,
                             int32_t force,
                             const hsm_action_options *options,
                             hsm_id *id_out,
                             hsm_error **error_out);

/**
 * What is known of an action.
 *
 * @param info_size  sizeof(hsm_action_info)
 * @return HSM_STATUS_NOT_FOUND, also for one that was finished long ago and forgotten
 */
hsm_status hsm_action_stat(const hsm_store *store,
                           const hsm_id *id,
                           hsm_action_info *info_out,
                           size_t info_size,
                           hsm_error **error_out);

/**
 * One of the texts of an action.
 *
 * @param what         HSM_ACTION_TEXT_OWNER and so on
 * @param buffer       gets the text and a NUL; may be NULL when buffer_size is 0
 * @param buffer_size  in bytes; 1001 are always enough, of a path 4096
 * @param length_out   gets the length without the NUL, also on HSM_STATUS_BUFFER_TOO_SMALL; may be NULL
 * @return HSM_STATUS_END where there is none, HSM_STATUS_NOT_FOUND
 */
hsm_status hsm_action_text(const hsm_store *store,
                           const hsm_id *id,
                           int32_t what,
                           char *buffer,
                           size_t buffer_size,
                           size_t *length_out,
                           hsm_error **error_out);

/**
 * The next action in the order in which they were submitted.
 *
 * @param number     the number of the action behind which to look; 0: the first
 * @param state      only actions in this state: HSM_ACTION_WAITING and so on; 0: in any
 * @param group      only actions of this group; NULL, or zeros: of any, or none
 * @param info_size  sizeof(hsm_action_info)
 * @return HSM_STATUS_END past the last
 */
hsm_status hsm_action_next(const hsm_store *store,
                           uint64_t number,
                           int32_t state,
                           const hsm_id *group,
                           hsm_action_info *info_out,
                           size_t info_size,
                           hsm_error **error_out);

/**
 * Waits until an action is done, failed or cancelled. A commit that ends it wakes this within milliseconds.
 *
 * @param timeout_ms  how long; -1: for as long as it takes
 * @param info_out    gets how it stands at the end; may be NULL
 * @param info_size   sizeof(hsm_action_info)
 * @return HSM_STATUS_TIMEOUT when the time is over: info_out is not written then; HSM_STATUS_NOT_FOUND;
 *         HSM_STATUS_CLOSED when the store is closed meanwhile
 */
hsm_status hsm_action_wait(const hsm_store *store,
                           const hsm_id *id,
                           int32_t timeout_ms,
                           hsm_action_info *info_out,
                           size_t info_size,
                           hsm_error **error_out);

/**
 * Calls an action off, durably. One that is being run leaves nothing half behind; others that want the same are still
 * run. One that is finished stays as it is, and the answer is HSM_STATUS_OK.
 *
 * @return HSM_STATUS_NOT_FOUND
 */
hsm_status hsm_action_cancel(const hsm_store *store,
                             const hsm_id *id,
                             hsm_error **error_out);

/**
 * Queues an action that failed or was cancelled anew, with all its attempts. Any other stays as it is, and the answer is
 * HSM_STATUS_OK.
 *
 * @return HSM_STATUS_NOT_FOUND
 */
hsm_status hsm_action_retry(const hsm_store *store,
                            const hsm_id *id,
                            hsm_error **error_out);


/*
 * GROUPS OF ACTIONS
 *
 * Actions that were submitted together, or one by one under the same group: waited for, cancelled and retried as one.
 *
 * A group is no more than an id that its actions have in common. It is finished when all of them are.
 */

/**
 * How far a group has come: how many actions of it are in each state.
 */
typedef struct hsm_group_info {
  /**
   * To be run.
   */
  uint64_t queued;
  /**
   * Being run.
   */
  uint64_t running;
  /**
   * Done.
   */
  uint64_t done;
  /**
   * Given up.
   */
  uint64_t failed;
  /**
   * Called off.
   */
  uint64_t cancelled;
  /**
   * Waiting for what they come after.
   */
  uint64_t waiting;
} hsm_group_info;

/**
 * Submits one action for each of many objects, all or none, as a group that is waited for, cancelled and retried as one.
 *
 * @param verb       as for hsm_action_submit(), but HSM_ACTION_PUT, _GET and _ADOPT: a file is of one object
 * @param ids        the objects; one that is named twice has two actions
 * @param count      at most as many as one group of the journal holds: about 100 000, fewer with a long owner or reason
 * @param source     as for hsm_action_submit()
 * @param target     as for hsm_action_submit()
 * @param force      as for hsm_action_submit()
 * @param options    NULL: all default. An id or a group in them is not looked at
 * @param group_out  gets the id of the group
 * @return HSM_STATUS_NOT_FOUND when there is no such tier, or no action that they are to come after; HSM_STATUS_INVALID when there are too many
 */
hsm_status hsm_group_submit(const hsm_store *store,
                            int32_t verb,
                            const hsm_id *ids,
                            size_t count,
                            int32_t source,
                            int32_t target,
                            int32_t force,
                            const hsm_action_options *options,
                            hsm_id *group_out,
                            hsm_error **error_out);

/**
 * How far a group has come. All zeros: nothing is known of it.
 *
 * @param info_size  sizeof(hsm_group_info)
 */
hsm_status hsm_group_stat(const hsm_store *store,
                          const hsm_id *group,
                          hsm_group_info *info_out,
                          size_t info_size,
                          hsm_error **error_out);

/**
 * Waits until all actions of a group are done, failed or cancelled.
 *
 * @param timeout_ms  how long; -1: for as long as it takes
 * @param info_out    gets how it stands at the end; may be NULL
 * @param info_size   sizeof(hsm_group_info)
 * @return HSM_STATUS_TIMEOUT when the time is over: info_out is not written then; HSM_STATUS_CLOSED when the store is
 *         closed meanwhile
 */
hsm_status hsm_group_wait(const hsm_store *store,
                          const hsm_id *group,
                          int32_t timeout_ms,
                          hsm_group_info *info_out,
                          size_t info_size,
                          hsm_error **error_out);

/**
 * Calls all actions of a group off that are not finished, in one commit.
 *
 * @param count_out  gets how many; may be NULL
 */
hsm_status hsm_group_cancel(const hsm_store *store,
                            const hsm_id *group,
                            uint64_t *count_out,
                            hsm_error **error_out);

/**
 * Queues all actions of a group that failed or were cancelled anew.
 *
 * @param count_out  gets how many; may be NULL
 */
hsm_status hsm_group_retry(const hsm_store *store,
                           const hsm_id *group,
                           uint64_t *count_out,
                           hsm_error **error_out);


/*
 * DELAYED TIERS
 *
 * Delayed tiers: tapes in a library with a few drives, which are simulated in front of a tier's directory or memory.
 *
 * What lies on such a tier is read behind a recall: an action that asks the library for all it needs at once, waits
 * without a thread and without an attempt that failed, and makes its copy once the bytes can be read. Where another copy
 * is online, that is read. A read of what was not recalled answers HSM_STATUS_OFFLINE at once, and its message says so.
 * What was written or fetched can be read for a while.
 *
 * A recall to the delayed tier itself copies nothing and makes the object readable there. Requests belong to the handle
 * of the store that runs the action: after its end they are made anew by whoever runs it next. hsm_scrub() passes over
 * what is offline and says how much that is; hsm_store_reconcile() and the opening of a store read what they must.
 */

/**
 * The copy can be read at once, at any time.
 */
#define HSM_COPY_ONLINE 1

/**
 * The copy has to be recalled first, or its tier is out of reach.
 */
#define HSM_COPY_OFFLINE 2

/**
 * The copy was asked for, and can be read from a time on.
 */
#define HSM_COPY_WAITING 3

/**
 * The copy can be read at once, until a time.
 */
#define HSM_COPY_READABLE 4

/**
 * What a delayed tier is like, and what it had to do since this handle of the store knows it.
 */
typedef struct hsm_delay_info {
  /**
   * Between a request and the beginning of its work, in milliseconds.
   */
  uint64_t latency_ms;
  /**
   * To put another tape into a drive, in milliseconds.
   */
  uint64_t mount_ms;
  /**
   * To find a place on its tape and fetch it, in milliseconds.
   */
  uint64_t seek_ms;
  /**
   * For how long what was fetched or written can be read, in milliseconds.
   */
  uint64_t readable_ms;
  /**
   * How many drives there are; 0: the tier is not delayed.
   */
  uint64_t drives;
  /**
   * Places that were fetched.
   */
  uint64_t fetches;
  /**
   * How often another tape was put into a drive for that.
   */
  uint64_t mounts;
  /**
   * Places that were opened to be read.
   */
  uint64_t opens;
} hsm_delay_info;

/**
 * Whether a copy can be read now.
 */
typedef struct hsm_copy_state {
  /**
   * HSM_COPY_*.
   */
  int32_t state;
  /**
   * 0.
   */
  int32_t reserved;
  /**
   * HSM_COPY_WAITING: from when on, as far as is known; HSM_COPY_READABLE: until when; else 0.
   */
  int64_t time_ns;
} hsm_copy_state;

/**
 * What a recall would come to.
 */
typedef struct hsm_recall_info {
  /**
   * Objects that would be copied.
   */
  uint64_t objects;
  /**
   * Their bytes.
   */
  uint64_t bytes;
  /**
   * Objects that have a copy on the target already.
   */
  uint64_t there;
  /**
   * Objects that cannot be recalled: there is none of this id, or it has no data, or no copy.
   */
  uint64_t missing;
  /**
   * Places that would be fetched from delayed tiers.
   */
  uint64_t places;
  /**
   * How often another tape would be put into a drive.
   */
  uint64_t mounts;
  /**
   * Until the last place can be read, in nanoseconds; 0: all of it is online.
   */
  uint64_t wait_ns;
  /**
   * How long the bytes take at the rate that was given, in nanoseconds; 0 without one.
   */
  uint64_t read_ns;
} hsm_recall_info;

/**
 * Makes the tier a delayed one: HSM_ACCESS_DELAYED, with these figures. Times are in milliseconds, at most a year.
 *
 * @param latency_ms   between a request and the beginning of its work
 * @param mount_ms     to put another tape into a drive; each place is a tape, and a pack is one place
 * @param seek_ms      to find a place on its tape and fetch it
 * @param readable_ms  for how long what was fetched or written can be read, at least 1000
 * @param drives       1 to 1024
 */
hsm_status hsm_tier_settings_set_delay(hsm_tier_settings *settings,
                                       uint64_t latency_ms,
                                       uint64_t mount_ms,
                                       uint64_t seek_ms,
                                       uint64_t readable_ms,
                                       int32_t drives,
                                       hsm_error **error_out);

/**
 * What a delayed tier is like, and what it had to do. All zeros for one that is not delayed.
 *
 * @param info_size  sizeof(hsm_delay_info)
 * @return HSM_STATUS_NOT_FOUND when there is no such tier
 */
hsm_status hsm_tier_delay(const hsm_store *store,
                          int32_t tier,
                          hsm_delay_info *info_out,
                          size_t info_size,
                          hsm_error **error_out);

/**
 * Whether the copy of a live object on a tier can be read now. What another handle asked for is not known to this one.
 *
 * @param state_size  sizeof(hsm_copy_state)
 * @return HSM_STATUS_NOT_FOUND when there is no such object, or it has no copy on the tier
 */
hsm_status hsm_object_copy_state(const hsm_store *store,
                                 const hsm_id *id,
                                 int32_t tier,
                                 hsm_copy_state *state_out,
                                 size_t state_size,
                                 hsm_error **error_out);

/**
 * What recalls of some objects would come to, by the settings of their tiers and what the drives have to do now.
 * Nothing is asked for.
 *
 * @param ids             the objects; may be NULL when count is 0
 * @param target          the tier that they are to be copied to
 * @param bytes_a_second  how fast the bytes are read, as the caller knows it; 0: their time is left out
 * @param info_size       sizeof(hsm_recall_info)
 * @return HSM_STATUS_NOT_FOUND when there is no such tier
 */
hsm_status hsm_recall_estimate(const hsm_store *store,
                               const hsm_id *ids,
                               size_t count,
                               int32_t target,
                               uint64_t bytes_a_second,
                               hsm_recall_info *info_out,
                               size_t info_size,
                               hsm_error **error_out);

/**
 * The same of all objects that match a query: a dataset, or what lies on a tier.
 *
 * @param query           NULL: every live object
 * @param target          as for hsm_recall_estimate()
 * @param bytes_a_second  as for hsm_recall_estimate()
 * @param info_size       sizeof(hsm_recall_info)
 * @return HSM_STATUS_NOT_FOUND when there is no such tier or dataset
 */
hsm_status hsm_recall_estimate_query(const hsm_store *store,
                                     const hsm_query *query,
                                     int32_t target,
                                     uint64_t bytes_a_second,
                                     hsm_recall_info *info_out,
                                     size_t info_size,
                                     hsm_error **error_out);


/*
 * A SITE'S OWN ACTIONS
 *
 * A site's own kinds of action, done by workers outside of the library: robots, ingesters, copy tools.
 *
 * Such an action has a kind of the site's choice, "tape.mount" say, and a payload that only the site understands. No
 * hsm_store_run() touches it. A worker leases it for a time (hsm_action_lease()), in whatever process; extends the lease while
 * it works; and ends it: hsm_action_complete(), _fail() or _give_back(). What shows that the lease is its own is a
 * token, a number that the worker can write down: it holds across a restart of the worker.
 *
 * A lease that ends without a word is an attempt that failed: the action is queued again, and what the worker says later
 * is refused with HSM_STATUS_REFUSED. Where the action was called off, it is answered with HSM_STATUS_CANCELLED.
 * Everything else is as for other actions: priorities, owners in turn, deadlines, groups, what an action comes after.
 */

/**
 * What the worker needs to know: see hsm_action_submit_site().
 */
#define HSM_ACTION_BYTES_PAYLOAD 1

/**
 * What the worker left with it: see hsm_action_complete().
 */
#define HSM_ACTION_BYTES_RESULT 2

/**
 * Submits an action of a site's own kind. It is durable when this returns, and leased by workers.
 *
 * Where there is an action of the id that the options name, it stays as it is, and the answer is HSM_STATUS_OK.
 *
 * @param kind          1 to 255 bytes of UTF-8 without commas and control characters
 * @param kind_length   in bytes; SIZE_MAX: up to the NUL
 * @param payload       what the worker needs to know, any bytes; may be NULL when size is 0
 * @param size  at most 65536
 * @param object        the object that it is about; NULL, or zeros: none
 * @param options       NULL: all default
 * @param id_out        gets the id of the action; may be NULL
 * @return HSM_STATUS_NOT_FOUND when there is no action that it is to come after
 */
hsm_status hsm_action_submit_site(const hsm_store *store,
                                  const char *kind,
                                  size_t kind_length,
                                  const void *payload,
                                  size_t size,
                                  const hsm_id *object,
                                  const hsm_action_options *options,
                                  hsm_id *id_out,
                                  hsm_error **error_out);

/**
 * Leases an action of a site's kinds: of the highest priority there is, from owners in turn. Its token stands in its record.
 * The lease is durable.
 *
 * @param kinds          the kinds that the worker can do, separated by commas: at most 64
 * @param kinds_length   in bytes; SIZE_MAX: up to the NUL
 * @param worker         what the worker calls itself, for whoever looks: at most 255 bytes of UTF-8
 * @param worker_length  in bytes; SIZE_MAX: up to the NUL
 * @param duration_ms    how long it is its own, unless it extends that; at least 1
 * @param timeout_ms     how long to wait for one; 0: not at all; -1: for as long as it takes
 * @param info_out       gets the action
 * @param info_size      sizeof(hsm_action_info)
 * @return HSM_STATUS_TIMEOUT when there was none in time, HSM_STATUS_CLOSED when the store is closed meanwhile
 */
hsm_status hsm_action_lease(const hsm_store *store,
                            const char *kinds,
                            size_t kinds_length,
                            const char *worker,
                            size_t worker_length,
                            uint64_t duration_ms,
                            int32_t timeout_ms,
                            hsm_action_info *info_out,
                            size_t info_size,
                            hsm_error **error_out);

/**
 * Extends a lease: it ends so many milliseconds from now. A power loss may take that back, with the note; a crash does not.
 *
 * @param token        of the record that hsm_action_lease() gave
 * @param duration_ms  at least 1
 * @param note         how far the worker is, for whoever looks: at most 255 bytes of UTF-8; NULL: as before
 * @param note_length  in bytes; SIZE_MAX: up to the NUL
 * @return HSM_STATUS_REFUSED when it is not leased under this token any more, HSM_STATUS_CANCELLED when it was called off,
 *         HSM_STATUS_NOT_FOUND
 */
hsm_status hsm_action_extend(const hsm_store *store,
                             const hsm_id *id,
                             uint64_t token,
                             uint64_t duration_ms,
                             const char *note,
                             size_t note_length,
                             hsm_error **error_out);

/**
 * Ends a lease: the action is done. Where it was done under this token already it stays as it is, and the answer is
 * HSM_STATUS_OK: a worker that does not know whether it had said so says it again.
 *
 * @param token        of the record that hsm_action_lease() gave
 * @param result       what is kept with the action, any bytes; may be NULL when size is 0
 * @param size  at most 65536
 * @return as hsm_action_extend()
 */
hsm_status hsm_action_complete(const hsm_store *store,
                               const hsm_id *id,
                               uint64_t token,
                               const void *result,
                               size_t size,
                               hsm_error **error_out);

/**
 * Ends a lease: the attempt failed.
 *
 * @param token         of the record that hsm_action_lease() gave
 * @param error         why: 1 to 1000 bytes of UTF-8
 * @param error_length  in bytes; SIZE_MAX: up to the NUL
 * @param again         1: another attempt is made after a pause, unless this was the last; 0: it failed for good
 * @return as hsm_action_extend()
 */
hsm_status hsm_action_fail(const hsm_store *store,
                           const hsm_id *id,
                           uint64_t token,
                           const char *error,
                           size_t error_length,
                           int32_t again,
                           hsm_error **error_out);

/**
 * Ends a lease without an attempt: the action is queued as it was.
 *
 * @param token  of the record that hsm_action_lease() gave
 * @return as hsm_action_extend()
 */
hsm_status hsm_action_give_back(const hsm_store *store,
                                const hsm_id *id,
                                uint64_t token,
                                hsm_error **error_out);

/**
 * The payload or the result of an action of a site's kind.
 *
 * @param what         HSM_ACTION_BYTES_PAYLOAD or _RESULT
 * @param buffer       may be NULL when buffer_size is 0
 * @param buffer_size  in bytes; 65536 are always enough
 * @param length_out   gets the length, also on HSM_STATUS_BUFFER_TOO_SMALL; may be NULL
 * @return HSM_STATUS_END where there are none, HSM_STATUS_NOT_FOUND
 */
hsm_status hsm_action_bytes(const hsm_store *store,
                            const hsm_id *id,
                            int32_t what,
                            void *buffer,
                            size_t buffer_size,
                            size_t *length_out,
                            hsm_error **error_out);


/*
 * RUNNING ACTIONS
 *
 * Running actions, in threads that the caller gives.
 *
 * Nothing is run unless somebody calls hsm_store_run(): the library starts no thread of its own. One thread in one process is
 * enough; more do more at once.
 */

/**
 * What hsm_store_run() did.
 */
typedef struct hsm_ran {
  /**
   * Actions that are done.
   */
  uint64_t done;
  /**
   * Actions that it gave up.
   */
  uint64_t failed;
  /**
   * Attempts that failed and will be made again.
   */
  uint64_t put_off;
} hsm_ran;

/**
 * Runs actions in the calling thread. Any number of threads and processes may do so at once: each takes what no other
 * has, and what one that died had taken.
 *
 * It ends when the store is closed, and when the callback of a handle of hsm_store_with_progress() says stop, which is
 * asked about ten times a second also while there is nothing to run. What it was at is then queued again.
 *
 * @param timeout_ms  0: returns when nothing is to be run now; actions that wait for their next attempt are left.
 *                    Else it waits for more, and returns when none came for so long; -1: goes on until it is stopped
 * @param ran_out     what was done; may be NULL
 * @param ran_size    sizeof(hsm_ran)
 * @return HSM_STATUS_OK however the actions went; HSM_STATUS_CANCELLED when the callback said stop, HSM_STATUS_CLOSED
 *         when the store was closed
 */
hsm_status hsm_store_run(const hsm_store *store,
                         int32_t timeout_ms,
                         hsm_ran *ran_out,
                         size_t ran_size,
                         hsm_error **error_out);

/**
 * Says for how long finished actions are kept, and how many of them, for every handle of the store.
 * hsm_store_maintain() forgets what exceeds either.
 *
 * @param count_max   so many of the last finished ones; UINT64_MAX: however many
 * @param age_max_ns  those that were finished at most so many nanoseconds ago; UINT64_MAX: of any age
 */
hsm_status hsm_store_set_actions_kept(const hsm_store *store,
                                      uint64_t count_max,
                                      uint64_t age_max_ns,
                                      hsm_error **error_out);


/*
 * LIMITS OF TIERS
 *
 * Limits of tiers: how much of a tier hsm_store_run() takes at most.
 *
 * They are kept in the store, hold for every handle of it, and may be changed at any time: whoever runs actions heeds it
 * within a tenth of a second, also in the middle of an object. All who run actions keep them together, in whatever threads
 * and processes; what one held that died is free at once.
 *
 * An action that would have to wait for a tier stays queued, and others are run. Puts, gets, copies and moves that a program
 * makes itself are not limited. Time is the store's. Nothing is saved up while nothing is done. Whoever has to wait reports
 * its progress meanwhile, and stops as soon as it is to stop, its action is called off, or the store is closed.
 */

/**
 * Limits of a tier; 0: none.
 */
typedef struct hsm_limits {
  /**
   * Objects that actions read from it or write to it at once: how many who run actions work on it, since each does one
   * after the other.
   */
  uint64_t actions_max;
  /**
   * Objects that are begun to be read from it, written to it or read back there, in a second.
   */
  uint64_t operations_a_second;
  /**
   * Bytes that are read from it, written to it or read back there, in a second.
   */
  uint64_t bytes_a_second;
} hsm_limits;

/**
 * Sets the limits of a tier, durably.
 *
 * @param limits        NULL: none at all
 * @param limits_size   sizeof(hsm_limits)
 * @param position_out  gets the position of the change; may be NULL
 * @return HSM_STATUS_NOT_FOUND when there is no such tier
 */
hsm_status hsm_tier_set_limits(const hsm_store *store,
                               int32_t tier,
                               const hsm_limits *limits,
                               size_t limits_size,
                               hsm_position *position_out,
                               hsm_error **error_out);

/**
 * The limits of a tier.
 *
 * @param limits_size  sizeof(hsm_limits)
 * @return HSM_STATUS_NOT_FOUND when there is no such tier
 */
hsm_status hsm_tier_limits(const hsm_store *store,
                           int32_t tier,
                           hsm_limits *limits_out,
                           size_t limits_size,
                           hsm_error **error_out);


/*
 * CHECKING
 *
 * Comparing a store with what lies on its tiers, and healing what is damaged.
 *
 * hsm_store_check() reads no object. It compares the index with itself, looks for the places of every copy, and looks
 * for places that no copy lies in. hsm_store_scrub() reads every copy back from the medium and compares each block.
 * Both work while the store is in use, and tell a callback of all that is not as it should be: they do not
 * fail because of it. Nothing is removed or replaced unless that is asked for.
 *
 * Both take long on a large store. A handle of hsm_store_with_progress() follows them and stops them; a scrub that was
 * stopped goes on where it was, and one with a limit of bytes a second sleeps in the calling thread.
 */

/**
 * The index contradicts itself. Where it cannot be read, the next open that finds no other handle makes it anew.
 */
#define HSM_FINDING_INDEX 1

/**
 * A tier was passed over: it is out of reach, or, where something was to be written on it, takes nothing now.
 */
#define HSM_FINDING_OUT_OF_REACH 2

/**
 * A copy of an object, live or removed, is not what the catalog says.
 */
#define HSM_FINDING_COPY 3

/**
 * A place on the root of a tier that no copy lies in and that no handle can be writing.
 */
#define HSM_FINDING_STRAY 4

/**
 * A file on the root of a tier, or a part of it, says of no object what it is: damaged, never finished, or not ours.
 * Of hsm_store_rebuild() alone.
 */
#define HSM_FINDING_UNREAD 5

/**
 * The newest generation that was found of an object has no whole copy. Of hsm_store_rebuild() alone.
 */
#define HSM_FINDING_PARTIAL 6

/**
 * Whole copies of the same generation differ: writers raced, or one died before it committed. The content with the most
 * copies was taken, of these the one written last. Of hsm_store_rebuild() alone.
 */
#define HSM_FINDING_CONTESTED 7

/**
 * hsm_store_reconcile() found a copy on a root where the catalog did not know it, read it back, and recorded it.
 */
#define HSM_FINDING_ADOPTED 8

/**
 * hsm_store_reconcile() found an object that the catalog does not know or knows as removed, or a content that is not
 * sure enough to be taken. It was left where it is.
 */
#define HSM_FINDING_UNKNOWN 9

/**
 * The header of a pack in which copies lie is damaged. The copies are checked by themselves, and read without it.
 */
#define HSM_FINDING_PACK 10

/**
 * A file that the copy lies in is gone or too short.
 */
#define HSM_FAULT_MISSING 1

/**
 * Bytes of the copy do not match their checksum.
 */
#define HSM_FAULT_DAMAGED 2

/**
 * The operating system refused to read the copy. It may be whole.
 */
#define HSM_FAULT_UNREADABLE 3

/**
 * Nothing was done about the copy: that was not asked for, or not possible now.
 */
#define HSM_REMEDY_NONE 1

/**
 * The copy was replaced from another one, and verified on the medium.
 */
#define HSM_REMEDY_HEALED 2

/**
 * No other copy of the object is whole. What is left of this one stays where it is.
 */
#define HSM_REMEDY_LOST 3

/**
 * The copy was struck off: another one is whole.
 */
#define HSM_REMEDY_DROPPED 4

/**
 * What hsm_store_check() does beside looking. Zero means default.
 */
typedef struct hsm_check_options {
  /**
   * 1: strays are removed. None is where the index contradicts itself, a copy is not all there, or a tier is out of
   * reach: a stray may hold what is missing.
   */
  int32_t remove_strays;
  /**
   * 0.
   */
  int32_t reserved;
} hsm_check_options;

/**
 * Something that is not as it should be. What does not go with its kind is zero.
 */
typedef struct hsm_finding {
  /**
   * HSM_FINDING_*; 0 for one that this header does not know.
   */
  int32_t kind;
  /**
   * The tier; -1 for the index.
   */
  int32_t tier;
  /**
   * Of a copy: HSM_FAULT_*; 0 for one that this header does not know.
   */
  int32_t fault;
  /**
   * Of a copy: HSM_REMEDY_*; 0 for one that this header does not know.
   */
  int32_t remedy;
  /**
   * The object.
   */
  hsm_id object;
  /**
   * The generation of its content.
   */
  uint64_t generation;
  /**
   * Of a copy: the first byte of the block that failed, within the object; where hsm_store_rebuild() tells of it,
   * and of what was not read: within the file.
   */
  uint64_t offset;
  /**
   * Of a file: the first part of its name, the handle that wrote it.
   */
  uint64_t instance;
  /**
   * Of a file: the second part of its name.
   */
  uint64_t serial;
  /**
   * Of a stray: its length; of what was adopted or is unknown: the object's. Of what was not read: how much.
   */
  uint64_t bytes;
  /**
   * Of an object whose copies are in part or differ: the generation that was taken; 0: none is whole, the object is
   * lost.
   */
  uint64_t taken;
  /**
   * Of a file: 1 when it is a pack.
   */
  int32_t is_packed;
  /**
   * Of a stray: 1 when it was removed.
   */
  int32_t is_removed;
  /**
   * What was expected and what was found, in words; never NULL. There during the call only.
   */
  const char *detail;
} hsm_finding;

/**
 * Takes findings, one a call. It runs on the calling thread; no lock is held meanwhile.
 */
typedef struct hsm_finding_callback {
  /**
   * Takes a finding, which is there during the call only; `size` is that of the library's record, and may differ
   * from sizeof(hsm_finding). Returns 0 to go on.
   */
  int32_t (*call)(void *user_data,
                  const hsm_finding *finding,
                  size_t size);
  /**
   * Passed to each call.
   */
  void *user_data;
  /**
   * Runs once at the end; may be NULL.
   */
  void (*destroy)(void *user_data);
} hsm_finding_callback;

/**
 * What hsm_store_check() found.
 */
typedef struct hsm_checked {
  /**
   * Contradictions of the index. The first hundred are told one by one.
   */
  uint64_t contradictions;
  /**
   * Copies whose places were looked for.
   */
  uint64_t copies;
  /**
   * Of these, how many are not all there, or could not be looked at.
   */
  uint64_t bad;
  /**
   * Places that no copy lies in.
   */
  uint64_t strays;
  /**
   * Their length in bytes.
   */
  uint64_t stray_bytes;
  /**
   * Of these, how many were removed.
   */
  uint64_t removed;
  /**
   * Tiers that are out of reach, and were passed over.
   */
  uint64_t out_of_reach;
  /**
   * Packs that copies lie in and whose own header is damaged.
   */
  uint64_t damaged_packs;
} hsm_checked;

/**
 * What hsm_store_scrub() reads, and how. Zero means default.
 */
typedef struct hsm_scrub_options {
  /**
   * 1: damaged copies are replaced from others that are whole.
   */
  int32_t heal;
  /**
   * 0.
   */
  int32_t reserved;
  /**
   * Copies that were verified at this time or later are passed over; 0: none is. To go on with a scrub that was
   * stopped, give the time when it began.
   */
  int64_t not_verified_since_ns;
  /**
   * At most so many bytes a second; 0: as many as can be.
   */
  uint64_t bytes_a_second;
} hsm_scrub_options;

/**
 * What hsm_store_scrub() did.
 */
typedef struct hsm_scrubbed {
  /**
   * Copies that are whole.
   */
  uint64_t whole;
  /**
   * Copies that were verified lately and not read.
   */
  uint64_t passed_over;
  /**
   * Copies that are not whole, or could not be read; those that were healed too.
   */
  uint64_t bad;
  /**
   * Of these, how many were replaced.
   */
  uint64_t healed;
  /**
   * Of these, how many could not be, since no other copy is whole.
   */
  uint64_t lost;
  /**
   * Packs that copies lie in and whose own header is damaged.
   */
  uint64_t damaged_packs;
} hsm_scrubbed;

/**
 * Compares the index with itself, the copies it knows with the places on the tiers, and the places there with the
 * copies. Reads no object, and works in a store that is read-only.
 *
 * Nothing is changed unless the options ask for it. Strays may be removed while others work: they are looked for among
 * what handles left that are gone for good. What a handle left that died is no stray: the next open removes it.
 * Where the index cannot be read the call ends with that finding.
 *
 * @param options       may be NULL: nothing is removed
 * @param options_size  sizeof(hsm_check_options)
 * @param found         called for each finding; may be left out
 * @param checked_out   what was found in all; may be NULL
 * @param checked_size  sizeof(hsm_checked)
 * @return HSM_STATUS_OK also when there were findings; HSM_STATUS_REFUSED when strays are to be removed and the
 *         store is read-only
 */
hsm_status hsm_store_check(const hsm_store *store,
                           const hsm_check_options *options,
                           size_t options_size,
                           hsm_finding_callback found,
                           hsm_checked *checked_out,
                           size_t checked_size,
                           hsm_error **error_out);

/**
 * Reads copies back from the medium, past the page cache where the kernel allows, compares every block, and notes
 * which are whole. A copy that was found damaged no longer counts as verified. A store that is read-only is
 * read, and nothing noted.
 *
 * A copy that is to be healed is written anew from another that is whole, synced, read back, and committed in the
 * change that drops the bad one. Where no other is whole nothing is touched.
 *
 * @param tier           only copies on this tier; -1: on all
 * @param options        may be NULL: everything is read and nothing healed
 * @param options_size   sizeof(hsm_scrub_options)
 * @param found          called for each finding; may be left out
 * @param scrubbed_out   what was done in all; may be NULL
 * @param scrubbed_size  sizeof(hsm_scrubbed)
 * @return HSM_STATUS_OK also when there were findings; HSM_STATUS_REFUSED when copies are to be healed and the store is
 *         read-only
 */
hsm_status hsm_store_scrub(const hsm_store *store,
                           int32_t tier,
                           const hsm_scrub_options *options,
                           size_t options_size,
                           hsm_finding_callback found,
                           hsm_scrubbed *scrubbed_out,
                           size_t scrubbed_size,
                           hsm_error **error_out);


/*
 * REBUILDING
 *
 * Making a store again from the roots of its tiers alone, where its directory and every snapshot are lost.
 *
 * Where a snapshot is left, hsm_store_restore() is better: it knows all that the store knew then. The roots alone hold
 * each object's bytes, its id, its generation and its length, and the digests that tell what is whole. Nothing else can
 * be known again: not datasets, keys and attributes, not when objects were created, not digests of other algorithms,
 * not objects of zero bytes or without data, and not the settings of the store and of its tiers, which get the
 * defaults. Objects that had been removed live again where their bytes are still there.
 */

/**
 * What hsm_store_rebuild() did.
 */
typedef struct hsm_rebuilt {
  /**
   * The store's identity.
   */
  hsm_id id;
  /**
   * The last change of the new journal.
   */
  hsm_position position;
  /**
   * Tiers whose roots were read.
   */
  uint64_t tiers;
  /**
   * Objects that are known again.
   */
  uint64_t objects;
  /**
   * Their length in bytes, together.
   */
  uint64_t bytes;
  /**
   * Their copies, each read back from the medium.
   */
  uint64_t copies;
  /**
   * Copies that are damaged, each told as HSM_FINDING_COPY.
   */
  uint64_t damaged;
  /**
   * Runs of bytes that could not be read for what they are, each told as HSM_FINDING_UNREAD.
   */
  uint64_t unread;
  /**
   * Objects of which a newer generation was found than is whole, or none that is whole.
   */
  uint64_t partial;
  /**
   * Of these, how many have no whole generation, and are not in the store.
   */
  uint64_t lost;
  /**
   * Objects with several contents of the same generation.
   */
  uint64_t contested;
  /**
   * Copies that were left out since a newer generation, or another copy on the tier, is whole.
   */
  uint64_t superseded;
} hsm_rebuilt;

/**
 * Makes a store again, in an empty or absent directory, from the roots of its tiers alone. Nothing on any root is
 * changed.
 *
 * Of every object the newest generation is taken of which a whole copy is found, with all its whole copies; every byte
 * is read back from the medium and compared. The callback is told of what is not whole or not sure: as
 * HSM_FINDING_COPY of a damaged copy, HSM_FINDING_UNREAD, HSM_FINDING_PARTIAL and HSM_FINDING_CONTESTED. Bytes of a put
 * that was never acknowledged can be taken for a generation, and an older generation comes back, without a finding,
 * where every byte of the newer ones is gone. What was not taken lies on the roots as strays, which only
 * hsm_store_check() removes, when told.
 *
 * The store is not opened. When it is, it takes no changes until hsm_store_reconcile(). Tiers whose roots were not
 * named are unknown to it. A call that is interrupted, stopped or fails leaves a directory that is no store, and that
 * can be rebuilt into again.
 *
 * @param path          the directory: absent, empty, or one that holds "tiers" with roots below it, which are left
 *                      alone
 * @param path_length   in bytes; SIZE_MAX: up to the NUL
 * @param options       must name the roots, by hsm_store_options_add_root(); and says where the index lies
 * @param progress      hears how far it has come, as HSM_PHASE_REBUILD, and may stop it; may be left out. Its
 *                      destroy runs before the call returns
 * @param found         called for each finding; may be left out
 * @param rebuilt_out   what was done; may be NULL
 * @param rebuilt_size  sizeof(hsm_rebuilt)
 * @return HSM_STATUS_OK also when there were findings; HSM_STATUS_EXISTS where there is a store, HSM_STATUS_INVALID
 *         where other files are, no root is named, one is no root of a tier, or they are of several stores or two of
 *         one tier, HSM_STATUS_CANCELLED where a callback stopped it, and HSM_STATUS_IO
 */
hsm_status hsm_store_rebuild(const char *path,
                             size_t path_length,
                             const hsm_store_options *options,
                             hsm_progress_callback progress,
                             hsm_finding_callback found,
                             hsm_rebuilt *rebuilt_out,
                             size_t rebuilt_size,
                             hsm_error **error_out);


/*
 * COMPACTING
 *
 * Rewriting packs, so that what was removed from them gives its room back.
 *
 * Small objects lie in packs, many in one file. A pack goes when nothing in it lives; one in which little lives is
 * rewritten: what lives is written to another place of the same tier, synced, read back from the medium and
 * committed, and then the pack is removed. A snapshot on a tier knows objects where they were when it was made; after a
 * restore from it hsm_store_reconcile() has to find what was moved since: make a new one after a compaction, as after
 * moves. For that reason hsm_store_maintain() does not compact.
 *
 * Nothing is rewritten but by a call, on the calling thread. The store is in use meanwhile. A handle of
 * hsm_store_with_progress() follows it and stops it; called again it goes on.
 */

/**
 * What hsm_store_compact() rewrites, and how. Zero means default.
 */
typedef struct hsm_compact_options {
  /**
   * Packs are rewritten in which less than this many percent of the bytes live, 1 to 100; 0: 50, so that packs waste at
   * most as much as lives in them. With 100 they waste nothing, at the price of moving nearly everything.
   */
  int32_t live_percent_min;
  /**
   * 0.
   */
  int32_t reserved;
  /**
   * At most so many bytes a second; 0: as many as can be. The calling thread sleeps.
   */
  uint64_t bytes_a_second;
} hsm_compact_options;

/**
 * What hsm_store_compact() did.
 */
typedef struct hsm_compacted {
  /**
   * Packs that everything was moved out of.
   */
  uint64_t packs;
  /**
   * Objects that were moved.
   */
  uint64_t objects;
  /**
   * Their bytes.
   */
  uint64_t bytes;
  /**
   * Packs that were removed: those, and others in which nothing lived.
   */
  uint64_t packs_removed;
  /**
   * The bytes that they took.
   */
  uint64_t bytes_removed;
  /**
   * Copies that stay in a pack that was to be rewritten: they are damaged or could not be read. Where there are any,
   * hsm_store_scrub() tells of each.
   */
  uint64_t copies_left;
  /**
   * Tiers that were passed over, or given up on the way.
   */
  uint64_t tiers_passed_over;
} hsm_compacted;

/**
 * Rewrites packs in which few bytes live, and removes them.
 *
 * Afterwards, on each tier that was not passed over, the records of each pack take at most 100 / live_percent_min times
 * the bytes that live in it. Not counted are packs that a handle still appends to (two for each handle and tier, each
 * up to the tier's pack size), packs of other handles that are open, which rewrite their own, and packs with damaged
 * records. While it runs it takes the room of what lives in four packs more.
 *
 * The callback is told of copies that are damaged, which stay where they are, and of tiers that were passed over, with
 * the reason: out of reach, not active, or full. What was moved before stays moved. In the feed each object is an
 * HSM_EVENT_COPY_RELOCATED. A snapshot on a tier knows objects where they were when it was made: make a new one
 * afterwards.
 *
 * @param tier            only packs on this tier; -1: on all
 * @param options         may be NULL: the defaults
 * @param options_size    sizeof(hsm_compact_options)
 * @param found           called for each finding; may be left out
 * @param compacted_out   what was done; may be NULL
 * @param compacted_size  sizeof(hsm_compacted)
 * @return HSM_STATUS_OK also when there were findings; HSM_STATUS_REFUSED when the store is read-only;
 *         HSM_STATUS_NOT_FOUND where there is no such tier
 */
hsm_status hsm_store_compact(const hsm_store *store,
                             int32_t tier,
                             const hsm_compact_options *options,
                             size_t options_size,
                             hsm_finding_callback found,
                             hsm_compacted *compacted_out,
                             size_t compacted_size,
                             hsm_error **error_out);


/*
 * RECONCILING
 *
 * Bringing a restored store up to date with the roots of its tiers.
 *
 * A store that was restored from a snapshot, or whose directory was put back from a copy, knows what was so then. It
 * takes no changes until hsm_store_reconcile(), which compares it with what lies on the roots: every file there says
 * which object it is of, which generation, and with what digest.
 */

/**
 * What hsm_store_reconcile() found, and did.
 */
typedef struct hsm_reconciled {
  /**
   * Places on the roots of the tiers that the catalog does not know. They are left where they are.
   */
  uint64_t unknown_places;
  /**
   * Their length in bytes.
   */
  uint64_t unknown_bytes;
  /**
   * Where the new epoch begins; zeros where none was needed.
   */
  hsm_position new_epoch;
  /**
   * Objects that the catalog does not know or knows as removed, and contents that were not sure enough to be taken.
   * They are left where they are.
   */
  uint64_t unknown_objects;
  /**
   * Copies that were found where the catalog did not know them, and are known now.
   */
  uint64_t copies_adopted;
  /**
   * Objects that have a newer generation now than the catalog knew.
   */
  uint64_t objects_renewed;
  /**
   * Copies that were struck off: they are gone, and another one is whole.
   */
  uint64_t copies_dropped;
  /**
   * Copies that are gone, and no other one is known to be whole. They stay recorded.
   */
  uint64_t copies_missing;
  /**
   * Tiers that are out of reach, and were passed over.
   */
  uint64_t out_of_reach;
} hsm_reconciled;

/**
 * Brings a store that is older than the roots of its tiers, because it was restored from a backup, up to date with
 * them; then a new epoch begins and it takes changes again. Where the store is in step, it looks for copies that are
 * gone, and counts places that nothing refers to.
 *
 * What was moved, copied or compacted since is found, and so is a newer generation of an object that lives; each byte is
 * read back and compared first. A copy that is gone is struck off where another is whole. An object that the catalog
 * does not know, or knows as removed, is never brought back: it is told of, and stays where it is. Nothing on a root is
 * removed. What is on a tier that is out of reach is not known: call it again when that is back.
 *
 * Stopped by the callback, or interrupted, it can be called again.
 *
 * @param found       called for each finding, while nobody can open the store; may be left out
 * @param found_out   what was found and done in all; may be NULL
 * @param found_size  sizeof(hsm_reconciled)
 * @return HSM_STATUS_BUSY while others have the store open
 */
hsm_status hsm_store_reconcile(const hsm_store *store,
                               hsm_finding_callback found,
                               hsm_reconciled *found_out,
                               size_t found_size,
                               hsm_error **error_out);


/*
 * BATCHES
 *
 * Many changes for little more than the price of their bytes.
 *
 * The bytes of all small puts and moves are written and synced together, and the changes are one group of the journal. An
 * atomic batch happens wholly or not at all; otherwise each change stands for itself and has a status of its own.
 * Nothing is visible before the commit. A batch holds at most 65536 changes, 16 MiB of small objects, and each
 * object and each key once; what does not fit any more answers HSM_STATUS_INVALID and leaves the batch as it was.
 * It belongs to one thread at a time.
 */

/**
 * Changes that are committed together.
 */
typedef struct hsm_batch hsm_batch;

/**
 * Begins a batch.
 *
 * @param atomic      1: all of it happens, or nothing. 0: each change stands for itself
 * @param durability  HSM_DURABLE or HSM_RELAXED, for all of it
 * @param batch_out   free it with hsm_batch_free(), also after the commit
 */
hsm_status hsm_batch_new(const hsm_store *store,
                         int32_t atomic,
                         int32_t durability,
                         hsm_batch **batch_out,
                         hsm_error **error_out);

/**
 * Adds a put. Large objects are written to their tier now, small ones are held in memory.
 *
 * @param data     may be NULL when size is 0; copied
 * @param size     in bytes
 * @param options  NULL: the defaults. Their durability is not looked at: the batch has one
 * @return HSM_STATUS_INVALID, and nothing is added, also for content without an expected digest
 */
hsm_status hsm_batch_put(hsm_batch *batch,
                         const void *data,
                         size_t size,
                         const hsm_put_options *options,
                         hsm_error **error_out);

/**
 * Adds an object without data, as hsm_object_put_empty() makes it.
 *
 * @param options  NULL: the defaults. The mode is HSM_PUT_CREATE in any case
 */
hsm_status hsm_batch_put_empty(hsm_batch *batch,
                               const hsm_put_options *options,
                               hsm_error **error_out);

/**
 * Adds a change of an object's attributes.
 *
 * @param attributes  the update: what it holds is set, what it marks as removed is removed; copied. One that expects anything
 *                    is refused
 */
hsm_status hsm_batch_set_attributes(hsm_batch *batch,
                                    const hsm_id *id,
                                    const hsm_attributes *attributes,
                                    hsm_error **error_out);

/**
 * Adds a removal. The object can be brought back for as long as the store's grace says.
 */
hsm_status hsm_batch_remove(hsm_batch *batch,
                            const hsm_id *id,
                            hsm_error **error_out);

/**
 * Adds a move of an object from one tier to another, as hsm_object_move() does it. Its bytes are copied at the commit, those
 * of many small objects together, and read back from the medium before any change of the batch happens. In the result of one that
 * was on the target only, the position is 0. Without other changes and atomicity, hsm_objects_move() does the same and keeps less
 * in memory.
 *
 * @param source  the tier whose copy is to go
 * @param target  the tier that is to hold the copy
 * @return HSM_STATUS_NOT_FOUND when there is no such tier
 */
hsm_status hsm_batch_move(hsm_batch *batch,
                          const hsm_id *id,
                          int32_t source,
                          int32_t target,
                          hsm_error **error_out);

/**
 * Adds one more key for an object that exists.
 *
 * @param dataset     the dataset that the key is in
 * @param key         1 to 4096 bytes without NUL, free at the commit
 * @param key_length  in bytes; SIZE_MAX: up to the NUL
 * @param id          the object
 */
hsm_status hsm_batch_add_key(hsm_batch *batch,
                             const hsm_id *dataset,
                             const void *key,
                             size_t key_length,
                             const hsm_id *id,
                             hsm_error **error_out);

/**
 * How many changes were added, also after the commit.
 */
hsm_status hsm_batch_count(const hsm_batch *batch,
                           size_t *count_out,
                           hsm_error **error_out);

/**
 * Commits the batch. It takes no more changes afterwards, whatever this answers; hsm_batch_result() then says what became
 * of each, also after the store was closed.
 *
 * Where the batch is atomic, the answer is that of all. Otherwise changes may fail while others happen: with a place for
 * their number the answer is HSM_STATUS_OK, and without one it is that of the first that failed.
 *
 * @param failed_out  how many changes of a batch that is not atomic failed; may be NULL
 * @return another error, when none happened
 */
hsm_status hsm_batch_commit(hsm_batch *batch,
                            size_t *failed_out,
                            hsm_error **error_out);

/**
 * What became of one change: its own status and error. What a put did is written to result_out; for another change that
 * is the object, generation 0, and the position.
 *
 * @param index        counted from 0, in the order the changes were added
 * @param result_out   may be NULL
 * @param result_size  sizeof(hsm_put_result)
 * @return HSM_STATUS_END behind the last, HSM_STATUS_INVALID before the commit
 */
hsm_status hsm_batch_result(const hsm_batch *batch,
                            size_t index,
                            hsm_put_result *result_out,
                            size_t result_size,
                            hsm_error **error_out);

/**
 * Frees a batch. Without a commit nothing of it is left. NULL is fine.
 */
void hsm_batch_free(hsm_batch *batch);


/*
 * EVENTS
 *
 * Events: one committed change each.
 *
 * An event says what is so after it, so a program that applies each in turn holds a picture of the store, and one
 * that is applied twice does no harm. hsm_event_stat() tells its kind and its numbers; what else a kind has is
 * said at the kind. Fields that a kind does not have are 0, or -1 for a tier.
 *
 * A later version of hsm may bring kinds that a program, or this library, does not know. Such an event is to be
 * passed over. Where that would be wrong, the feed does not hand it out but fails.
 *
 * An event is lent by a feed, and with it all that the functions of this chapter lend. It does not change
 * meanwhile, and may be shared between threads.
 */

/**
 * A change of a kind that this library does not know; record_type has its number in the format.
 */
#define HSM_EVENT_UNKNOWN 0

/**
 * An object has new content, or came to be without any: object, generation, is_new, has_data, size_bytes,
 * block_size_bytes, digests, attributes that were set with it (others stay), and, where one was given with it, a
 * dataset and key (other keys stay). Its copies take the place of all it had; tier is that of the first.
 */
#define HSM_EVENT_PUT 1

/**
 * An object has a copy on one more tier, or a new one in the place of the one there: object, generation, tier,
 * copies (1).
 */
#define HSM_EVENT_COPY_ADDED 2

/**
 * A tier no longer holds a copy: object, generation, tier, reason (HSM_REASON_*).
 */
#define HSM_EVENT_COPY_DROPPED 3

/**
 * A copy was read back from the medium: object, generation, tier, is_whole.
 */
#define HSM_EVENT_COPY_VERIFIED 4

/**
 * Attributes were set or removed: object, or dataset where they are a dataset's, and attributes.
 */
#define HSM_EVENT_ATTRIBUTES_SET 5

/**
 * An object was removed, with all its keys: object, until_ns.
 */
#define HSM_EVENT_REMOVED 6

/**
 * A removed object lives again: object, and the dataset and key that it has again, if it has.
 */
#define HSM_EVENT_UNDELETED 7

/**
 * A removed object can no longer be brought back; nothing of it is left: object.
 */
#define HSM_EVENT_PURGED 8

/**
 * A dataset came to be: dataset, name, attributes.
 */
#define HSM_EVENT_DATASET_CREATED 9

/**
 * A dataset was removed; it held no key: dataset.
 */
#define HSM_EVENT_DATASET_REMOVED 10

/**
 * An object got a key: object, dataset, key.
 */
#define HSM_EVENT_KEY_ADDED 11

/**
 * An object lost a key: object, dataset, key.
 */
#define HSM_EVENT_KEY_REMOVED 12

/**
 * A tier was added or its settings changed: tier, name, and what hsm_event_tier() tells.
 */
#define HSM_EVENT_TIER_SET 13

/**
 * A setting of the store changed: name, value.
 */
#define HSM_EVENT_SETTING_SET 14

/**
 * A new epoch of the journal began: cause (HSM_EPOCH_*), ended. Changes of the epoch before that stand behind
 * ended are undone.
 */
#define HSM_EVENT_EPOCH_BEGAN 15

/**
 * The bytes of a copy lie elsewhere on its tier, since the pack that held them was rewritten: object, generation, tier,
 * copies (1). Who does not ask where bytes lie can pass over it.
 */
#define HSM_EVENT_COPY_RELOCATED 16

/**
 * An object was read: object, accessed_ns. It is told late, for many objects at once and not for every read: see
 * hsm_store_set_access_staleness(). The object did not change; a subscriber to changes leaves it out with
 * hsm_subscription_leave_out_kind().
 */
#define HSM_EVENT_ACCESSED 48

/**
 * An action was submitted: action, verb, object, tier (its target).
 */
#define HSM_EVENT_ACTION_SUBMITTED 32

/**
 * An action has another state: action, state.
 */
#define HSM_EVENT_ACTION_CHANGED 33

/**
 * A finished action is no longer kept: action.
 */
#define HSM_EVENT_ACTION_FORGOTTEN 34

/**
 * A worker leased an action of a site's kind, or extended its lease: action, state (HSM_ACTION_RUNNING).
 */
#define HSM_EVENT_ACTION_LEASED 35

/**
 * A worker left a result with an action: action. That it is done is an event of its own, behind this.
 */
#define HSM_EVENT_ACTION_RESULT 36

/**
 * An owner pinned an object to a tier: object, tier, until_ns, and the owner as its name.
 */
#define HSM_EVENT_PINNED 49

/**
 * An owner took its pin away: object, tier, and the owner as its name. A pin that ends by itself is no event.
 */
#define HSM_EVENT_UNPINNED 50

/**
 * Somebody asked for it: a release, or the second half of a move.
 */
#define HSM_REASON_RELEASED 1

/**
 * Its tier was declared lost.
 */
#define HSM_REASON_TIER_LOST 2

/**
 * It was damaged or gone, and another copy is whole.
 */
#define HSM_REASON_DAMAGED 3

/**
 * Its tier was drained.
 */
#define HSM_REASON_DRAINED 4

/**
 * The index was rebuilt; no change was lost.
 */
#define HSM_EPOCH_REBUILT 1

/**
 * Relaxed changes did not survive a power loss and were rolled back.
 */
#define HSM_EPOCH_ROLLED_BACK 2

/**
 * The store was reconciled with its roots.
 */
#define HSM_EPOCH_RECONCILED 3

/**
 * The store was restored from a snapshot on a tier: what came behind that is not known any more.
 */
#define HSM_EPOCH_RESTORED 4

/**
 * One committed change.
 */
typedef struct hsm_event hsm_event;

/**
 * An event in numbers.
 */
typedef struct hsm_event_info {
  /**
   * Where it stands in the journal. Numbers follow each other without gaps.
   */
  hsm_position position;
  /**
   * When it was committed.
   */
  int64_t time_ns;
  /**
   * Which opening of the store committed it.
   */
  uint64_t instance;
  /**
   * The object that it is about; zeros: none.
   */
  hsm_id object;
  /**
   * The dataset that it is about, or that the key is in; zeros: none.
   */
  hsm_id dataset;
  /**
   * The object's generation.
   */
  uint64_t generation;
  /**
   * Length of the content in bytes.
   */
  uint64_t size_bytes;
  /**
   * Checksums are kept for blocks of so many bytes.
   */
  uint64_t block_size_bytes;
  /**
   * How many copies hsm_event_copy_at() tells of.
   */
  uint64_t copies;
  /**
   * How many digests hsm_event_digest_at() tells of.
   */
  uint64_t digests;
  /**
   * How many attributes were set or removed, each time one is named counted.
   */
  uint64_t attributes;
  /**
   * Until when a removed object can be brought back, or a pin keeps its copy.
   */
  int64_t until_ns;
  /**
   * The last position of the epoch before.
   */
  hsm_position ended;
  /**
   * HSM_EVENT_*.
   */
  int32_t kind;
  /**
   * The tier; -1: none.
   */
  int32_t tier;
  /**
   * HSM_REASON_*; one that this header does not know is of a later version.
   */
  int32_t reason;
  /**
   * HSM_EPOCH_*; one that this header does not know is of a later version.
   */
  int32_t cause;
  /**
   * 1 when the object came to be with this change, also when it had been removed before; 0 when it existed.
   */
  int32_t is_new;
  /**
   * 1 when the object has data, also of no bytes; 0 when it was made without.
   */
  int32_t has_data;
  /**
   * 1 when every byte of the copy was right, else 0.
   */
  int32_t is_whole;
  /**
   * 1 when there is a key, else 0.
   */
  int32_t has_key;
  /**
   * The number of the kind in the format.
   */
  int32_t record_type;
  /**
   * 0.
   */
  int32_t reserved;
  /**
   * The action that it is about; zeros: none.
   */
  hsm_id action;
  /**
   * HSM_ACTION_COPY and so on.
   */
  int32_t verb;
  /**
   * HSM_ACTION_QUEUED and so on.
   */
  int32_t state;
  /**
   * When the object was last read.
   */
  int64_t accessed_ns;
} hsm_event_info;

/**
 * An event in numbers.
 *
 * @param info_size  sizeof(hsm_event_info)
 */
hsm_status hsm_event_stat(const hsm_event *event,
                          hsm_event_info *info_out,
                          size_t info_size,
                          hsm_error **error_out);

/**
 * One of the copies that an event tells of, the one on the hottest tier first.
 *
 * @param index      counted from 0
 * @param copy_size  sizeof(hsm_copy_info)
 * @return HSM_STATUS_END behind the last
 */
hsm_status hsm_event_copy_at(const hsm_event *event,
                             size_t index,
                             hsm_copy_info *copy_out,
                             size_t copy_size,
                             hsm_error **error_out);

/**
 * One of the recorded digests of the content that an event tells of, as algorithm:hexadecimal.
 *
 * @param index        counted from 0
 * @param buffer       gets the text and a NUL; may be NULL when buffer_size is 0
 * @param buffer_size  in bytes
 * @param length_out   gets the length without the NUL, also on HSM_STATUS_BUFFER_TOO_SMALL; may be NULL
 * @return HSM_STATUS_END behind the last
 */
hsm_status hsm_event_digest_at(const hsm_event *event,
                               size_t index,
                               char *buffer,
                               size_t buffer_size,
                               size_t *length_out,
                               hsm_error **error_out);

/**
 * The attributes that an event sets and removes; none at all for kinds without. They live as long as the event.
 */
hsm_status hsm_event_attributes(const hsm_event *event,
                                const hsm_attributes **attributes_out,
                                hsm_error **error_out);

/**
 * The key that an event tells of; hsm_event_stat() says in which dataset. It lives as long as the event.
 *
 * @param key_out         the key, without a NUL at its end
 * @param key_length_out  in bytes
 * @return HSM_STATUS_END where there is none
 */
hsm_status hsm_event_key(const hsm_event *event,
                         const uint8_t **key_out,
                         size_t *key_length_out,
                         hsm_error **error_out);

/**
 * The name of the dataset that was created, of the tier, or of the setting; the owner of a pin. It lives as long as the event.
 *
 * @param name_out         the name, without a NUL at its end; of no bytes for a tier or an owner that has none
 * @param name_length_out  in bytes
 * @return HSM_STATUS_END where there is none
 */
hsm_status hsm_event_name(const hsm_event *event,
                          const uint8_t **name_out,
                          size_t *name_length_out,
                          hsm_error **error_out);

/**
 * The value of the setting of the store that changed, or the root of the tier: its directory, absolute, or relative
 * to the store's. It lives as long as the event.
 *
 * @param value_out         the bytes, without a NUL at their end
 * @param value_length_out  in bytes
 * @return HSM_STATUS_END where there is none
 */
hsm_status hsm_event_value(const hsm_event *event,
                           const uint8_t **value_out,
                           size_t *value_length_out,
                           hsm_error **error_out);

/**
 * The settings that a tier has after an event. What is on it now, and whether it is online, hsm_tier_stat() tells:
 * here they are 0.
 *
 * @param info_size     sizeof(hsm_tier_info)
 * @param settings_out  gets the settings as a handle, free it with hsm_tier_settings_free(); may be NULL
 * @return HSM_STATUS_END for an event of another kind
 */
hsm_status hsm_event_tier(const hsm_event *event,
                          hsm_tier_info *info_out,
                          size_t info_size,
                          hsm_tier_settings **settings_out,
                          hsm_error **error_out);


/*
 * THE FEED
 *
 * The feed: every change of the store, in order.
 *
 * The feed is the journal itself, so nothing can be missing in it or out of order. It shows what survives a power
 * loss: relaxed changes appear when they have become durable. A program that follows a store keeps the position
 * of the last event it has dealt with, and begins behind it the next time. When an event's epoch is another one than
 * that of the event before, an HSM_EVENT_EPOCH_BEGAN tells why.
 *
 *     hsm_feed *feed = NULL;
 *     const hsm_event *event;
 *     hsm_status status = hsm_feed_open(store, NULL, &feed, &error);
 *     if (status == HSM_STATUS_OK)
 *         while ((status = hsm_feed_next(feed, &event, &error)) == HSM_STATUS_OK)
 *             apply(event);
 *     hsm_feed_free(feed);
 *
 * A feed waits for nothing and keeps nothing: that is what subscriptions are for.
 *
 * A feed reads some megabytes ahead, and holds no file and no lock between two calls.
 */

/**
 * A point in the feed of a store.
 */
typedef struct hsm_feed hsm_feed;

/**
 * Opens the feed of a store.
 *
 * @param after     the position behind which it begins; NULL, or zeros: before the first change. Positions
 *                  come from events, puts and other changes, hsm_store_position() and hsm_feed_position()
 * @param feed_out  free it with hsm_feed_free()
 */
hsm_status hsm_feed_open(const hsm_store *store,
                         const hsm_position *after,
                         hsm_feed **feed_out,
                         hsm_error **error_out);

/**
 * The next event. It is lent until the next call on the feed, or its free. After an error it may be called
 * again, and goes on where it was.
 *
 * @param event_out  the event
 * @return HSM_STATUS_END when there is nothing more now: asked again later, it goes on with what came since.
 *         HSM_STATUS_INVALID when the position it began at is none of this store, or what lies behind it was dropped (a
 *         subscription goes on behind such a gap), HSM_STATUS_CORRUPT when the
 *         journal is damaged there, HSM_STATUS_CLOSED after hsm_store_close()
 */
hsm_status hsm_feed_next(hsm_feed *feed,
                         const hsm_event **event_out,
                         hsm_error **error_out);

/**
 * The position of the last event that was handed out, or the one that the feed began behind.
 */
hsm_status hsm_feed_position(const hsm_feed *feed,
                             hsm_position *position_out,
                             hsm_error **error_out);

/**
 * Frees a feed, and what it lent. NULL is fine.
 */
void hsm_feed_free(hsm_feed *feed);


/*
 * SUBSCRIBERS
 *
 * Subscribers: names with a durable position in the feed.
 *
 * A subscriber outlives every handle and process: whoever follows a store under its name begins behind what was
 * acknowledged last. What the store keeps of the feed does not depend on subscribers but on its retention: one that falls
 * behind that is told of a gap, and catches up with a listing (hsm_query_set_changed_after()).
 */

/**
 * A subscriber in numbers.
 */
typedef struct hsm_subscriber_info {
  /**
   * The last change that was acknowledged, or the one it began behind.
   */
  hsm_position acked;
  /**
   * When that was.
   */
  int64_t acked_ns;
  /**
   * When it was created.
   */
  int64_t created_ns;
  /**
   * 1 while somebody follows the store under its name, else 0.
   */
  int32_t is_followed;
  /**
   * 0.
   */
  int32_t reserved;
} hsm_subscriber_info;

/**
 * Creates a subscriber. Durable when this returns. The first one of a store makes an index of the objects by their
 * last change, which takes about a second for a million objects; until then others wait who write.
 *
 * @param name         1 to 255 bytes of UTF-8
 * @param name_length  in bytes; SIZE_MAX: up to the NUL
 * @param after        the position behind which it begins, of hsm_store_position() say; NULL, or zeros: before the
 *                     first change
 * @return HSM_STATUS_EXISTS when the name is taken, HSM_STATUS_INVALID for a position behind the last change
 */
hsm_status hsm_subscriber_create(const hsm_store *store,
                                 const char *name,
                                 size_t name_length,
                                 const hsm_position *after,
                                 hsm_error **error_out);

/**
 * The next subscriber in order of name.
 *
 * @param after         the name behind which to look; NULL: the first
 * @param after_length  in bytes; SIZE_MAX: up to the NUL; not looked at when after is NULL
 * @param buffer        gets the name and a NUL, 256 bytes are always enough; may be NULL when buffer_size is 0
 * @param buffer_size   in bytes
 * @param length_out    gets the length without the NUL, also on HSM_STATUS_BUFFER_TOO_SMALL; may be NULL
 * @param info_size     sizeof(hsm_subscriber_info)
 * @return HSM_STATUS_END past the last
 */
hsm_status hsm_subscriber_next(const hsm_store *store,
                               const char *after,
                               size_t after_length,
                               char *buffer,
                               size_t buffer_size,
                               size_t *length_out,
                               hsm_subscriber_info *info_out,
                               size_t info_size,
                               hsm_error **error_out);

/**
 * Forgets a subscriber, durably.
 *
 * @param name         UTF-8
 * @param name_length  in bytes; SIZE_MAX: up to the NUL
 * @return HSM_STATUS_NOT_FOUND; HSM_STATUS_BUSY while somebody follows the store under its name
 */
hsm_status hsm_subscriber_drop(const hsm_store *store,
                               const char *name,
                               size_t name_length,
                               hsm_error **error_out);

/**
 * Says how much of the feed the store keeps, for every handle and subscriber. hsm_store_maintain() drops what exceeds one
 * of the bounds, some megabytes at a time, as far as two whole snapshots lie behind that which hsm_store_snapshot() made:
 * so make one now and then. Until this is called all is kept.
 *
 * @param events_max    so many of the last events; UINT64_MAX: however many
 * @param age_max_ns    events of at most this age in nanoseconds; UINT64_MAX: of any
 * @param position_out  gets the position of the change; may be NULL
 */
hsm_status hsm_store_set_retention(const hsm_store *store,
                                   uint64_t events_max,
                                   uint64_t age_max_ns,
                                   hsm_position *position_out,
                                   hsm_error **error_out);

/**
 * How much of the feed the store keeps, as hsm_store_set_retention() was told.
 *
 * @param events_max_out  UINT64_MAX: however many
 * @param age_max_ns_out  UINT64_MAX: of any age
 */
hsm_status hsm_store_retention(const hsm_store *store,
                               uint64_t *events_max_out,
                               uint64_t *age_max_ns_out,
                               hsm_error **error_out);


/*
 * SUBSCRIPTIONS
 *
 * Following a store: events as they come, and how far they were handled.
 *
 * A subscription reads the feed, waits for what is not there yet, and is woken within milliseconds, also by commits of
 * other processes of the machine; a wait costs neither the waiting thread nor a writer anything. Opened as a subscriber, it
 * begins behind what was acknowledged last:
 *
 *     hsm_subscription *subscription = NULL;
 *     const hsm_event *event;
 *     hsm_status status = hsm_subscription_open(store, "mirror", SIZE_MAX, &subscription, &error);
 *     while (status == HSM_STATUS_OK)
 *         if ((status = hsm_subscription_next(subscription, -1, &event, &error)) == HSM_STATUS_OK) {
 *             apply(event);
 *             status = hsm_subscription_ack(subscription, NULL, HSM_DURABLE, &error);
 *         } else if (status == HSM_STATUS_GAP)
 *             status = catch_up(subscription);
 *     hsm_subscription_free(subscription);
 *
 * An event that was handled but not acknowledged before a crash comes again. A program that keeps its position with its
 * own data, in one transaction, acknowledges that position when it begins, and so handles each event once. To acknowledge
 * costs a sync; many events may be acknowledged together.
 *
 * What is asked for is set before the first event: what was passed over does not come again. An epoch that begins is
 * told whatever was asked for.
 */

/**
 * A reader of the feed that waits for what is not there yet.
 */
typedef struct hsm_subscription hsm_subscription;

/**
 * Follows a store as a subscriber, from behind what it acknowledged last. One at a time can, of all threads and
 * processes; the next one can as soon as the one before was freed or its process ended, however that went.
 *
 * @param name              of a subscriber, UTF-8
 * @param name_length       in bytes; SIZE_MAX: up to the NUL
 * @param subscription_out  free it with hsm_subscription_free()
 * @return HSM_STATUS_NOT_FOUND, HSM_STATUS_BUSY while somebody else does, HSM_STATUS_REFUSED through a handle that may not
 *         write, HSM_STATUS_CORRUPT where its file is damaged
 */
hsm_status hsm_subscription_open(const hsm_store *store,
                                 const char *name,
                                 size_t name_length,
                                 hsm_subscription **subscription_out,
                                 hsm_error **error_out);

/**
 * Follows a store without a name: the program keeps its position itself, and has nothing to acknowledge. Any number
 * can, also through handles that may not write.
 *
 * @param after             the position behind which it begins; NULL, or zeros: before the first change
 * @param subscription_out  free it with hsm_subscription_free()
 */
hsm_status hsm_subscription_follow(const hsm_store *store,
                                   const hsm_position *after,
                                   hsm_subscription **subscription_out,
                                   hsm_error **error_out);

/**
 * Hands out events of this kind from now on, and of those that were added before; without any, events of all kinds.
 *
 * @param kind  HSM_EVENT_*
 */
hsm_status hsm_subscription_add_kind(hsm_subscription *subscription,
                                     int32_t kind,
                                     hsm_error **error_out);

/**
 * Hands out no events of this kind from now on. Where no kind was added before, those of all others are handed out, also of
 * kinds that this library does not know.
 *
 * @param kind  HSM_EVENT_*
 */
hsm_status hsm_subscription_leave_out_kind(hsm_subscription *subscription,
                                           int32_t kind,
                                           hsm_error **error_out);

/**
 * Hands out, from now on, only what concerns a dataset: the dataset itself, its keys, and objects that have a key in it
 * when the event is handed out, or had when they were removed. A purge is handed out in any case: what it was of is not
 * known any more. Each object is looked up for it.
 *
 * @param dataset  its id; NULL: whatever it concerns
 */
hsm_status hsm_subscription_set_dataset(hsm_subscription *subscription,
                                        const hsm_id *dataset,
                                        hsm_error **error_out);

/**
 * Hands out, from now on, only changes that set an attribute or remove it.
 *
 * @param name          UTF-8; NULL: whatever changes
 * @param name_length   in bytes; SIZE_MAX: up to the NUL
 * @param value         only where it is set to this value; NULL: however it changes
 * @param value_length  in bytes; SIZE_MAX: up to the NUL; not looked at when value is NULL
 */
hsm_status hsm_subscription_set_attribute(hsm_subscription *subscription,
                                          const char *name,
                                          size_t name_length,
                                          const void *value,
                                          size_t value_length,
                                          hsm_error **error_out);

/**
 * The next event, waited for if it is not there yet. It is lent until the next call on the subscription, or its free.
 * After an error it may be called again, and goes on where it was.
 *
 * @param timeout_ms  how long to wait, in milliseconds; 0: not at all; -1: for as long as it takes
 * @param event_out   the event; written on HSM_STATUS_OK only
 * @return HSM_STATUS_TIMEOUT when none came in time. HSM_STATUS_GAP when events before the next one cannot be had any more:
 *         hsm_subscription_gap() says which, and the next call goes on behind them. HSM_STATUS_CLOSED when the store is
 *         closed, also meanwhile
 */
hsm_status hsm_subscription_next(hsm_subscription *subscription,
                                 int32_t timeout_ms,
                                 const hsm_event **event_out,
                                 hsm_error **error_out);

/**
 * Which changes cannot be had, when hsm_subscription_next() answered HSM_STATUS_GAP last; else zeros. They were dropped: what
 * objects are now is listed by hsm_query_set_changed_after(), from the number before the first of them. Or the store was
 * restored from an earlier state, they never happened in it, and an HSM_EVENT_EPOCH_BEGAN follows.
 *
 * @param from_out  the first
 * @param to_out    the last: to be acknowledged when all was caught up
 */
hsm_status hsm_subscription_gap(const hsm_subscription *subscription,
                                hsm_position *from_out,
                                hsm_position *to_out,
                                hsm_error **error_out);

/**
 * The position up to which events were handed out, or passed over since they were not asked for.
 */
hsm_status hsm_subscription_position(const hsm_subscription *subscription,
                                     hsm_position *position_out,
                                     hsm_error **error_out);

/**
 * Acknowledges all events up to a position: no later subscription under the name hands them out again. What was acknowledged
 * before and lies behind it stays so. A position behind what was handed out passes over what lies between.
 *
 * @param position    NULL: the one that hsm_subscription_position() tells
 * @param durability  HSM_DURABLE: also after a power loss. HSM_RELAXED costs no sync: after a power loss, and only then, it
 *                    may be back at the last durable one
 * @return HSM_STATUS_INVALID for a position behind the last durable change, and without a name. After HSM_STATUS_IO the old
 *         position or the new one counts
 */
hsm_status hsm_subscription_ack(hsm_subscription *subscription,
                                const hsm_position *position,
                                int32_t durability,
                                hsm_error **error_out);

/**
 * The position that was acknowledged last.
 *
 * @return HSM_STATUS_END for a subscription without a name
 */
hsm_status hsm_subscription_acked(const hsm_subscription *subscription,
                                  hsm_position *position_out,
                                  hsm_error **error_out);

/**
 * A descriptor for poll(), epoll and the like: it is readable when there may be an event, perhaps without cause. First call
 * hsm_subscription_next() with a timeout of 0 until it answers HSM_STATUS_TIMEOUT, then wait for the descriptor, and so on.
 * It belongs to the subscription: never read from it or close it. It is closed by hsm_subscription_free(). A close of the
 * store does not make it readable.
 *
 * @return HSM_STATUS_UNSUPPORTED for a store with its index in memory, and where the system gives no more of them
 */
hsm_status hsm_subscription_descriptor(hsm_subscription *subscription,
                                       int32_t *descriptor_out,
                                       hsm_error **error_out);

/**
 * Frees a subscription, and what it lent. NULL is fine.
 */
void hsm_subscription_free(hsm_subscription *subscription);


/*
 * SINKS
 *
 * The feed as a file that other programs follow.
 *
 * A sink is a subscriber that writes what happens to objects into a file of YAML, in the format of the event feed of
 * IO-SEA's Hestia: programs written for such a file follow a store by it. A document tells of one object; its tag is !create,
 * !read, !update or !remove, and the first and third say what the object is when the document is written:
 *
 *     ---
 *     !update
 *     attrs:
 *       user_metadata:
 *         my_key: "my_value"
 *       size: 45333
 *       tiers:
 *         - extents:
 *             - length: 45333
 *               offset: 0
 *           index: 0
 *     time: 1701419050925667
 *     id: "d198c172-35ff-d962-a3db-027cdcf9116c"
 *     ...
 *
 * Reads come as late and as seldom as accesses are recorded: see hsm_store_set_access_staleness().
 *
 * The file only grows, and what is in it is not changed any more. No event is in it twice, and none is missing, whenever the
 * program is killed or the power is lost: hsm_sink_open() ends what was begun. Where changes were dropped from the feed before the
 * sink read them, a line that begins with # says so, and the objects that changed since follow, as they are now.
 *
 * The library has no thread of its own: a program calls hsm_sink_pump() in a loop, in a thread or process of its choice:
 *
 *     hsm_sink *sink = NULL;
 *     hsm_status status = hsm_sink_open(store, "event_feed", SIZE_MAX, "/cache/event_feed.yaml", SIZE_MAX, NULL,
 *                                       0, 0, &sink, &error);
 *     while (status == HSM_STATUS_OK)
 *         status = hsm_sink_pump(sink, -1, NULL, &error);
 *     hsm_sink_free(sink);
 */

/**
 * A subscriber that writes a file.
 */
typedef struct hsm_sink hsm_sink;

/**
 * Opens a sink, and ends what one before it had begun. One at a time has a name, and one writes a file, of all threads and
 * processes.
 *
 * When the file would become longer than max_bytes it is renamed first, to its name and a number that counts up from 0:
 * event_feed.yaml.0, event_feed.yaml.1, … A file that somebody else moved away is begun anew at the next open.
 *
 * @param name         of the subscriber, UTF-8; it is made if there is none
 * @param name_length  in bytes; SIZE_MAX: up to the NUL
 * @param path         of the file; any bytes but NUL. Beside it lies one more, of the same name and ".next"
 * @param path_length  in bytes; SIZE_MAX: up to the NUL
 * @param after        where the file begins if the subscriber is new: behind this position; NULL, or zeros: with the first change
 * @param max_bytes    how long the file may become; 0: as long as it does
 * @param keep         how many renamed files are kept, the last ones; 0: all
 * @param sink_out     free it with hsm_sink_free()
 * @return HSM_STATUS_BUSY while another sink has the name or writes the file, HSM_STATUS_REFUSED through a handle that may not
 *         write, HSM_STATUS_IO where the file cannot be opened
 */
hsm_status hsm_sink_open(const hsm_store *store,
                         const char *name,
                         size_t name_length,
                         const char *path,
                         size_t path_length,
                         const hsm_position *after,
                         uint64_t max_bytes,
                         uint64_t keep,
                         hsm_sink **sink_out,
                         hsm_error **error_out);

/**
 * Writes what is there, and where nothing is, waits for it. What was written is synced when this returns.
 *
 * After an error of the file, HSM_STATUS_FULL for instance, the sink is of no more use: free it, and open it again once the
 * cause is gone; it goes on where it was.
 *
 * @param timeout_ms     how long to wait, in milliseconds; 0: not at all; -1: for as long as it takes
 * @param documents_out  how many documents were written; may be NULL
 * @return HSM_STATUS_TIMEOUT when nothing came in time, HSM_STATUS_CLOSED when the store is closed, also meanwhile
 */
hsm_status hsm_sink_pump(hsm_sink *sink,
                         int32_t timeout_ms,
                         uint64_t *documents_out,
                         hsm_error **error_out);

/**
 * Closes a sink; its subscriber stays, and with it its place in the feed. NULL is fine.
 */
void hsm_sink_free(hsm_sink *sink);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* HSM_H */
