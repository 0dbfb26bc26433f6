/* Puts, gets, attributes, moves, releases, removals and lists of objects: each row of what Hestia does differently. */
#include "check.h"

#define ONE "00000000-0000-0000-0000-000000000001"
#define TWO "00000000-0000-0000-0000-000000000002"
#define NONE "00000000-0000-0000-0000-00000000ffff"

static void check_tiers(const char *id_text, const char *wanted)
{
    uint8_t *tiers = NULL;
    size_t count = 0;
    HestiaId id = id_of(id_text);
    CHECK_OK(hestia_object_locate(&id, &tiers, &count));
    CHECK(count == strlen(wanted));
    for (size_t index = 0; index < count; index++)
        CHECK(tiers[index] == wanted[index] - '0');
    CHECK_OK(hestia_free_tier_ids(&tiers));
    CHECK(tiers == NULL);
}

static void puts_are_of_new_objects_or_of_those_that_are_there(void)
{
    HestiaId id = id_of(ONE);
    HestiaIoContext io = memory("abc", 3, 0);
    CHECK_CODE(hestia_object_put(&id, HESTIA_UPDATE, &io, NULL), HESTIA_ERROR_NOT_FOUND);
    CHECK_OK(hestia_object_put(&id, HESTIA_CREATE, &io, NULL));
    CHECK_CODE(hestia_object_put(&id, HESTIA_CREATE, &io, NULL), HESTIA_ERROR_ATTEMPTED_OVERWRITE);
    io = memory("abc", 3, 1);
    CHECK_CODE(hestia_object_put(&id, HESTIA_CREATE, &io, NULL), HESTIA_ERROR_ATTEMPTED_OVERWRITE);
    CHECK_CONTENT(ONE, "abc");
    check_tiers(ONE, "0");
    put_text(ONE, HESTIA_UPDATE, "the whole", 0);
    CHECK_CONTENT(ONE, "the whole");
    put_text(ONE, HESTIA_UPDATE, "x", 0);
    CHECK_CONTENT(ONE, "x");
}

static void offsets_and_lengths_are_honoured(void)
{
    char text[8] = {0};
    HestiaId id = id_of(ONE);
    HestiaTier tier = tier_of(2);
    put_text(ONE, HESTIA_UPDATE, "0123456789", 0);
    put_text(ONE, HESTIA_UPDATE, "abc", 4);
    CHECK_CONTENT(ONE, "0123abc789");
    put_text(ONE, HESTIA_UPDATE, "xyz", 9);
    CHECK_CONTENT(ONE, "0123abc78xyz");
    put_text(ONE, HESTIA_UPDATE, "!", 12);
    CHECK_CONTENT(ONE, "0123abc78xyz!");

    HestiaIoContext io = memory(text, 3, 4);
    CHECK_OK(hestia_object_get(&id, &io, NULL));
    CHECK(io.m_length == 3 && strcmp(text, "abc") == 0);
    io = memory(text, sizeof text, 11);
    CHECK_OK(hestia_object_get(&id, &io, NULL));
    CHECK(io.m_length == 2 && memcmp(text, "z!", 2) == 0);
    io = memory(text, sizeof text, SIZE_MAX);
    CHECK_OK(hestia_object_get(&id, &io, NULL));
    CHECK(io.m_length == 0);
    io = memory(NULL, 0, 0);
    CHECK_OK(hestia_object_get(&id, &io, NULL));

    io = memory("?", 1, 14);
    CHECK_CODE(hestia_object_put(&id, HESTIA_UPDATE, &io, NULL), HESTIA_ERROR_BAD_INPUT_BUFFER);
    io = memory("?", 1, SIZE_MAX);
    CHECK_CODE(hestia_object_put(&id, HESTIA_UPDATE, &io, NULL), HESTIA_ERROR_BAD_INPUT_BUFFER);
    CHECK_CONTENT(ONE, "0123abc78xyz!");

    /* To a tier, from the offset on. */
    io = memory("TIER", 4, 1);
    CHECK_OK(hestia_object_put(&id, HESTIA_UPDATE, &io, &tier));
    CHECK_CONTENT(ONE, "0TIERbc78xyz!");
    check_tiers(ONE, "2");
}

static void an_object_may_be_without_data(void)
{
    HestiaId id = id_of(TWO);
    HestiaIoContext io;
    HestiaObject object;
    CHECK_OK(hestia_init_io_ctx(&io));
    CHECK_OK(hestia_object_put(&id, HESTIA_CREATE, &io, NULL));
    CHECK_CODE(hestia_object_put(&id, HESTIA_CREATE, &io, NULL), HESTIA_ERROR_ATTEMPTED_OVERWRITE);
    CHECK_OK(hestia_object_put(&id, HESTIA_UPDATE, &io, NULL));
    CHECK_OK(hestia_object_get(&id, &io, NULL));
    check_tiers(TWO, "");
    CHECK_OK(hestia_object_get_attrs(&id, &object));
    CHECK(object.m_size == 0 && object.m_num_tier_extents == 0 && object.m_num_attrs == 0 && object.m_valid == 1);
    CHECK(strcmp(object.m_uuid, TWO) == 0 && strcmp(object.m_name, "") == 0);
    CHECK_OK(hestia_init_object(&object));
    io = memory("", 0, 0);
    CHECK_CODE(hestia_object_get(&id, &io, NULL), HESTIA_ERROR_NOT_FOUND);
    /* A part of no bytes is where it is, and is left out of what is known. */
    put_text(TWO, HESTIA_UPDATE, "", 0);
    check_tiers(TWO, "0");
    CHECK_CONTENT(TWO, "");
    CHECK_OK(hestia_object_get_attrs(&id, &object));
    CHECK(object.m_size == 0 && object.m_num_tier_extents == 0 && object.m_tier_extents == NULL);
    CHECK_OK(hestia_init_object(&object));
    put_text(TWO, HESTIA_UPDATE, "now it has", 0);
    CHECK_CONTENT(TWO, "now it has");
    id = id_of(NONE);
    CHECK_OK(hestia_init_io_ctx(&io));
    CHECK_CODE(hestia_object_put(&id, HESTIA_UPDATE, &io, NULL), HESTIA_ERROR_NOT_FOUND);
}

static void attributes_are_merged_and_any_byte_stays(void)
{
    HestiaId id = id_of(ONE);
    HestiaObject object;
    HestiaKeyValuePair first[2] = {{"b key", " spaced\n\ttext, \"quoted\" = : \xff"}, {"hint", "0,1"}};
    HestiaKeyValuePair second[2] = {{"hint", ""}, {"a", "1"}};
    CHECK_OK(hestia_object_set_attrs(&id, first, 2));
    CHECK_OK(hestia_object_set_attrs(&id, second, 2));
    CHECK_OK(hestia_object_set_attrs(&id, NULL, 0));
    CHECK_OK(hestia_object_get_attrs(&id, &object));
    CHECK(object.m_num_attrs == 3);
    CHECK(strcmp(object.m_attrs[0].m_key, "a") == 0 && strcmp(object.m_attrs[0].m_value, "1") == 0);
    CHECK(strcmp(object.m_attrs[1].m_value, first[0].m_value) == 0);
    CHECK(strcmp(object.m_attrs[2].m_key, "hint") == 0 && strcmp(object.m_attrs[2].m_value, "") == 0);
    CHECK(object.m_size == 13 && object.m_num_tier_extents == 1);
    CHECK(object.m_tier_extents[0].m_tier_index == 2 && object.m_tier_extents[0].m_size == 13);
    /* Microseconds: later than 2020, and before 2200. */
    CHECK(object.m_creation_time > 1577836800000000 && object.m_creation_time < 7258118400000000);
    CHECK(object.m_mtime >= object.m_creation_time && object.m_ctime == object.m_mtime);
    CHECK(object.m_atime >= object.m_creation_time);
    CHECK_OK(hestia_init_object(&object));
    CHECK(object.m_attrs == NULL && object.m_uuid == NULL && object.m_valid == 0);
    CHECK_OK(hestia_init_object(&object));
    id = id_of(NONE);
    CHECK_CODE(hestia_object_get_attrs(&id, &object), HESTIA_ERROR_NOT_FOUND);
    CHECK_CODE(hestia_object_set_attrs(&id, second, 2), HESTIA_ERROR_NOT_FOUND);
    CHECK_CODE(hestia_object_set_attrs(&id, NULL, 0), HESTIA_ERROR_NOT_FOUND);
}

static void copies_go_and_come_and_the_last_stays(void)
{
    HestiaId id = id_of(TWO), none = id_of(NONE);
    CHECK_OK(hestia_object_copy(&id, 0, 1));
    check_tiers(TWO, "01");
    CHECK_OK(hestia_object_move(&id, 1, 4));
    check_tiers(TWO, "04");
    CHECK_OK(hestia_object_release(&id, 0, 1));
    check_tiers(TWO, "4");
    CHECK_CODE(hestia_object_release(&id, 4, 1), HESTIA_ERROR_UNKNOWN);
    CHECK_CONTENT(TWO, "now it has");
    CHECK_CODE(hestia_object_move(&id, 4, 4), HESTIA_ERROR_UNKNOWN);
    CHECK_CODE(hestia_object_copy(&id, 4, 4), HESTIA_ERROR_UNKNOWN);
    CHECK_CONTENT(TWO, "now it has");
    /* Moved already, and moved from a tier where it never was: it is where it was to be. */
    CHECK_OK(hestia_object_move(&id, 1, 4));
    check_tiers(TWO, "4");
    CHECK_CODE(hestia_object_copy(&id, 0, 1), HESTIA_ERROR_NOT_FOUND);
    CHECK_CODE(hestia_object_copy(&id, 4, 200), HESTIA_ERROR_NOT_FOUND);
    CHECK_CODE(hestia_object_copy(&none, 0, 1), HESTIA_ERROR_NOT_FOUND);
    CHECK_CODE(hestia_object_move(&none, 0, 1), HESTIA_ERROR_NOT_FOUND);
    CHECK_CODE(hestia_object_release(&none, 0, 0), HESTIA_ERROR_NOT_FOUND);
    CHECK_CODE(hestia_object_remove(&none), HESTIA_ERROR_NOT_FOUND);
    /* Without the flag the last one goes. */
    CHECK_OK(hestia_object_release(&id, 4, 0));
    check_tiers(TWO, "");
    CHECK_OK(hestia_object_release(&id, 4, 0));
    CHECK_CODE(hestia_object_release(&id, 200, 0), HESTIA_ERROR_NOT_FOUND);
    HestiaIoContext io = memory("x", 1, 2);
    CHECK_CODE(hestia_object_get(&id, &io, NULL), HESTIA_ERROR_NOT_FOUND);
    CHECK_CODE(hestia_object_put(&id, HESTIA_UPDATE, &io, NULL), HESTIA_ERROR_NOT_FOUND);
}

static void lists_have_what_is_there(void)
{
    uint8_t *tiers = NULL;
    HestiaId *ids = NULL;
    size_t count = 0;
    CHECK_OK(hestia_list_tiers(&tiers, &count));
    CHECK(count == 5);
    for (size_t index = 0; index < count; index++)
        CHECK(tiers[index] == index);
    CHECK_OK(hestia_free_tier_ids(&tiers));

    CHECK_OK(hestia_object_list(2, &ids, &count));
    CHECK(count == 1 && strcmp(ids[0].m_uuid, ONE) == 0 && ids[0].m_hi == 0 && ids[0].m_lo == 1);
    CHECK(ids[0].m_user_initialized == 2);
    /* One of a list serves as an id, and is freed with the list. */
    HestiaIoContext io;
    CHECK_OK(hestia_init_io_ctx(&io));
    CHECK_OK(hestia_object_put(&ids[0], HESTIA_UPDATE, &io, NULL));
    CHECK_OK(hestia_free_id(&ids[0]));
    CHECK_OK(hestia_free_ids(&ids, count));
    CHECK(ids == NULL);
    /* Released objects are in no list. */
    CHECK_OK(hestia_object_list(4, &ids, &count));
    CHECK(count == 0 && ids == NULL);
    CHECK_CODE(hestia_object_list(77, &ids, &count), HESTIA_ERROR_NOT_FOUND);
}

static void a_removal_takes_all_tiers(void)
{
    HestiaId id = id_of(ONE);
    HestiaObject object;
    HestiaId *ids = NULL;
    size_t count = 1;
    CHECK_OK(hestia_object_copy(&id, 2, 3));
    CHECK_OK(hestia_object_remove(&id));
    CHECK_CODE(hestia_object_get_attrs(&id, &object), HESTIA_ERROR_NOT_FOUND);
    CHECK_CODE(hestia_object_remove(&id), HESTIA_ERROR_NOT_FOUND);
    for (uint8_t tier = 2; tier < 4; tier++) {
        CHECK_OK(hestia_object_list(tier, &ids, &count));
        CHECK(count == 0);
    }
    put_text(ONE, HESTIA_CREATE, "a new life", 0);
    CHECK_OK(hestia_object_get_attrs(&id, &object));
    CHECK(object.m_num_attrs == 0);
    CHECK_OK(hestia_init_object(&object));
    CHECK_CONTENT(ONE, "a new life");
}

static void ids_are_drawn_and_numbers_and_text_are_one(void)
{
    HestiaId drawn, number, stranger;
    HestiaIoContext io = memory("drawn", 5, 0);
    memset(&drawn, 0xa5, sizeof drawn);
    CHECK_OK(hestia_object_put(&drawn, HESTIA_CREATE, &io, NULL));
    CHECK(drawn.m_uuid != NULL && strlen(drawn.m_uuid) == 36);
    CHECK_CONTENT(drawn.m_uuid, "drawn");
    CHECK_OK(hestia_init_id(&number));
    number.m_hi = drawn.m_hi;
    number.m_lo = drawn.m_lo;
    CHECK_CODE(hestia_object_put(&number, HESTIA_CREATE, &io, NULL), HESTIA_ERROR_ATTEMPTED_OVERWRITE);
    CHECK_OK(hestia_object_remove(&number));
    CHECK_CODE(hestia_object_remove(&drawn), HESTIA_ERROR_NOT_FOUND);
    CHECK_OK(hestia_free_id(&drawn));
    CHECK(drawn.m_uuid == NULL);
    /* One whose text is freed by hand, and one that was initialised and left empty. */
    CHECK_OK(hestia_init_id(&stranger));
    CHECK_OK(hestia_object_put(&stranger, HESTIA_CREATE, &io, NULL));
    free(stranger.m_uuid);
    stranger.m_uuid = NULL;
    CHECK_OK(hestia_object_remove(&stranger));
    /* A failed put draws none. */
    memset(&drawn, 0, sizeof drawn);
    io = memory("x", 1, 7);
    CHECK_CODE(hestia_object_put(&drawn, HESTIA_CREATE, &io, NULL), HESTIA_ERROR_BAD_INPUT_BUFFER);
    CHECK(drawn.m_uuid == NULL);
}

int main(void)
{
    CHECK_OK(hestia_initialize(NULL, NULL, NULL));
    puts_are_of_new_objects_or_of_those_that_are_there();
    offsets_and_lengths_are_honoured();
    an_object_may_be_without_data();
    attributes_are_merged_and_any_byte_stays();
    copies_go_and_come_and_the_last_stays();
    lists_have_what_is_there();
    a_removal_takes_all_tiers();
    ids_are_drawn_and_numbers_and_text_are_one();
    CHECK_OK(hestia_finish());
    return 0;
}
