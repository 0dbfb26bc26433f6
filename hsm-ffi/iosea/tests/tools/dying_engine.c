/*
 * Linked into the policy engine in the place of two functions of the library: the engine kills itself, as `kill -9` would, at
 * the moment that DIE_AT names. The linker's --wrap leads its calls here.
 */
#include <hestia_iosea.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

int __real_hestia_object_set_attrs(HestiaId *id, const HestiaKeyValuePair pairs[], size_t count);
int __wrap_hestia_object_set_attrs(HestiaId *id, const HestiaKeyValuePair pairs[], size_t count);
int __real_hestia_object_move(HestiaId *id, uint8_t source, uint8_t target);
int __wrap_hestia_object_move(HestiaId *id, uint8_t source, uint8_t target);

static void die_at(const char *moment)
{
    const char *wanted = getenv("DIE_AT");
    if (wanted != NULL && strcmp(wanted, moment) == 0)
        raise(SIGKILL);
}

int __wrap_hestia_object_set_attrs(HestiaId *id, const HestiaKeyValuePair pairs[], size_t count)
{
    die_at("before the clear");
    return __real_hestia_object_set_attrs(id, pairs, count);
}

int __wrap_hestia_object_move(HestiaId *id, uint8_t source, uint8_t target)
{
    die_at("before the move");
    int code = __real_hestia_object_move(id, source, target);
    die_at("after the move");
    return code;
}
