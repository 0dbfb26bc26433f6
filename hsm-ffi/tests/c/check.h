/* What every test in C uses: checks that say where and why. */
#ifndef CHECK_H
#define CHECK_H

#include <hsm.h>
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

/* Ends the test unless the call answered `wanted`. The call ends with `&error`; what came there is freed. */
#define CHECK_STATUS(call, wanted) check_status((call), (wanted), #call, __FILE__, __LINE__)

/* The same for HSM_STATUS_OK. */
#define CHECK_OK(call) CHECK_STATUS(call, HSM_STATUS_OK)

/* The place for an error that the calls of a test share. */
static hsm_error *error = NULL;

static inline void check_status(hsm_status status, hsm_status wanted, const char *call, const char *file, int line)
{
    if (status != wanted) {
        fprintf(stderr, "%s:%d: %s answered %s, not %s: %s\n", file, line, call, hsm_status_name(status),
                hsm_status_name(wanted), hsm_error_message(error));
        exit(1);
    }
    if ((status < 16) != (error == NULL) || (error != NULL && hsm_error_status(error) != status)) {
        fprintf(stderr, "%s:%d: %s answered %s with an error that does not fit\n", file, line, call,
                hsm_status_name(status));
        exit(1);
    }
    hsm_error_free(error);
    error = NULL;
}

#endif
