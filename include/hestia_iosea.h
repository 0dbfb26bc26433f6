/*
 * hestia_iosea.h: objects on tiers, as programs of the IO-SEA project use them, over hsm.
 *
 * PREVIEW. See hestia.h for the client, which must be initialized first: each function here that works on objects answers
 * HESTIA_ERROR_CLIENT_STATE before that.
 *
 * Records. A HestiaId, HestiaTier or HestiaObject may be passed uninitialised where the function says what that means. What
 * lies in a record is followed only where m_user_initialized says that it was initialised, and freed only if this
 * library handed it out. An m_uuid or m_path that leads nowhere is an error, and no crash.
 *
 * Memory that is handed out comes from malloc(). Free it with the functions that are named; a list, or the m_uuid of a put,
 * may be freed with free() too.
 *
 * Tiers are 0 (the hottest) to 255. Sizes and offsets are bytes. Times are microseconds since 1970, UTC.
 */
#ifndef HESTIA_IOSEA_H_
#define HESTIA_IOSEA_H_

#include "hestia.h"

#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Whether a put is of a new object. */
typedef enum hestia_create_mode_e {
    HESTIA_CREATE = 0, /* the object must not exist: else HESTIA_ERROR_ATTEMPTED_OVERWRITE */
    HESTIA_UPDATE = 1  /* the object must exist: else HESTIA_ERROR_NOT_FOUND */
} hestia_create_mode_t;

/* Where data comes from or goes to. */
typedef enum hestia_io_type_e {
    HESTIA_IO_EMPTY = 0,     /* nowhere: a put makes an object without data, a get does nothing */
    HESTIA_IO_BUFFER = 1,    /* memory */
    HESTIA_IO_PATH = 2,      /* a file */
    HESTIA_IO_DESCRIPTOR = 3 /* an open file, pipe or socket */
} hestia_io_type_t;

/*
 * The id of an object: 128 bits, not all zero. m_uuid has it as 8-4-4-4-12 hexadecimal digits, or m_hi and m_lo as
 * numbers, of which m_hi is written first. Where m_uuid is neither NULL nor "" it counts, and the numbers do not. With
 * `enable_id_validation: false` m_uuid may be a word of up to 14 bytes.
 */
typedef struct HestiaId {
    uint64_t m_lo;
    uint64_t m_hi;
    char *m_uuid;
    int m_user_initialized; /* 2: by hestia_init_id(), or by the library */
} HestiaId;

/* Data on its way. Only the fields that its type needs are looked at, and m_offset and m_length. */
typedef struct HestiaIoContext {
    hestia_io_type_t m_type;
    size_t m_offset; /* the first byte of the object that is meant */
    size_t m_length; /* how many bytes; for a path or descriptor 0 means all there are */
    void *m_buffer;
    char *m_path;
    int m_fd;
} HestiaIoContext;

/* An attribute of an object. */
typedef struct HestiaKeyValuePair {
    char *m_key;   /* UTF-8, 1 to 255 bytes */
    char *m_value; /* at most 65536 bytes */
} HestiaKeyValuePair;

/* The part of an object that lies on one tier. */
typedef struct HestiaTierExtent {
    uint8_t m_tier_index;
    size_t m_size;
    time_t m_creation_time;
    time_t m_last_modified_time;
} HestiaTierExtent;

/* What is known of an object. */
typedef struct HestiaObject {
    char *m_name; /* "" */
    char *m_uuid;
    size_t m_size; /* of its content */
    time_t m_creation_time;
    time_t m_ctime; /* as m_mtime: hsm keeps no time of changes of attributes */
    time_t m_mtime; /* when its content last changed */
    time_t m_atime; /* when its content was last read; as m_creation_time where it never was */
    HestiaTierExtent *m_tier_extents; /* where it has bytes, the hottest tier first; NULL where it has none */
    size_t m_num_tier_extents;
    HestiaKeyValuePair *m_attrs; /* in the order of keys; NULL where it has none */
    size_t m_num_attrs;
    int m_valid; /* 1 */
} HestiaObject;

/* A tier's number, or, uninitialised, the default tier. */
typedef struct HestiaTier {
    uint8_t m_index;
    int m_user_initialized; /* 2: by hestia_init_tier() */
} HestiaTier;

/* Makes a record one that holds no id yet. Nothing that lay in it is freed. */
int hestia_init_id(HestiaId *id);

/*
 * Frees the m_uuid that hestia_object_put() drew into this record, or into one that it is a copy of, and sets it to NULL. One that
 * the caller set is left alone, and forgotten. Also for a record that was never initialised.
 */
int hestia_free_id(HestiaId *id);

/* Makes a record say HESTIA_IO_EMPTY. */
int hestia_init_io_ctx(HestiaIoContext *io_context);

/* Frees what hestia_object_get_attrs() filled in, and empties the record. Also for one that was never filled. */
int hestia_init_object(HestiaObject *object);

/* Makes a record name tier 0. */
int hestia_init_tier(HestiaTier *tier);

/*
 * Lists the tiers, the hottest first.
 *
 * tier_ids  gets the list, or NULL for none; free it with hestia_free_tier_ids()
 */
int hestia_list_tiers(uint8_t **tier_ids, size_t *num_tiers);

/* Frees a list of tiers and sets the pointer to NULL. */
int hestia_free_tier_ids(uint8_t **tier_ids);

/*
 * Reads an object from m_offset on.
 *
 * A buffer gets at most m_length bytes, and m_length becomes how many there were: fewer only at the end of the object.
 * A file gets m_length bytes, or up to the end of the object: it is there whole or not at all, and replaces what was there.
 * A descriptor gets the same where it stands. Each byte is checked before it is handed out.
 *
 * tier  where to read from; NULL or uninitialised: the lowest that has data
 *
 * HESTIA_ERROR_NOT_FOUND where there is no such object, no data, or none on the tier; HESTIA_ERROR_BAD_STREAM where
 * the file or descriptor cannot be written.
 */
int hestia_object_get(HestiaId *object_id, HestiaIoContext *io_context, HestiaTier *tier);

/*
 * Makes an object, or changes its content.
 *
 * With m_offset 0 the data becomes the whole content. Behind that, the data replaces the bytes from there on, and the object
 * grows where it reaches beyond the end; what it does not reach stays. An offset behind the end is refused: there are no
 * holes. From a path or descriptor so many bytes are read as m_length says, and fewer are an error; a descriptor is read from
 * where it stands. An update with HESTIA_IO_EMPTY changes nothing.
 *
 * The content then lies on one tier; copies of what it was on others are dropped.
 *
 * object_id  uninitialised, or without an id: one is drawn for a new object, written to all of the record, and its m_uuid
 *            is freed with hestia_free_id()
 * tier       NULL or uninitialised: the lowest tier; for an update behind offset 0, the one where the object is
 *
 * HESTIA_ERROR_ATTEMPTED_OVERWRITE and HESTIA_ERROR_NOT_FOUND by the mode; HESTIA_ERROR_NOT_FOUND for an unknown tier;
 * HESTIA_ERROR_BAD_INPUT_BUFFER for an offset behind the end; HESTIA_ERROR_BAD_STREAM where the file or descriptor
 * cannot be read, or ends too early; HESTIA_ERROR_UNKNOWN where another writer changed the object while a pipe was put behind
 * an offset: what came out of the pipe is gone.
 */
int hestia_object_put(HestiaId *object_id, hestia_create_mode_t create_mode, HestiaIoContext *io_context,
                      HestiaTier *tier);

/*
 * Says what is known of an object. Every field of the record is written over, and nothing that lay in it is freed: call
 * hestia_init_object() before it is filled anew, and in the end. After an error the record is as it was.
 */
int hestia_object_get_attrs(HestiaId *object_id, HestiaObject *object);

/*
 * Sets attributes of an object, all or none; others stay. The value "" is kept as such: programs clear a hint with it.
 *
 * HESTIA_ERROR_BAD_INPUT_BUFFER for a key or value that is NULL or outside the limits.
 */
int hestia_object_set_attrs(HestiaId *object_id, const HestiaKeyValuePair key_value_pairs[], size_t num_key_pairs);

/*
 * Makes sure that the target tier has a copy of an object, read from the source tier, checked, and read back.
 *
 * HESTIA_ERROR_NOT_FOUND where there is no such object or tier, or no copy on the source; HESTIA_ERROR_UNKNOWN where both
 * tiers are the same.
 */
int hestia_object_copy(HestiaId *object_id, uint8_t source_tier, uint8_t target_tier);

/*
 * As hestia_object_copy(), and drops the copy on the source tier in the same change. Where the target has a copy and the source
 * none it has happened already, and nothing changes.
 */
int hestia_object_move(HestiaId *object_id, uint8_t source_tier, uint8_t target_tier);

/*
 * Drops the copy of an object on a tier; where there is none, nothing changes. HESTIA_ERROR_NOT_FOUND where there is no such
 * object or tier.
 *
 * error_if_last_tier  0: also the last copy, and the object's bytes are then lost. Else that is refused with
 *                     HESTIA_ERROR_UNKNOWN, and so it is where no other copy is whole and in reach
 */
int hestia_object_release(HestiaId *object_id, uint8_t tier, int error_if_last_tier);

/* Removes an object, with its attributes and its data on every tier. */
int hestia_object_remove(HestiaId *object_id);

/*
 * Lists the tiers that an object has a copy on, the hottest first.
 *
 * tier_ids  gets the list, or NULL for none; free it with hestia_free_tier_ids()
 */
int hestia_object_locate(HestiaId *object_id, uint8_t **tier_ids, size_t *num_tiers);

/*
 * Lists the objects that have a copy on a tier, in the order of their ids.
 *
 * ids  gets the list, or NULL for none; free it, and the texts in it, with hestia_free_ids()
 *
 * HESTIA_ERROR_NOT_FOUND for an unknown tier.
 */
int hestia_object_list(uint8_t tier_id, HestiaId **ids, size_t *num_ids);

/* Frees a list of ids, with the texts in it, and sets the pointer to NULL. */
int hestia_free_ids(HestiaId **ids, size_t num_ids);

#ifdef __cplusplus
}
#endif

#endif
