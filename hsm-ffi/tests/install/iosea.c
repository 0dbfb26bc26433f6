/* A program of IO-SEA, relinked: it keeps an object in the cache directory that is its argument. */
#include <hestia_iosea.h>
#include <stdio.h>
#include <string.h>

static int failed(const char *what)
{
    char words[256];
    hestia_get_last_error(words, sizeof words);
    fprintf(stderr, "%s: %s\n", what, words);
    return 1;
}

int main(int count, char **arguments)
{
    char config[4096], text[] = "kept", back[sizeof text];
    HestiaId id;
    HestiaIoContext io;
    HestiaTier tier;

    if (count != 2)
        return 2;
    memset(&id, 0, sizeof id);
    memset(&tier, 0, sizeof tier);
    snprintf(config, sizeof config, "{\"cache_path\": \"%s\"}", arguments[1]);
    if (hestia_initialize(NULL, NULL, config) != 0)
        return failed("initialize");
    hestia_init_io_ctx(&io);
    io.m_type = HESTIA_IO_BUFFER;
    io.m_buffer = text;
    io.m_length = sizeof text;
    if (hestia_object_put(&id, HESTIA_CREATE, &io, &tier) != 0)
        return failed("put");
    io.m_buffer = back;
    if (hestia_object_get(&id, &io, &tier) != 0)
        return failed("get");
    hestia_free_id(&id);
    if (hestia_finish() != 0)
        return failed("finish");
    return io.m_length == sizeof text && strcmp(text, back) == 0 ? 0 : 1;
}
