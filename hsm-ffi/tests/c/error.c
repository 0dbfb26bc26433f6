/* What holds for errors at every call: where they come from, what they say, and what NULL is. */
#include "check.h"

int main(void)
{
    hsm_id id;
    hsm_id none;

    /* An error has a status, words, and what it is about. */
    CHECK(hsm_id_parse("no id", SIZE_MAX, &id, &error) == HSM_STATUS_INVALID);
    CHECK(error != NULL);
    CHECK(hsm_error_status(error) == HSM_STATUS_INVALID);
    CHECK(strlen(hsm_error_message(error)) > 0);
    CHECK(hsm_error_tier(error) == -1);
    CHECK(hsm_error_callback(error) == 0);
    CHECK(hsm_error_object(error, &none) == 0);
    hsm_error_free(error);

    /* The place for one is cleared by a call that went well, and may be left out. */
    error = (hsm_error *)&id;
    CHECK_OK(hsm_id_parse("00112233-4455-6677-8899-aabbccddeeff", SIZE_MAX, &id, &error));
    CHECK(id.bytes[0] == 0x00 && id.bytes[15] == 0xff);
    CHECK(hsm_id_parse("no id", SIZE_MAX, &id, NULL) == HSM_STATUS_INVALID);

    /* No error is no error. */
    CHECK(hsm_error_status(NULL) == HSM_STATUS_OK);
    CHECK(strcmp(hsm_error_message(NULL), "") == 0);
    CHECK(hsm_error_object(NULL, &none) == 0);
    hsm_error_free(NULL);
    return 0;
}
