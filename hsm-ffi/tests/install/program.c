/* A program of somebody who installed hsm: it makes a store in the directory that is its argument. */
#include <hsm.h>
#include <stdio.h>

static int failed(hsm_error *error)
{
    fprintf(stderr, "%s\n", hsm_error_message(error));
    hsm_error_free(error);
    return 1;
}

int main(int count, char **arguments)
{
    hsm_error *error = NULL;
    hsm_store *store = NULL;

    if (count != 2 || hsm_version_number() != HSM_VERSION_NUMBER)
        return 2;
    if (hsm_store_open(arguments[1], SIZE_MAX, NULL, &store, &error) != HSM_STATUS_OK)
        return failed(error);
    if (hsm_store_sync(store, NULL, &error) != HSM_STATUS_OK)
        return failed(error);
    if (hsm_store_close(store, &error) != HSM_STATUS_OK)
        return failed(error);
    hsm_store_free(store);
    return 0;
}
