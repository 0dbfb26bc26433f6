/* What every test in C uses: checks that say where and why. */
#ifndef CHECK_H
#define CHECK_H

#include <hestia_iosea.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the test with a message unless the condition holds. */
#define CHECK(condition)                                                                \
    do {                                                                                \
        if (!(condition)) {                                                             \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);     \
            exit(1);                                                                    \
        }                                                                               \
    } while (0)

/* Ends the test unless the call answered `wanted`. */
#define CHECK_CODE(call, wanted) check_code((call), (wanted), #call, __FILE__, __LINE__)

#define CHECK_OK(call) CHECK_CODE(call, HESTIA_ERROR_OK)

static inline void check_code(int code, int wanted, const char *call, const char *file, int line)
{
    char words[512];
    if (code == wanted)
        return;
    hestia_get_last_error(words, sizeof words);
    fprintf(stderr, "%s:%d: %s answered %d, not %d: %s\n", file, line, call, code, wanted, words);
    exit(1);
}

/* An id by its text, which is a literal. */
static inline HestiaId id_of(const char *text)
{
    HestiaId id;
    CHECK_OK(hestia_init_id(&id));
    id.m_uuid = (char *)text;
    return id;
}

static inline HestiaTier tier_of(uint8_t index)
{
    HestiaTier tier;
    CHECK_OK(hestia_init_tier(&tier));
    tier.m_index = index;
    return tier;
}

/* Memory as data, from an offset of the object on. The other fields are as uninitialised as callers leave them. */
static inline HestiaIoContext memory(void *buffer, size_t length, size_t offset)
{
    HestiaIoContext io;
    memset(&io, 0xa5, sizeof io);
    io.m_type = HESTIA_IO_BUFFER;
    io.m_buffer = buffer;
    io.m_length = length;
    io.m_offset = offset;
    return io;
}

static inline void put_text(const char *id_text, hestia_create_mode_t mode, const char *text, size_t offset)
{
    HestiaId id = id_of(id_text);
    HestiaIoContext io = memory((char *)text, strlen(text), offset);
    CHECK_OK(hestia_object_put(&id, mode, &io, NULL));
}

/* Ends the test unless the object has exactly this content. */
#define CHECK_CONTENT(id_text, wanted) check_content((id_text), (wanted), __FILE__, __LINE__)

static inline void check_content(const char *id_text, const char *wanted, const char *file, int line)
{
    char text[256] = {0};
    HestiaId id = id_of(id_text);
    HestiaIoContext io = memory(text, sizeof text - 1, 0);
    check_code(hestia_object_get(&id, &io, NULL), HESTIA_ERROR_OK, "hestia_object_get()", file, line);
    if (io.m_length != strlen(wanted) || strcmp(text, wanted) != 0) {
        fprintf(stderr, "%s:%d: %zu bytes \"%s\", not \"%s\"\n", file, line, io.m_length, text, wanted);
        exit(1);
    }
}

#endif
