/* Records that were copied, and memory that was freed with free(): what somebody else holds is never freed. */
#include "check.h"

#include <unistd.h>

#define ONE "00000000-0000-0000-0000-000000000001"
#define TWO "00000000-0000-0000-0000-000000000002"
#define ROUNDS 200

static HestiaObject known(const char *text)
{
    HestiaId id = id_of(text);
    HestiaObject object;
    CHECK_OK(hestia_object_get_attrs(&id, &object));
    return object;
}

/* The copy holds the address of what was freed, where another record's text may lie by now. */
static void a_copy_of_an_emptied_record_frees_nothing(void)
{
    for (int round = 0; round < ROUNDS; round++) {
        HestiaObject object = known(ONE), copy = object;
        CHECK_OK(hestia_init_object(&object));
        HestiaObject other = known(TWO);
        CHECK_OK(hestia_init_object(&copy));
        CHECK(copy.m_uuid == NULL && strcmp(other.m_uuid, TWO) == 0);
        CHECK(other.m_num_attrs == 1 && strcmp(other.m_attrs[0].m_key, "key") == 0);
        CHECK_OK(hestia_init_object(&other));
    }
}

/* A record that was copied and is emptied once, by its copy, leaks nothing. */
static void a_copy_may_be_emptied_in_place_of_the_record(void)
{
    HestiaObject object = known(ONE), copy = object;
    CHECK_OK(hestia_init_object(&copy));
    memset(&object, 0, sizeof object);
}

/* The caller frees what a put drew; what it allocates then may lie at the same place, and is its own. */
static void what_the_caller_allocated_where_an_id_lay_is_its_own(void)
{
    for (int round = 0; round < ROUNDS; round++) {
        HestiaId id;
        HestiaIoContext io = memory("x", 1, 0);
        CHECK_OK(hestia_init_id(&id));
        CHECK_OK(hestia_object_put(&id, HESTIA_CREATE, &io, NULL));
        free(id.m_uuid);
        CHECK_OK(hestia_init_id(&id));
        char *own = malloc(37);
        CHECK(own != NULL);
        memcpy(own, ONE, 37);
        id.m_uuid = own;
        CHECK_OK(hestia_free_id(&id));
        CHECK(id.m_uuid == NULL && strcmp(own, ONE) == 0);
        free(own);
    }
}

/* What a put drew is freed by a copy of its record as well, once. */
static void a_copied_id_is_freed_once(void)
{
    HestiaId id;
    HestiaIoContext io = memory("x", 1, 0);
    CHECK_OK(hestia_init_id(&id));
    CHECK_OK(hestia_object_put(&id, HESTIA_CREATE, &io, NULL));
    HestiaId copy = id;
    CHECK_OK(hestia_free_id(&copy));
    CHECK_OK(hestia_free_id(&id));
    CHECK(id.m_uuid == NULL && copy.m_uuid == NULL);
}

int main(int count, char **arguments)
{
    CHECK(count == 2 && chdir(arguments[1]) == 0);
    CHECK_OK(hestia_initialize(NULL, NULL, "{\"event_feed\": {\"active\": false}}"));
    HestiaKeyValuePair pair = {(char *)"key", (char *)"value"};
    for (int index = 0; index < 2; index++) {
        const char *text = index == 0 ? ONE : TWO;
        HestiaId id = id_of(text);
        put_text(text, HESTIA_CREATE, "content", 0);
        CHECK_OK(hestia_object_set_attrs(&id, &pair, 1));
    }
    a_copy_of_an_emptied_record_frees_nothing();
    a_copy_may_be_emptied_in_place_of_the_record();
    what_the_caller_allocated_where_an_id_lay_is_its_own();
    a_copied_id_is_freed_once();
    CHECK_OK(hestia_finish());
    return 0;
}
