/*
 * Changes that are made only over what was read: of another's change meanwhile nothing is lost, whether threads or processes
 * race.
 */
#include "check.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RACERS = 4, ROUNDS = 25 };

static hsm_put_options *options_for(const hsm_id *id, uint64_t generation)
{
    hsm_put_options *options = NULL;
    CHECK_OK(hsm_put_options_new(&options, &error));
    CHECK_OK(hsm_put_options_set_id(options, id, &error));
    CHECK_OK(hsm_put_options_expect_generation(options, generation, &error));
    return options;
}

static hsm_status put_over(hsm_store *store, const hsm_id *id, uint64_t generation, const char *text)
{
    hsm_put_options *options = options_for(id, generation);
    hsm_status status = hsm_object_put(store, text, strlen(text), options, NULL, 0, &error);
    hsm_put_options_free(options);
    return status;
}

static void check_content(hsm_store *store, const hsm_id *id, const char *wanted)
{
    hsm_reader *reader = NULL;
    char text[64] = {0};
    size_t size = 0;
    CHECK_OK(hsm_reader_open(store, id, -1, &reader, &error));
    CHECK_OK(hsm_reader_read_at(reader, 0, text, sizeof text - 1, &size, &error));
    CHECK(strcmp(text, wanted) == 0);
    hsm_reader_free(reader);
}

static void a_put_over_a_generation_replaces_no_other(hsm_store *store)
{
    hsm_put_result first, second;
    hsm_put_options *options = NULL;
    hsm_writer *writer = NULL;
    hsm_batch *batch = NULL;
    size_t failed = 0;
    CHECK_OK(hsm_object_put(store, "first", 5, NULL, &first, sizeof first, &error));
    CHECK_OK(put_over(store, &first.id, first.generation, "second"));
    CHECK_STATUS(put_over(store, &first.id, first.generation, "third"), HSM_STATUS_CONFLICT);
    CHECK_STATUS(put_over(store, &first.id, first.generation + 2, "third"), HSM_STATUS_CONFLICT);
    check_content(store, &first.id, "second");

    /* What is written piece by piece is looked at when it is committed. */
    options = options_for(&first.id, first.generation + 1);
    CHECK_OK(hsm_writer_open(store, options, &writer, &error));
    CHECK_OK(hsm_writer_write(writer, "third", 5, &error));
    CHECK_OK(put_over(store, &first.id, 0, "meanwhile"));
    CHECK_STATUS(hsm_writer_commit(writer, NULL, 0, &error), HSM_STATUS_CONFLICT);
    hsm_writer_free(writer);
    /* So is a batch. */
    CHECK_OK(hsm_batch_new(store, 1, HSM_DURABLE, &batch, &error));
    CHECK_OK(hsm_batch_put(batch, "batch", 5, options, &error));
    CHECK_STATUS(hsm_batch_commit(batch, &failed, &error), HSM_STATUS_CONFLICT);
    hsm_batch_free(batch);
    check_content(store, &first.id, "meanwhile");

    /* One that is gone has no generation, and neither has what is nowhere named. */
    CHECK_OK(hsm_object_put(store, "other", 5, NULL, &second, sizeof second, &error));
    CHECK_OK(hsm_object_remove(store, &second.id, NULL, &error));
    CHECK_STATUS(put_over(store, &second.id, second.generation, "x"), HSM_STATUS_CONFLICT);
    CHECK_STATUS(put_over(store, NULL, 1, "x"), HSM_STATUS_INVALID);
    CHECK_OK(hsm_put_options_set_mode(options, HSM_PUT_CREATE, &error));
    CHECK_STATUS(hsm_object_put(store, "x", 1, options, NULL, 0, &error), HSM_STATUS_INVALID);
    hsm_put_options_free(options);
}

static hsm_attributes *update(const char *name, const char *value, const char *expected)
{
    hsm_attributes *attributes = NULL;
    CHECK_OK(hsm_attributes_new(&attributes, &error));
    CHECK_OK(hsm_attributes_set(attributes, name, SIZE_MAX, value, SIZE_MAX, &error));
    CHECK_OK(hsm_attributes_expect(attributes, name, SIZE_MAX, expected, SIZE_MAX, &error));
    return attributes;
}

static hsm_status set_of(hsm_store *store, const hsm_id *id, int is_dataset, const char *value, const char *expected)
{
    hsm_attributes *attributes = update("hint", value, expected);
    hsm_status status = is_dataset ? hsm_dataset_set_attributes(store, id, attributes, NULL, &error)
                                   : hsm_object_set_attributes(store, id, attributes, NULL, &error);
    hsm_attributes_free(attributes);
    return status;
}

static void an_attribute_that_is_not_as_expected_is_left_alone(hsm_store *store)
{
    hsm_put_result object;
    hsm_id dataset, unknown = {{1}};
    hsm_batch *batch = NULL;
    hsm_put_options *options = NULL;
    CHECK_OK(hsm_object_put(store, "hinted", 6, NULL, &object, sizeof object, &error));
    CHECK_OK(hsm_dataset_create(store, "hinted", SIZE_MAX, NULL, &dataset, &error));
    for (int is_dataset = 0; is_dataset < 2; is_dataset++) {
        const hsm_id *id = is_dataset ? &dataset : &object.id;
        CHECK_STATUS(set_of(store, id, is_dataset, "0,1", ""), HSM_STATUS_CONFLICT);
        CHECK_OK(set_of(store, id, is_dataset, "0,1", NULL));
        CHECK_STATUS(set_of(store, id, is_dataset, "0,2", NULL), HSM_STATUS_CONFLICT);
        CHECK_STATUS(set_of(store, id, is_dataset, "", "0,2"), HSM_STATUS_CONFLICT);
        CHECK_OK(set_of(store, id, is_dataset, "", "0,1"));
        CHECK_OK(set_of(store, id, is_dataset, "1,0", ""));
        CHECK_STATUS(set_of(store, &unknown, is_dataset, "", ""), HSM_STATUS_NOT_FOUND);
    }

    /* Where nothing can be expected that is said, and not passed over. */
    hsm_attributes *attributes = update("hint", "", "1,0");
    CHECK_OK(hsm_put_options_new(&options, &error));
    CHECK_STATUS(hsm_put_options_set_attributes(options, attributes, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_dataset_create(store, "other", SIZE_MAX, attributes, &dataset, &error), HSM_STATUS_INVALID);
    CHECK_OK(hsm_batch_new(store, 1, HSM_DURABLE, &batch, &error));
    CHECK_STATUS(hsm_batch_set_attributes(batch, &object.id, attributes, &error), HSM_STATUS_INVALID);
    hsm_batch_free(batch);
    hsm_put_options_free(options);
    hsm_attributes_free(attributes);
}

/* Counts in the content of an object and in an attribute of it: as often as it says, whoever else does the same. */
static int count_on(hsm_store *store, const hsm_id *id)
{
    for (int round = 0; round < ROUNDS; round++) {
        for (hsm_status status = HSM_STATUS_CONFLICT; status != HSM_STATUS_OK;) {
            hsm_error *own = NULL;
            hsm_object *object = NULL;
            hsm_object_info info;
            hsm_reader *reader = NULL;
            const hsm_object *read = NULL;
            char text[24] = "";
            size_t size = 0;
            if (hsm_reader_open(store, id, -1, &reader, &own) != 0 || hsm_reader_object(reader, &read, &own) != 0 ||
                hsm_object_stat(read, &info, sizeof info, &own) != 0 ||
                hsm_reader_read_at(reader, 0, text, sizeof text - 1, &size, &own) != 0)
                return 1;
            snprintf(text, sizeof text, "%ld", strtol(text, NULL, 10) + 1);
            hsm_put_options *options = NULL;
            if (hsm_put_options_new(&options, &own) != 0 || hsm_put_options_set_id(options, id, &own) != 0 ||
                hsm_put_options_expect_generation(options, info.generation, &own) != 0)
                return 1;
            status = hsm_object_put(store, text, strlen(text), options, NULL, 0, &own);
            hsm_put_options_free(options);
            hsm_reader_free(reader);
            hsm_object_free(object);
            hsm_error_free(own);
            if (status != HSM_STATUS_OK && status != HSM_STATUS_CONFLICT)
                return 1;
        }
        for (hsm_status status = HSM_STATUS_CONFLICT; status != HSM_STATUS_OK;) {
            hsm_error *own = NULL;
            hsm_object *object = NULL;
            hsm_attributes *attributes = NULL;
            const hsm_attributes *there = NULL;
            const uint8_t *value = NULL;
            size_t length = 0;
            char before[24] = "", after[24];
            if (hsm_object_open(store, id, &object, &own) != 0 || hsm_object_attributes(object, &there, &own) != 0 ||
                hsm_attributes_get(there, "count", SIZE_MAX, &value, &length, &own) != 0)
                return 1;
            memcpy(before, value, length);
            snprintf(after, sizeof after, "%ld", strtol(before, NULL, 10) + 1);
            if (hsm_attributes_new(&attributes, &own) != 0 ||
                hsm_attributes_set(attributes, "count", SIZE_MAX, after, SIZE_MAX, &own) != 0 ||
                hsm_attributes_expect(attributes, "count", SIZE_MAX, before, SIZE_MAX, &own) != 0)
                return 1;
            status = hsm_object_set_attributes(store, id, attributes, NULL, &own);
            hsm_attributes_free(attributes);
            hsm_object_free(object);
            hsm_error_free(own);
            if (status != HSM_STATUS_OK && status != HSM_STATUS_CONFLICT)
                return 1;
        }
    }
    return 0;
}

typedef struct {
    hsm_store *store;
    const hsm_id *id;
    int is_wrong;
} Racer;

static void *race(void *argument)
{
    Racer *racer = argument;
    racer->is_wrong = count_on(racer->store, racer->id);
    return NULL;
}

static void check_count(hsm_store *store, const hsm_id *id, int wanted)
{
    hsm_object *object = NULL;
    const hsm_attributes *there = NULL;
    const uint8_t *value = NULL;
    size_t length = 0;
    char text[24];
    snprintf(text, sizeof text, "%d", wanted);
    check_content(store, id, text);
    CHECK_OK(hsm_object_open(store, id, &object, &error));
    CHECK_OK(hsm_object_attributes(object, &there, &error));
    CHECK_OK(hsm_attributes_get(there, "count", SIZE_MAX, &value, &length, &error));
    CHECK(length == strlen(text) && memcmp(value, text, length) == 0);
    hsm_object_free(object);
}

int main(int count, char **arguments)
{
    static const hsm_id id = {{7}};
    hsm_store *store = NULL;
    pid_t children[RACERS];
    pthread_t threads[RACERS];
    Racer racers[RACERS];
    CHECK(count == 2);
    CHECK_OK(hsm_store_open(arguments[1], SIZE_MAX, NULL, &store, &error));
    a_put_over_a_generation_replaces_no_other(store);
    an_attribute_that_is_not_as_expected_is_left_alone(store);
    CHECK_OK(put_over(store, &id, 0, "0"));
    hsm_attributes *zero = NULL;
    CHECK_OK(hsm_attributes_new(&zero, &error));
    CHECK_OK(hsm_attributes_set(zero, "count", SIZE_MAX, "0", 1, &error));
    CHECK_OK(hsm_object_set_attributes(store, &id, zero, NULL, &error));
    hsm_attributes_free(zero);
    CHECK_OK(hsm_store_close(store, &error));
    hsm_store_free(store);

    for (int index = 0; index < RACERS; index++) {
        children[index] = fork();
        CHECK(children[index] >= 0);
        if (children[index] == 0) {
            CHECK_OK(hsm_store_open(arguments[1], SIZE_MAX, NULL, &store, &error));
            int is_wrong = count_on(store, &id);
            CHECK_OK(hsm_store_close(store, &error));
            hsm_store_free(store);
            _exit(is_wrong);
        }
    }
    for (int index = 0; index < RACERS; index++) {
        int status = 0;
        CHECK(waitpid(children[index], &status, 0) == children[index]);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    CHECK_OK(hsm_store_open(arguments[1], SIZE_MAX, NULL, &store, &error));
    check_count(store, &id, RACERS * ROUNDS);
    for (int index = 0; index < RACERS; index++) {
        racers[index] = (Racer){store, &id, 0};
        CHECK(pthread_create(&threads[index], NULL, race, &racers[index]) == 0);
    }
    for (int index = 0; index < RACERS; index++)
        CHECK(pthread_join(threads[index], NULL) == 0 && racers[index].is_wrong == 0);
    check_count(store, &id, 2 * RACERS * ROUNDS);
    CHECK_OK(hsm_store_close(store, &error));
    hsm_store_free(store);
    return 0;
}
