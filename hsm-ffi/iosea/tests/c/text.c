/* Items as text: made, read, changed and removed, of every kind, in every format; and data with its actions. */
#include "check.h"

#include <fcntl.h>
#include <unistd.h>

#define ONE "00000000-0000-0000-0000-000000000001"
#define TWO "00000000-0000-0000-0000-000000000002"
#define SET "00000000-0000-0000-0000-00000000000d"

static char answer[1 << 16];
static int total;

/* Keeps what was answered, and frees it. */
static void keep(char *output, int length)
{
    CHECK(length >= 0 && (size_t)length < sizeof answer);
    memcpy(answer, output == NULL ? "" : output, (size_t)length);
    answer[length] = 0;
    CHECK(output == NULL || strlen(output) == (size_t)length);
    if (output != NULL)
        CHECK_OK(hestia_free_output(&output));
    CHECK(output == NULL);
}

static int create(hestia_item_t item, int format, int ids, const char *input, int output_format)
{
    char *output = NULL;
    int length = 0;
    int code = hestia_create(item, (hestia_io_format_t)format, (hestia_id_format_t)ids, input, (int)strlen(input),
                             (hestia_io_format_t)output_format, &output, &length);
    keep(output, length);
    return code;
}

static int update(hestia_item_t item, int format, int ids, const char *input, int output_format)
{
    char *output = NULL;
    int length = 0;
    int code = hestia_update(item, (hestia_io_format_t)format, (hestia_id_format_t)ids, input, (int)strlen(input),
                             (hestia_io_format_t)output_format, &output, &length);
    keep(output, length);
    return code;
}

static int get_page(hestia_item_t item, int query, int ids, int offset, int count, const char *input, int output_format)
{
    char *output = NULL;
    int length = 0;
    total = -1;
    int code = hestia_read(item, (hestia_query_format_t)query, (hestia_id_format_t)ids, offset, count, input,
                           (int)strlen(input), (hestia_io_format_t)output_format, &output, &length, &total);
    keep(output, length);
    return code;
}

static int get(hestia_item_t item, int ids, const char *input, int output_format)
{
    return get_page(item, HESTIA_QUERY_IDS, ids, 0, 0, input, output_format);
}

static int take(hestia_item_t item, int ids, const char *input)
{
    return hestia_remove(item, (hestia_id_format_t)ids, input, (int)strlen(input));
}

static int is_there(hestia_item_t item, int ids, const char *input)
{
    int exists = -1, length = -1;
    CHECK_OK(hestia_identify(item, (hestia_id_format_t)ids, input, (int)strlen(input), NULL, &length, &exists));
    CHECK(length == 0);
    return exists;
}

#define SAYS(text) CHECK(strstr(answer, text) != NULL)
#define IS(text) CHECK(strcmp(answer, text) == 0)

static void objects(void)
{
    CHECK_OK(create(HESTIA_OBJECT, HESTIA_IO_IDS, HESTIA_ID, ONE, HESTIA_IO_IDS));
    IS(ONE);
    CHECK_CODE(create(HESTIA_OBJECT, HESTIA_IO_IDS, HESTIA_ID, ONE, HESTIA_IO_IDS), HESTIA_ERROR_ATTEMPTED_OVERWRITE);
    CHECK_OK(create(HESTIA_OBJECT, HESTIA_IO_JSON, HESTIA_ID_NONE,
                    "{\"id\": \"" TWO "\", \"name\": \"second\", \"user_metadata\": {\"data\": {\"a.b\": \"c\"}}}", HESTIA_IO_JSON));
    CHECK(answer[0] == '[');
    SAYS("\"id\":\"" TWO "\"");
    SAYS("\"a.b\":\"c\"");
    SAYS("\"read_lock\":{\"active\":false");
    CHECK_OK(create(HESTIA_OBJECT, HESTIA_IO_NONE, HESTIA_ID_NONE, "", HESTIA_IO_IDS));
    CHECK(strlen(answer) == 36);
    char drawn[37];
    memcpy(drawn, answer, sizeof drawn);

    CHECK_OK(update(HESTIA_OBJECT, HESTIA_IO_KEY_VALUE, HESTIA_ID, ONE "\n\nuser_metadata.data.colour=deep red\n",
                    HESTIA_IO_KEY_VALUE));
    SAYS("\nuser_metadata.data.colour=deep red\n");
    CHECK_CODE(update(HESTIA_OBJECT, HESTIA_IO_KEY_VALUE, HESTIA_ID, ONE "\n\ncolour=red\n", 0), HESTIA_ERROR_BAD_INPUT_BUFFER);
    CHECK_OK(get(HESTIA_OBJECT, HESTIA_NAME, "second", HESTIA_IO_IDS));
    IS(TWO);
    CHECK_OK(get_page(HESTIA_OBJECT, HESTIA_QUERY_FILTER, 0, 0, 0, "user_metadata.data.colour=deep red", HESTIA_IO_IDS));
    IS(ONE);
    CHECK(total == 1);
    CHECK_OK(get_page(HESTIA_OBJECT, HESTIA_QUERY_FILTER, 0, 0, 0, "size=0\ntype=object", HESTIA_IO_IDS));
    CHECK(total == 3);
    CHECK_OK(get_page(HESTIA_OBJECT, HESTIA_QUERY_NONE, 0, 1, 1, "", HESTIA_IO_IDS));
    IS(TWO);
    CHECK(total == 3);
    CHECK_CODE(get_page(HESTIA_OBJECT, HESTIA_QUERY_NONE, 0, -1, 1, "", HESTIA_IO_IDS), HESTIA_ERROR_BAD_INPUT_BUFFER);
    CHECK_OK(get(HESTIA_OBJECT, HESTIA_ID, ONE "\n" TWO, HESTIA_IO_IDS | HESTIA_IO_KEY_VALUE | HESTIA_IO_NO_CHILD));
    CHECK(strncmp(answer, ONE "\n" TWO "\n\n", 75) == 0);
    CHECK(strstr(answer, "colour") == NULL);

    CHECK(is_there(HESTIA_OBJECT, HESTIA_ID, drawn) == 1);
    CHECK_OK(take(HESTIA_OBJECT, HESTIA_ID, drawn));
    CHECK(is_there(HESTIA_OBJECT, HESTIA_ID, drawn) == 0);
    CHECK_CODE(take(HESTIA_OBJECT, HESTIA_ID, drawn), HESTIA_ERROR_NOT_FOUND);
    CHECK_CODE(update(HESTIA_OBJECT, HESTIA_IO_IDS, HESTIA_ID, drawn, 0), HESTIA_ERROR_NOT_FOUND);
    /* What is missing is no error to a read. */
    CHECK_OK(get(HESTIA_OBJECT, HESTIA_ID, drawn, HESTIA_IO_JSON));
    IS("[]");
    CHECK_OK(get(HESTIA_OBJECT, HESTIA_ID, drawn, HESTIA_IO_KEY_VALUE));
    IS("");
    CHECK(total == 0);
}

static void metadata(void)
{
    CHECK_OK(create(HESTIA_USER_METADATA, HESTIA_IO_KEY_VALUE, HESTIA_PARENT_ID, ONE "\n\ndata.k=v=1\n", HESTIA_IO_JSON));
    SAYS("\"k\":\"v=1\"");
    CHECK_OK(get(HESTIA_USER_METADATA, HESTIA_PARENT_ID, ONE, HESTIA_IO_KEY_VALUE));
    SAYS("data.colour=deep red\ndata.k=v=1\n");
    CHECK_OK(update(HESTIA_USER_METADATA, HESTIA_IO_KEY_VALUE, HESTIA_PARENT_NAME, "second\n\ndata.hint=\n", HESTIA_IO_IDS));
    IS(TWO);
    CHECK_OK(get_page(HESTIA_USER_METADATA, HESTIA_QUERY_FILTER, 0, 0, 0, "data.k=v=1", HESTIA_IO_IDS));
    IS(ONE);
    CHECK_CODE(update(HESTIA_USER_METADATA, HESTIA_IO_KEY_VALUE, HESTIA_ID, ONE "\n\nk=v\n", 0), HESTIA_ERROR_BAD_INPUT_BUFFER);
    CHECK_OK(take(HESTIA_USER_METADATA, HESTIA_ID, TWO));
    CHECK_OK(get(HESTIA_USER_METADATA, HESTIA_ID, TWO, HESTIA_IO_JSON));
    SAYS("\"data\":{}");
}

static void datasets(void)
{
    CHECK_OK(create(HESTIA_DATASET, HESTIA_IO_JSON, 0, "{\"id\": \"" SET "\", \"name\": \"my, set\", \"data\": {\"x\": \"y\"}}", HESTIA_IO_JSON));
    SAYS("\"id\":\"" SET "\",\"name\":\"my, set\"");
    CHECK_CODE(create(HESTIA_DATASET, HESTIA_IO_IDS, HESTIA_ID, SET, 0), HESTIA_ERROR_ATTEMPTED_OVERWRITE);
    CHECK_OK(get(HESTIA_DATASET, HESTIA_NAME, "my, set", HESTIA_IO_IDS));
    IS(SET);
    CHECK_OK(create(HESTIA_OBJECT, HESTIA_IO_IDS, HESTIA_ID | HESTIA_PARENT_ID, "," SET, HESTIA_IO_IDS));
    char child[37];
    memcpy(child, answer, sizeof child);
    CHECK_OK(get(HESTIA_OBJECT, HESTIA_PARENT_NAME, "my, set", HESTIA_IO_IDS));
    IS(child);
    CHECK_OK(update(HESTIA_OBJECT, HESTIA_IO_KEY_VALUE, HESTIA_ID, ONE "\n\ndataset.id=" SET "\n", HESTIA_IO_JSON));
    SAYS("\"dataset\":{\"id\":\"" SET "\"}");
    CHECK_OK(get(HESTIA_OBJECT, HESTIA_PARENT_ID, SET, HESTIA_IO_IDS));
    CHECK(total == 2);
    CHECK_CODE(take(HESTIA_DATASET, HESTIA_ID, SET), HESTIA_ERROR_UNKNOWN);
    CHECK_CODE(create(HESTIA_OBJECT, HESTIA_IO_IDS, HESTIA_ID | HESTIA_PARENT_ID, "," TWO, 0), HESTIA_ERROR_NOT_FOUND);
    CHECK_OK(create(HESTIA_DATASET, HESTIA_IO_NONE, 0, "", HESTIA_IO_IDS));
    CHECK_OK(take(HESTIA_DATASET, HESTIA_ID, answer));
}

static void tiers_and_records(void)
{
    CHECK_OK(get_page(HESTIA_TIER, HESTIA_QUERY_NONE, 0, 0, 0, "", HESTIA_IO_IDS));
    IS("0\n1\n2\n3\n4");
    CHECK_OK(create(HESTIA_TIER, HESTIA_IO_KEY_VALUE, HESTIA_ID, "9\n\ncapacity=1000\nname=attic\n", HESTIA_IO_JSON));
    SAYS("\"capacity\":1000,\"id\":\"9\",\"name\":\"attic\"");
    CHECK_OK(update(HESTIA_TIER, HESTIA_IO_KEY_VALUE, HESTIA_ID, "9\n\ncapacity=2000\n", HESTIA_IO_KEY_VALUE));
    SAYS("capacity=2000\n");
    CHECK_CODE(update(HESTIA_TIER, HESTIA_IO_KEY_VALUE, HESTIA_ID, "9\n\nname=cellar\n", 0), HESTIA_ERROR_UNKNOWN);
    CHECK_OK(get(HESTIA_TIER, HESTIA_NAME, "attic", HESTIA_IO_IDS));
    IS("9");
    CHECK_OK(take(HESTIA_TIER, HESTIA_ID, "9"));
    CHECK(is_there(HESTIA_TIER, HESTIA_ID, "9") == 0);
    CHECK_CODE(take(HESTIA_TIER, HESTIA_ID, "300"), HESTIA_ERROR_BAD_INPUT_ID);

    for (int item = HESTIA_USER; item <= HESTIA_NODE; item++) {
        hestia_item_t kind = (hestia_item_t)item;
        CHECK_OK(create(kind, HESTIA_IO_KEY_VALUE, HESTIA_ID, TWO "\n\nname=someone\nrole=any\n", HESTIA_IO_KEY_VALUE));
        SAYS("name=someone\nrole=any\n");
        CHECK_CODE(create(kind, HESTIA_IO_IDS, HESTIA_ID, TWO, 0), HESTIA_ERROR_ATTEMPTED_OVERWRITE);
        CHECK_OK(update(kind, HESTIA_IO_KEY_VALUE, HESTIA_NAME, "someone\n\nrole=other\n", HESTIA_IO_KEY_VALUE));
        SAYS("role=other\n");
        CHECK_CODE(update(kind, HESTIA_IO_KEY_VALUE, HESTIA_ID, TWO "\n\npassword=x\n", 0), HESTIA_ERROR_BAD_INPUT_BUFFER);
        CHECK_CODE(update(kind, HESTIA_IO_KEY_VALUE, HESTIA_ID, TWO "\n\ntoken=x\n", 0), HESTIA_ERROR_BAD_INPUT_BUFFER);
        CHECK_CODE(update(kind, HESTIA_IO_JSON, HESTIA_ID, TWO "\n\n{\"tokens\": [{\"value\": \"x\"}]}", 0),
                   HESTIA_ERROR_BAD_INPUT_BUFFER);
        CHECK_OK(get(kind, HESTIA_ID, TWO, HESTIA_IO_KEY_VALUE));
        CHECK(strstr(answer, "password") == NULL && strstr(answer, "token") == NULL);
        CHECK_OK(take(kind, HESTIA_ID, TWO));
        CHECK_OK(get_page(kind, HESTIA_QUERY_NONE, 0, 0, 0, "", HESTIA_IO_JSON));
        IS("[]");
    }
    /* The library's own records are no datasets of callers. */
    CHECK_OK(get_page(HESTIA_DATASET, HESTIA_QUERY_NONE, 0, 0, 0, "", HESTIA_IO_IDS));
    IS(SET);
}

/* The action that a data call left. */
static void action_is(char *activity, int length, const char *verb, const char *status)
{
    CHECK(activity != NULL && length == 36 && activity[36] == 0);
    CHECK_OK(get(HESTIA_ACTION, HESTIA_ID, activity, HESTIA_IO_KEY_VALUE));
    char wanted[128];
    snprintf(wanted, sizeof wanted, "action=%s\n", verb);
    SAYS(wanted);
    snprintf(wanted, sizeof wanted, "status=%s\n", status);
    SAYS(wanted);
    SAYS("subject_key=" ONE "\n");
    CHECK_OK(hestia_free_output(&activity));
}

static void data(void)
{
    char *activity = NULL, text[64] = {0};
    int length = 0;
    size_t size;
    CHECK_OK(hestia_data_put(ONE, "hello world", 11, 0, 1, &activity, &length));
    action_is(activity, length, "put_data", "finished_ok");
    CHECK_OK(hestia_data_put(ONE, "W", 1, 6, 1, NULL, NULL));
    size = 5;
    CHECK_OK(hestia_data_get(ONE, text, &size, 6, 1, &activity, &length));
    CHECK(size == 5 && strcmp(text, "World") == 0);
    action_is(activity, length, "get_data", "finished_ok");
    CHECK_CODE(hestia_data_get(ONE, text, &size, 0, 3, &activity, &length), HESTIA_ERROR_NOT_FOUND);
    action_is(activity, length, "get_data", "error");
    CHECK_CODE(hestia_data_put(TWO "x", "", 0, 0, 0, &activity, &length), HESTIA_ERROR_BAD_INPUT_ID);
    CHECK(activity == NULL && length == 0);
    CHECK_CODE(hestia_data_put("ffffffff-0000-0000-0000-000000000001", "x", 1, 0, 0, NULL, NULL), HESTIA_ERROR_NOT_FOUND);

    CHECK_OK(hestia_data_get_path(ONE, "copy", 0, 6, 1, &activity, &length));
    action_is(activity, length, "get_data", "finished_ok");
    CHECK_OK(hestia_data_put_path(ONE, "copy", 0, 0, 0, &activity, &length));
    action_is(activity, length, "put_data", "finished_ok");
    CHECK_CONTENT(ONE, "World");
    int file = open("copy", O_RDWR);
    CHECK(file >= 0);
    CHECK_OK(hestia_data_put_descriptor(ONE, file, 2, 5, 0, &activity, &length));
    action_is(activity, length, "put_data", "finished_ok");
    CHECK_CONTENT(ONE, "WorldWo");
    CHECK_OK(hestia_data_get_descriptor(ONE, file, 3, 4, 0, &activity, &length));
    action_is(activity, length, "get_data", "finished_ok");
    CHECK(pread(file, text, 5, 0) == 5 && memcmp(text, "WodWo", 5) == 0 && close(file) == 0);
    CHECK_CODE(hestia_data_put_descriptor(ONE, -1, 0, 0, 0, NULL, NULL), HESTIA_ERROR_BAD_INPUT_BUFFER);

    CHECK_OK(get(HESTIA_TIER_EXTENT, HESTIA_PARENT_ID, ONE, HESTIA_IO_JSON));
    SAYS("\"extents\":[{\"length\":7,\"offset\":0}],\"id\":\"" ONE ":0\"");
    CHECK_OK(hestia_data_copy(HESTIA_OBJECT, ONE, 0, 2, &activity, &length));
    action_is(activity, length, "copy_data", "finished_ok");
    CHECK_OK(hestia_data_release(HESTIA_OBJECT, ONE, 0, &activity, &length));
    action_is(activity, length, "release_data", "finished_ok");
    CHECK_CODE(hestia_data_release(HESTIA_OBJECT, ONE, 2, NULL, NULL), HESTIA_ERROR_UNKNOWN);
    CHECK_CODE(take(HESTIA_TIER_EXTENT, HESTIA_ID, ONE ":2"), HESTIA_ERROR_UNKNOWN);
    CHECK_CODE(hestia_data_move(HESTIA_OBJECT, ONE, 2, 2, NULL, NULL), HESTIA_ERROR_UNKNOWN);
    CHECK_CODE(hestia_data_move(HESTIA_TIER, ONE, 2, 3, NULL, NULL), HESTIA_ERROR_BAD_INPUT_BUFFER);
    CHECK_OK(hestia_data_move(HESTIA_OBJECT, ONE, 2, 3, &activity, &length));
    action_is(activity, length, "move_data", "finished_ok");
    CHECK_OK(get_page(HESTIA_TIER_EXTENT, HESTIA_QUERY_NONE, 0, 0, 0, "", HESTIA_IO_IDS));
    IS(ONE ":3");

    /* An action can be asked for as an item too, and all of an object are listed. */
    CHECK_OK(create(HESTIA_ACTION, HESTIA_IO_KEY_VALUE, 0,
                    "action=copy_data\nsubject_key=" ONE "\nsource_tier=3\ntarget_tier=4\n", HESTIA_IO_KEY_VALUE));
    SAYS("status=finished_ok\n");
    CHECK_CODE(create(HESTIA_ACTION, HESTIA_IO_KEY_VALUE, 0, "action=put_data\nsubject_key=" ONE "\n", 0),
               HESTIA_ERROR_BAD_INPUT_BUFFER);
    CHECK_OK(take(HESTIA_TIER_EXTENT, HESTIA_ID, ONE ":3"));
    CHECK_OK(get(HESTIA_ACTION, HESTIA_PARENT_ID, ONE, HESTIA_IO_IDS));
    CHECK(total == 11);
    CHECK_CODE(take(HESTIA_ACTION, HESTIA_PARENT_ID, ONE), HESTIA_ERROR_UNKNOWN);
}

static void mistakes(void)
{
    char *output = NULL;
    int length = 0;
    CHECK_CODE(create((hestia_item_t)8, 0, 0, "", 0), HESTIA_ERROR_BAD_INPUT_BUFFER);
    CHECK_CODE(create(HESTIA_OBJECT, HESTIA_IO_IDS, HESTIA_ID, "1234", 0), HESTIA_ERROR_BAD_INPUT_ID);
    CHECK_CODE(create(HESTIA_OBJECT, HESTIA_IO_JSON, 0, "{", 0), HESTIA_ERROR_BAD_INPUT_BUFFER);
    CHECK_CODE(hestia_create(HESTIA_OBJECT, HESTIA_IO_IDS, HESTIA_ID, (char *)16, 4, HESTIA_IO_NONE, NULL, NULL),
               HESTIA_ERROR_BAD_INPUT_BUFFER);
    CHECK_CODE(hestia_create(HESTIA_OBJECT, HESTIA_IO_IDS, HESTIA_ID, TWO, -1, HESTIA_IO_NONE, NULL, NULL),
               HESTIA_ERROR_BAD_INPUT_BUFFER);
    CHECK_CODE(hestia_create(HESTIA_OBJECT, HESTIA_IO_NONE, HESTIA_ID_NONE, NULL, 0, HESTIA_IO_JSON, NULL, &length),
               HESTIA_ERROR_BAD_INPUT_BUFFER);
    CHECK_CODE(get(HESTIA_OBJECT, HESTIA_ID, "", HESTIA_IO_IDS), HESTIA_ERROR_BAD_INPUT_ID);
    CHECK_CODE(hestia_free_output(NULL), HESTIA_ERROR_BAD_INPUT_BUFFER);
    CHECK_OK(hestia_free_output(&output));
    CHECK_CODE(hestia_start_server("localhost", 8080, NULL), HESTIA_ERROR_UNKNOWN);
    CHECK_CODE(hestia_stop_server(), HESTIA_ERROR_CLIENT_STATE);
}

static void words_as_ids(void)
{
    CHECK_OK(hestia_initialize(NULL, NULL, "{\"enable_id_validation\": false}"));
    CHECK_OK(create(HESTIA_OBJECT, HESTIA_IO_IDS, HESTIA_ID, "1234", HESTIA_IO_JSON));
    SAYS("\"id\":\"1234\"");
    CHECK_OK(hestia_data_put("1234", "word", 4, 0, 0, NULL, NULL));
    CHECK_CONTENT("1234", "word");
    HestiaObject object;
    memset(&object, 0, sizeof object);
    HestiaId id = id_of("1234");
    CHECK_OK(hestia_object_get_attrs(&id, &object));
    CHECK(strcmp(object.m_uuid, "1234") == 0);
    CHECK_OK(hestia_init_object(&object));
    CHECK_OK(create(HESTIA_OBJECT, HESTIA_IO_IDS, HESTIA_ID, "fourteen-bytes", HESTIA_IO_IDS));
    IS("fourteen-bytes");
    CHECK_CODE(create(HESTIA_OBJECT, HESTIA_IO_IDS, HESTIA_ID, "fifteen-bytes-x", 0), HESTIA_ERROR_BAD_INPUT_ID);
    CHECK_CODE(create(HESTIA_OBJECT, HESTIA_IO_IDS, HESTIA_ID, "a word", 0), HESTIA_ERROR_BAD_INPUT_ID);
    CHECK_OK(hestia_finish());
}

int main(int count, char **arguments)
{
    CHECK(count == 2 && chdir(arguments[1]) == 0);
    CHECK_CODE(create(HESTIA_OBJECT, 0, 0, "", 0) , HESTIA_ERROR_CLIENT_STATE);
    CHECK_CODE(hestia_data_put(ONE, "", 0, 0, 0, NULL, NULL), HESTIA_ERROR_CLIENT_STATE);
    CHECK_OK(hestia_initialize(NULL, NULL, NULL));
    objects();
    metadata();
    datasets();
    tiers_and_records();
    data();
    mistakes();
    CHECK_OK(hestia_finish());
    words_as_ids();
    return 0;
}
