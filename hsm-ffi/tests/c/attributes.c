/* Attributes come back in the order of their names, with every byte of their values. */
#include "check.h"

static void check_at(const hsm_attributes *attributes, size_t index, const char *name, const char *value)
{
    const uint8_t *name_at, *value_at;
    size_t name_length, value_length;
    CHECK_OK(hsm_attributes_at(attributes, index, &name_at, &name_length, &value_at, &value_length, &error));
    CHECK(name_length == strlen(name) && memcmp(name_at, name, name_length) == 0);
    if (value == NULL) {
        CHECK(value_at == NULL && value_length == 0);
    } else {
        CHECK(value_at != NULL && value_length == strlen(value));
        CHECK(memcmp(value_at, value, value_length) == 0);
    }
}

int main(void)
{
    hsm_attributes *attributes = NULL;
    const uint8_t *value, *other;
    size_t length, other_length, count;
    CHECK_OK(hsm_attributes_new(&attributes, &error));
    CHECK_OK(hsm_attributes_count(attributes, &count, &error));
    CHECK(count == 0);

    CHECK_OK(hsm_attributes_set(attributes, "owner", SIZE_MAX, "ada", SIZE_MAX, &error));
    CHECK_OK(hsm_attributes_set(attributes, "experiment", 10, "a\0b", 3, &error));
    CHECK_OK(hsm_attributes_set(attributes, "empty", SIZE_MAX, NULL, 0, &error));
    CHECK_OK(hsm_attributes_remove(attributes, "step", SIZE_MAX, &error));
    CHECK_OK(hsm_attributes_set(attributes, "owner", SIZE_MAX, "grace", SIZE_MAX, &error));
    CHECK_OK(hsm_attributes_count(attributes, &count, &error));
    CHECK(count == 4);
    check_at(attributes, 0, "empty", "");
    check_at(attributes, 2, "owner", "grace");
    check_at(attributes, 3, "step", NULL);
    CHECK_STATUS(hsm_attributes_at(attributes, 4, &value, &length, &other, &other_length, &error),
                 HSM_STATUS_END);

    CHECK_OK(hsm_attributes_get(attributes, "experiment", SIZE_MAX, &value, &length, &error));
    CHECK(length == 3 && memcmp(value, "a\0b", 3) == 0);
    CHECK_OK(hsm_attributes_get(attributes, "empty", SIZE_MAX, &value, &length, &error));
    CHECK(value != NULL && length == 0);
    CHECK_STATUS(hsm_attributes_get(attributes, "step", SIZE_MAX, &value, &length, &error),
                 HSM_STATUS_NOT_FOUND);
    CHECK_STATUS(hsm_attributes_get(attributes, "none", SIZE_MAX, &value, &length, &error),
                 HSM_STATUS_NOT_FOUND);

    /* What is outside the limits changes nothing. */
    char *large = calloc(65537, 1);
    CHECK(large != NULL);
    CHECK_STATUS(hsm_attributes_set(attributes, "owner", SIZE_MAX, large, 65537, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_attributes_set(attributes, "", SIZE_MAX, "x", 1, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_attributes_set(attributes, "\xff", SIZE_MAX, "x", 1, &error), HSM_STATUS_INVALID);
    CHECK_STATUS(hsm_attributes_set(attributes, "a\0b", 3, "x", 1, &error), HSM_STATUS_INVALID);
    check_at(attributes, 2, "owner", "grace");
    CHECK_OK(hsm_attributes_set(attributes, "owner", SIZE_MAX, large, 65536, &error));
    free(large);

    hsm_attributes_free(attributes);
    hsm_attributes_free(NULL);
    return 0;
}
