/*
 * A dataset as the tools of IO-SEA keep it: an object with the attribute is_dataset=true, whose data is a line
 * `uuid,relative/path` for each file, and a NUL. What the tools have in common stands here as well.
 */
#ifndef DATASET_H
#define DATASET_H

#include <hestia_iosea.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    char uuid[37];
    char *path;
} Entry;

typedef struct {
    Entry *entries;
    size_t count;
    size_t room;
} Dataset;

/* Says what failed, and answers 1; 0 where nothing did. */
static inline int failed(int code, const char *what, const char *which)
{
    char words[512];
    if (code == 0)
        return 0;
    hestia_get_last_error(words, sizeof words);
    fprintf(stderr, "%s %s: %s (%d)\n", what, which, words, code);
    return 1;
}

static inline HestiaId id_of(char *uuid)
{
    HestiaId id;
    hestia_init_id(&id);
    id.m_uuid = uuid;
    return id;
}

static inline void *needed(void *memory)
{
    if (memory == NULL) {
        fprintf(stderr, "no memory\n");
        exit(1);
    }
    return memory;
}

static inline Entry *add_entry(Dataset *dataset, const char *uuid, const char *path)
{
    if (dataset->count == dataset->room) {
        dataset->room = dataset->room * 2 + 64;
        dataset->entries = needed(realloc(dataset->entries, dataset->room * sizeof *dataset->entries));
    }
    Entry *entry = &dataset->entries[dataset->count++];
    snprintf(entry->uuid, sizeof entry->uuid, "%.36s", uuid);
    entry->path = strcpy(needed(malloc(strlen(path) + 1)), path);
    return entry;
}

static inline void free_dataset(Dataset *dataset)
{
    for (size_t index = 0; index < dataset->count; index++)
        free(dataset->entries[index].path);
    free(dataset->entries);
    memset(dataset, 0, sizeof *dataset);
}

/* The value of an attribute, or NULL. */
static inline const char *attribute(const HestiaObject *object, const char *key)
{
    for (size_t index = 0; index < object->m_num_attrs; index++)
        if (strcmp(object->m_attrs[index].m_key, key) == 0)
            return object->m_attrs[index].m_value;
    return NULL;
}

/* Reads the entries of a dataset; a line that is none is told of, and left out. Answers 1 where anything is wrong. */
static inline int read_dataset(char *uuid, Dataset *dataset)
{
    HestiaId id = id_of(uuid);
    HestiaObject object;
    memset(dataset, 0, sizeof *dataset);
    if (failed(hestia_object_get_attrs(&id, &object), "cannot read the dataset", uuid))
        return 1;
    const char *mark = attribute(&object, "is_dataset");
    int is_dataset = mark != NULL && strcmp(mark, "true") == 0;
    size_t size = object.m_size;
    hestia_init_object(&object);
    if (!is_dataset) {
        fprintf(stderr, "%s is no dataset: it lacks the attribute is_dataset=true\n", uuid);
        return 1;
    }
    char *text = needed(calloc(1, size + 1));
    HestiaIoContext io;
    hestia_init_io_ctx(&io);
    io.m_type = HESTIA_IO_BUFFER;
    io.m_buffer = text;
    io.m_length = size;
    int is_wrong = failed(hestia_object_get(&id, &io, NULL), "cannot read the dataset", uuid);
    for (char *line = text, *end; !is_wrong && *line != 0; line = end) {
        end = line + strcspn(line, "\n");
        if (*end != 0)
            *end++ = 0;
        if (strlen(line) > 37 && line[36] == ',') {
            line[36] = 0;
            add_entry(dataset, line, line + 37);
        } else {
            fprintf(stderr, "%s: no entry of a dataset: %s\n", uuid, line);
            is_wrong = 1;
        }
    }
    free(text);
    return is_wrong;
}

/* Stores the entries, in a new object where uuid is "", which is written to it then. */
static inline int write_dataset(char uuid[37], const Dataset *dataset)
{
    size_t size = 1, at = 0;
    for (size_t index = 0; index < dataset->count; index++)
        size += strlen(dataset->entries[index].path) + 38;
    char *text = needed(calloc(1, size));
    for (size_t index = 0; index < dataset->count; index++)
        at += (size_t)sprintf(text + at, "%s,%s\n", dataset->entries[index].uuid, dataset->entries[index].path);
    HestiaIoContext io;
    hestia_init_io_ctx(&io);
    io.m_type = HESTIA_IO_BUFFER;
    io.m_buffer = text;
    io.m_length = size;
    HestiaId id = id_of(uuid[0] == 0 ? NULL : uuid);
    HestiaKeyValuePair pair = {(char *)"is_dataset", (char *)"true"};
    int code = hestia_object_put(&id, uuid[0] == 0 ? HESTIA_CREATE : HESTIA_UPDATE, &io, NULL);
    if (code == 0 && uuid[0] == 0)
        snprintf(uuid, 37, "%.36s", id.m_uuid);
    if (code == 0)
        code = hestia_object_set_attrs(&id, &pair, 1);
    int is_wrong = failed(code, "cannot store the dataset", uuid);
    hestia_free_id(&id);
    free(text);
    return is_wrong;
}

#endif
