/* A host hears and sees nothing of the library but its answers, also while a panic is caught.
 *
 * Run with the shim before the C library, which notes what a good guest does not call. */
#include "guest.h"

hsm_status hsm_testing_panic(const hsm_store *store, hsm_error **error_out);

void shim_begin(void);
const char *shim_end(void);

int main(int count, char **arguments)
{
    const char *path = store_path(count, arguments);

    /* What a library could want to know is there. */
    CHECK(getenv("RUST_BACKTRACE") != NULL && getenv("RUST_MIN_STACK") != NULL && getenv("TMPDIR") != NULL);
    shim_begin();
    CHECK(getenv("HOME") != NULL);
    CHECK(strcmp(shim_end(), "getenv(\"HOME\")\n") == 0);

    shim_begin();
    hsm_store *store = open_store(path);
    use_store(store, "first");
    CHECK_OK(hsm_store_snapshot(store, NULL, &error));
    close_store(store);

    store = open_store(path);
    CHECK_STATUS(hsm_testing_panic(store, &error), HSM_STATUS_INTERNAL);
    CHECK_STATUS(hsm_store_sync(store, NULL, &error), HSM_STATUS_CLOSED);
    hsm_store_free(store);
    store = open_store(path);
    use_store(store, "second");
    close_store(store);
    const char *notes = shim_end();

    if (notes[0] != '\0') {
        fprintf(stderr, "the library called\n%s", notes);
        return 1;
    }
    return 0;
}
