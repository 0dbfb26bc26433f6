/* Records that nobody initialised, pointers to nowhere, and wrong numbers: an error, and never a crash. */
#include "check.h"

#define ONE "00000000-0000-0000-0000-000000000001"

/* Addresses that lead nowhere. */
static char *const WILD[] = {(char *)1, (char *)4095, (char *)0xdeadbeef, (char *)UINTPTR_MAX};
enum { WILD_COUNT = sizeof WILD / sizeof WILD[0] };

static void nothing_works_before_the_client_begins(void)
{
    HestiaId id = id_of(ONE), *ids = NULL;
    HestiaIoContext io = memory("x", 1, 0);
    HestiaObject object;
    HestiaKeyValuePair pair = {"a", "b"};
    uint8_t *tiers = NULL;
    size_t count = 7;
    CHECK_CODE(hestia_object_put(&id, HESTIA_CREATE, &io, NULL), HESTIA_ERROR_CLIENT_STATE);
    CHECK_CODE(hestia_object_get(&id, &io, NULL), HESTIA_ERROR_CLIENT_STATE);
    CHECK_CODE(hestia_object_get_attrs(&id, &object), HESTIA_ERROR_CLIENT_STATE);
    CHECK_CODE(hestia_object_set_attrs(&id, &pair, 1), HESTIA_ERROR_CLIENT_STATE);
    CHECK_CODE(hestia_object_copy(&id, 0, 1), HESTIA_ERROR_CLIENT_STATE);
    CHECK_CODE(hestia_object_move(&id, 0, 1), HESTIA_ERROR_CLIENT_STATE);
    CHECK_CODE(hestia_object_release(&id, 0, 1), HESTIA_ERROR_CLIENT_STATE);
    CHECK_CODE(hestia_object_remove(&id), HESTIA_ERROR_CLIENT_STATE);
    CHECK_CODE(hestia_object_locate(&id, &tiers, &count), HESTIA_ERROR_CLIENT_STATE);
    CHECK_CODE(hestia_object_list(0, &ids, &count), HESTIA_ERROR_CLIENT_STATE);
    CHECK_CODE(hestia_list_tiers(&tiers, &count), HESTIA_ERROR_CLIENT_STATE);
    char *output = NULL;
    int length = 0, exists = 7;
    CHECK_CODE(hestia_create(HESTIA_OBJECT, HESTIA_IO_IDS, HESTIA_ID, ONE, 36, HESTIA_IO_IDS, &output, &length),
               HESTIA_ERROR_CLIENT_STATE);
    CHECK_CODE(hestia_update(HESTIA_OBJECT, HESTIA_IO_IDS, HESTIA_ID, ONE, 36, HESTIA_IO_IDS, &output, &length),
               HESTIA_ERROR_CLIENT_STATE);
    CHECK_CODE(hestia_read(HESTIA_OBJECT, HESTIA_QUERY_IDS, HESTIA_ID, 0, 0, ONE, 36, HESTIA_IO_IDS, &output, &length, NULL),
               HESTIA_ERROR_CLIENT_STATE);
    CHECK_CODE(hestia_remove(HESTIA_OBJECT, HESTIA_ID, ONE, 36), HESTIA_ERROR_CLIENT_STATE);
    CHECK_CODE(hestia_identify(HESTIA_OBJECT, HESTIA_ID, ONE, 36, NULL, &length, &exists), HESTIA_ERROR_CLIENT_STATE);
    CHECK_CODE(hestia_data_put(ONE, "x", 1, 0, 0, &output, &length), HESTIA_ERROR_CLIENT_STATE);
    CHECK_CODE(hestia_data_put_path(ONE, "x", 0, 0, 0, &output, &length), HESTIA_ERROR_CLIENT_STATE);
    CHECK_CODE(hestia_data_put_descriptor(ONE, 0, 0, 0, 0, &output, &length), HESTIA_ERROR_CLIENT_STATE);
    CHECK_CODE(hestia_data_get(ONE, NULL, &count, 0, 0, &output, &length), HESTIA_ERROR_CLIENT_STATE);
    CHECK_CODE(hestia_data_get_path(ONE, "x", 0, 0, 0, &output, &length), HESTIA_ERROR_CLIENT_STATE);
    CHECK_CODE(hestia_data_get_descriptor(ONE, 1, 0, 0, 0, &output, &length), HESTIA_ERROR_CLIENT_STATE);
    CHECK_CODE(hestia_data_copy(HESTIA_OBJECT, ONE, 0, 1, &output, &length), HESTIA_ERROR_CLIENT_STATE);
    CHECK_CODE(hestia_data_move(HESTIA_OBJECT, ONE, 0, 1, &output, &length), HESTIA_ERROR_CLIENT_STATE);
    CHECK_CODE(hestia_data_release(HESTIA_OBJECT, ONE, 0, &output, &length), HESTIA_ERROR_CLIENT_STATE);
    CHECK_CODE(hestia_stop_server(), HESTIA_ERROR_CLIENT_STATE);
    CHECK_CODE(hestia_output_info(), HESTIA_ERROR_CLIENT_STATE);
    CHECK_CODE(hestia_finish(), HESTIA_ERROR_CLIENT_STATE);
    CHECK(tiers == NULL && ids == NULL && output == NULL && count == 7);
}

static void whatever_lies_in_a_record_is_left_alone(int filled_with)
{
    HestiaId id, generated;
    HestiaTier tier;
    HestiaObject object;
    uint8_t *tiers;
    HestiaId *ids;
    char text[4] = "abc";
    HestiaIoContext io = memory(text, 3, 0);
    memset(&id, filled_with, sizeof id);
    memset(&generated, filled_with, sizeof generated);
    memset(&tier, filled_with, sizeof tier);
    memset(&object, filled_with, sizeof object);
    memset(&tiers, filled_with, sizeof tiers);
    memset(&ids, filled_with, sizeof ids);

    CHECK_CODE(hestia_object_get(&id, &io, &tier), HESTIA_ERROR_BAD_INPUT_ID);
    CHECK_CODE(hestia_object_put(&id, HESTIA_UPDATE, &io, &tier), HESTIA_ERROR_BAD_INPUT_ID);
    CHECK_CODE(hestia_object_get_attrs(&id, &object), HESTIA_ERROR_BAD_INPUT_ID);
    CHECK_CODE(hestia_object_remove(&id), HESTIA_ERROR_BAD_INPUT_ID);
    CHECK_OK(hestia_free_id(&id));
    CHECK_OK(hestia_init_object(&object));
    CHECK_OK(hestia_free_tier_ids(&tiers));
    CHECK_OK(hestia_free_ids(&ids, 1000));

    memset(&object, filled_with, sizeof object);
    CHECK_OK(hestia_object_put(&generated, HESTIA_CREATE, &io, &tier));
    CHECK_OK(hestia_object_get(&generated, &io, &tier));
    CHECK_OK(hestia_object_get_attrs(&generated, &object));
    CHECK(object.m_size == 3 && strcmp(object.m_uuid, generated.m_uuid) == 0);
    CHECK_OK(hestia_init_object(&object));
    CHECK_OK(hestia_object_remove(&generated));
    CHECK_OK(hestia_free_id(&generated));
    CHECK_OK(hestia_free_id(&generated));
}

static void addresses_that_lead_nowhere_are_errors(void)
{
    HestiaObject object;
    char text[4] = "abc";
    for (size_t index = 0; index < WILD_COUNT; index++) {
        HestiaId id = id_of(ONE);
        id.m_uuid = WILD[index];
        HestiaIoContext io = memory(text, 3, 0);
        CHECK_CODE(hestia_object_put(&id, HESTIA_CREATE, &io, NULL), HESTIA_ERROR_BAD_INPUT_ID);
        CHECK_CODE(hestia_object_get_attrs(&id, &object), HESTIA_ERROR_BAD_INPUT_ID);
        CHECK_OK(hestia_free_id(&id));
        id = id_of(ONE);
        io.m_type = HESTIA_IO_PATH;
        io.m_path = WILD[index];
        CHECK_CODE(hestia_object_put(&id, HESTIA_CREATE, &io, NULL), HESTIA_ERROR_BAD_INPUT_BUFFER);
        HestiaKeyValuePair pairs[2] = {{"a", WILD[index]}, {WILD[index], "b"}};
        CHECK_CODE(hestia_object_set_attrs(&id, pairs, 1), HESTIA_ERROR_BAD_INPUT_BUFFER);
        CHECK_CODE(hestia_object_set_attrs(&id, pairs + 1, 1), HESTIA_ERROR_BAD_INPUT_BUFFER);
        object.m_uuid = WILD[index];
        CHECK_OK(hestia_init_object(&object));
    }
}

static void what_is_missing_is_an_error(void)
{
    HestiaId id = id_of(ONE), *ids = NULL;
    HestiaIoContext io = memory(NULL, 1, 0);
    HestiaKeyValuePair none[2] = {{NULL, "a"}, {"a", NULL}};
    HestiaObject object;
    uint8_t *tiers = NULL;
    size_t count = 0;
    CHECK_CODE(hestia_init_id(NULL), HESTIA_ERROR_BAD_INPUT_ID);
    CHECK_CODE(hestia_free_id(NULL), HESTIA_ERROR_BAD_INPUT_ID);
    CHECK_CODE(hestia_init_io_ctx(NULL), HESTIA_ERROR_BAD_INPUT_BUFFER);
    CHECK_CODE(hestia_init_object(NULL), HESTIA_ERROR_BAD_INPUT_BUFFER);
    CHECK_CODE(hestia_init_tier(NULL), HESTIA_ERROR_BAD_INPUT_BUFFER);
    CHECK_CODE(hestia_free_tier_ids(NULL), HESTIA_ERROR_BAD_INPUT_BUFFER);
    CHECK_CODE(hestia_free_ids(NULL, 0), HESTIA_ERROR_BAD_INPUT_BUFFER);
    CHECK_CODE(hestia_object_put(NULL, HESTIA_CREATE, &io, NULL), HESTIA_ERROR_BAD_INPUT_ID);
    CHECK_CODE(hestia_object_put(&id, HESTIA_CREATE, NULL, NULL), HESTIA_ERROR_BAD_INPUT_BUFFER);
    CHECK_CODE(hestia_object_put(&id, HESTIA_CREATE, &io, NULL), HESTIA_ERROR_BAD_INPUT_BUFFER);
    CHECK_CODE(hestia_object_get(NULL, &io, NULL), HESTIA_ERROR_BAD_INPUT_ID);
    CHECK_CODE(hestia_object_get(&id, NULL, NULL), HESTIA_ERROR_BAD_INPUT_BUFFER);
    CHECK_CODE(hestia_object_get_attrs(NULL, &object), HESTIA_ERROR_BAD_INPUT_ID);
    CHECK_CODE(hestia_object_get_attrs(&id, NULL), HESTIA_ERROR_BAD_INPUT_BUFFER);
    CHECK_CODE(hestia_object_set_attrs(&id, NULL, 1), HESTIA_ERROR_BAD_INPUT_BUFFER);
    CHECK_CODE(hestia_object_set_attrs(&id, none, 1), HESTIA_ERROR_BAD_INPUT_BUFFER);
    CHECK_CODE(hestia_object_set_attrs(&id, none + 1, 1), HESTIA_ERROR_BAD_INPUT_BUFFER);
    CHECK_CODE(hestia_object_copy(NULL, 0, 1), HESTIA_ERROR_BAD_INPUT_ID);
    CHECK_CODE(hestia_object_move(NULL, 0, 1), HESTIA_ERROR_BAD_INPUT_ID);
    CHECK_CODE(hestia_object_release(NULL, 0, 1), HESTIA_ERROR_BAD_INPUT_ID);
    CHECK_CODE(hestia_object_remove(NULL), HESTIA_ERROR_BAD_INPUT_ID);
    CHECK_CODE(hestia_object_locate(NULL, &tiers, &count), HESTIA_ERROR_BAD_INPUT_ID);
    CHECK_CODE(hestia_object_list(0, NULL, &count), HESTIA_ERROR_BAD_INPUT_BUFFER);
    CHECK_CODE(hestia_object_list(0, &ids, NULL), HESTIA_ERROR_BAD_INPUT_BUFFER);
    CHECK_CODE(hestia_list_tiers(NULL, &count), HESTIA_ERROR_BAD_INPUT_BUFFER);
    CHECK_CODE(hestia_list_tiers(&tiers, NULL), HESTIA_ERROR_BAD_INPUT_BUFFER);
    CHECK(ids == NULL && tiers == NULL);
}

static void numbers_outside_of_their_limits_are_errors(void)
{
    static const char *const texts[] = {"1234", "zz", "00000000-0000-0000-0000-00000000000", "00000000_0000-0000-0000-000000000001",
                                        "00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-0000000000012"};
    HestiaIoContext io = memory("x", 1, 0);
    HestiaId id;
    HestiaTier tier = tier_of(99);
    for (size_t index = 0; index < sizeof texts / sizeof texts[0]; index++) {
        id = id_of(texts[index]);
        CHECK_CODE(hestia_object_put(&id, HESTIA_CREATE, &io, NULL), HESTIA_ERROR_BAD_INPUT_ID);
    }
    id = id_of(ONE);
    CHECK_CODE(hestia_object_put(&id, (hestia_create_mode_t)2, &io, NULL), HESTIA_ERROR_BAD_INPUT_BUFFER);
    CHECK_CODE(hestia_object_put(&id, HESTIA_CREATE, &io, &tier), HESTIA_ERROR_NOT_FOUND);
    io.m_type = (hestia_io_type_t)4;
    CHECK_CODE(hestia_object_put(&id, HESTIA_CREATE, &io, NULL), HESTIA_ERROR_BAD_INPUT_BUFFER);
    io.m_type = HESTIA_IO_DESCRIPTOR;
    io.m_fd = -1;
    CHECK_CODE(hestia_object_put(&id, HESTIA_CREATE, &io, NULL), HESTIA_ERROR_BAD_INPUT_BUFFER);
    CHECK_CODE(hestia_object_remove(&id), HESTIA_ERROR_NOT_FOUND);
}

static void words_are_cut_to_fit_and_end_with_a_nul(void)
{
    char words[64];
    memset(words, 'x', sizeof words);
    CHECK_CODE(hestia_object_remove(NULL), HESTIA_ERROR_BAD_INPUT_ID);
    CHECK_OK(hestia_get_last_error(words, 7));
    CHECK(strcmp(words, "the id") == 0 && words[7] == 'x');
    CHECK_OK(hestia_get_last_error(words, 1));
    CHECK(words[0] == 0);
    CHECK(hestia_get_last_error(words, 0) == HESTIA_ERROR_BAD_INPUT_BUFFER);
    CHECK(hestia_get_last_error(NULL, 5) == HESTIA_ERROR_BAD_INPUT_BUFFER);
}

int main(void)
{
    char words[8] = "xxx";
    CHECK_OK(hestia_get_last_error(words, sizeof words));
    CHECK(words[0] == 0);
    nothing_works_before_the_client_begins();
    CHECK_OK(hestia_initialize(NULL, NULL, NULL));
    CHECK_CODE(hestia_initialize(NULL, NULL, NULL), HESTIA_ERROR_CLIENT_STATE);
    for (int filled_with = 0; filled_with < 256; filled_with += 51)
        whatever_lies_in_a_record_is_left_alone(filled_with);
    whatever_lies_in_a_record_is_left_alone(0xa5);
    addresses_that_lead_nowhere_are_errors();
    what_is_missing_is_an_error();
    numbers_outside_of_their_limits_are_errors();
    words_are_cut_to_fit_and_end_with_a_nul();
    CHECK_OK(hestia_finish());
    nothing_works_before_the_client_begins();
    return 0;
}
