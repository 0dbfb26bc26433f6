/* Bad input: statuses, errors, ids, options of a store, stores. */
#include "bad_input.h"

static int destroyed;

static void destroy(void *user_data)
{
    (void)user_data;
    destroyed++;
}

static const hsm_finding_callback none = {NULL, NULL, NULL}, half = {NULL, NULL, destroy};

static void plain(void)
{
    hsm_id id;
    PLAIN(hsm_status_name, status, strcmp(hsm_status_name(-5), "unknown status") == 0);
    PLAIN(hsm_version_number, nothing, hsm_version_number() == HSM_VERSION_NUMBER);
    PLAIN(hsm_version, nothing, hsm_version()[0] != '\0');
    PLAIN(hsm_error_status, error, hsm_error_status(NULL) == HSM_STATUS_OK);
    PLAIN(hsm_error_message, error, hsm_error_message(NULL)[0] == '\0');
    PLAIN(hsm_error_tier, error, hsm_error_tier(NULL) == -1);
    PLAIN(hsm_error_callback, error, hsm_error_callback(NULL) == 0);
    PLAIN(hsm_error_object, error, hsm_error_object(NULL, &id) == 0);
    PLAIN(hsm_error_free, error, (hsm_error_free(NULL), 1));
    PLAIN(hsm_store_options_free, options, (hsm_store_options_free(NULL), 1));
    PLAIN(hsm_store_free, store, (hsm_store_free(NULL), 1));

    CHECK(hsm_object_get(world.store, &world.unknown, -1, 0, NULL, 0, &out.length, &error) ==
          HSM_STATUS_NOT_FOUND);
    PLAIN(hsm_error_object, object_out, hsm_error_object(error, NULL) == 1);
    hsm_error_free(error);
    error = NULL;
}

static void ids(void)
{
    BAD(INVALID, hsm_id_parse, text, (NULL, 36, &out.id, &error));
    BAD(INVALID, hsm_id_parse, text, (NULL, SIZE_MAX, &out.id, &error));
    UTF8(hsm_id_parse, text, (NO_TEXT, SIZE_MAX, &out.id, &error));
    SAYS(INVALID, "hexadecimal digits", hsm_id_parse, text_length,
         ("00000000000070008000000000000001", 31, &out.id, &error));
    SAYS(INVALID, "hexadecimal digits", hsm_id_parse, text_length, ("", 0, &out.id, &error));
    BAD(INVALID, hsm_id_parse, text_length, ("0", TOO_LONG, &out.id, &error));
    BAD(INVALID, hsm_id_parse, id_out, ("00000000000070008000000000000001", 32, NULL, &error));
    BAD(INVALID, hsm_id_format, id, (NULL, out.buffer, HSM_ID_TEXT_SIZE, &error));
    BAD(INVALID, hsm_id_format, text_out, (&world.object, NULL, HSM_ID_TEXT_SIZE, &error));
    BAD(BUFFER_TOO_SMALL, hsm_id_format, text_size, (&world.object, out.buffer, HSM_ID_TEXT_SIZE - 1, &error));
    BAD(BUFFER_TOO_SMALL, hsm_id_format, text_size, (&world.object, NULL, 0, &error));
}

static void options(void)
{
    hsm_store_options *options = NULL;
    hsm_tier_settings *settings = NULL;
    CHECK_OK(hsm_store_options_new(&options, &error));
    CHECK_OK(hsm_tier_settings_new(7, &settings, &error));

    BAD(INVALID, hsm_store_options_new, options_out, (NULL, &error));
    BAD(INVALID, hsm_store_options_set_create, options, (NULL, HSM_CREATE_NEW, &error));
    BAD(INVALID, hsm_store_options_set_create, create, (options, 3, &error));
    BAD(INVALID, hsm_store_options_set_create, create, (options, -1, &error));
    BAD(INVALID, hsm_store_options_set_read_only, options, (NULL, 1, &error));
    BAD(INVALID, hsm_store_options_set_read_only, read_only, (options, -7, &error));
    BAD(INVALID, hsm_store_options_set_exclusive, options, (NULL, 1, &error));
    BAD(INVALID, hsm_store_options_set_exclusive, exclusive, (options, -7, &error));
    BAD(INVALID, hsm_store_options_set_patience_ms, options, (NULL, 1, &error));
    FINE(hsm_store_options_set_patience_ms, patience_ms, (options, UINT64_MAX, &error));
    BAD(INVALID, hsm_store_options_set_grace_ms, options, (NULL, 1, &error));
    FINE(hsm_store_options_set_grace_ms, grace_ms, (options, UINT64_MAX, &error));
    BAD(INVALID, hsm_store_options_set_index_directory, options, (NULL, "index", SIZE_MAX, &error));
    BAD(INVALID, hsm_store_options_set_index_directory, path, (options, NULL, 5, &error));
    BAD(INVALID, hsm_store_options_set_index_directory, path, (options, "in\0dex", 6, &error));
    BAD(INVALID, hsm_store_options_set_index_directory, path_length, (options, "index", 0, &error));
    BAD(INVALID, hsm_store_options_set_index_directory, path_length, (options, "index", TOO_LONG, &error));
    BAD(INVALID, hsm_store_options_set_index_in_memory, options, (NULL, &error));
    BAD(INVALID, hsm_store_options_set_segment_bytes, options, (NULL, 1 << 20, &error));
    BAD(INVALID, hsm_store_options_set_segment_bytes, segment_bytes, (options, 4095, &error));
    BAD(INVALID, hsm_store_options_set_reserve_bytes, options, (NULL, 1 << 20, &error));
    FINE(hsm_store_options_set_reserve_bytes, reserve_bytes, (options, 0, &error));
    BAD(INVALID, hsm_store_options_add_tier, options, (NULL, settings, &error));
    BAD(INVALID, hsm_store_options_add_tier, settings, (options, NULL, &error));
    CHECK_OK(hsm_store_options_add_tier(options, settings, &error));
    BAD(EXISTS, hsm_store_options_add_tier, settings, (options, settings, &error));

    hsm_tier_settings_free(settings);
    hsm_store_options_free(options);
}

static void opening(const char *directory)
{
    hsm_store_options *options = NULL;
    CHECK_OK(hsm_store_options_new(&options, &error));
    CHECK_OK(hsm_store_options_set_create(options, HSM_CREATE_NEW, &error));

    BAD(INVALID, hsm_store_open, path, (NULL, SIZE_MAX, NULL, &made.store, &error));
    BAD(INVALID, hsm_store_open, path, (NULL, 5, NULL, &made.store, &error));
    BAD(INVALID, hsm_store_open, path, ("sto\0re", 6, NULL, &made.store, &error));
    BAD(INVALID, hsm_store_open, path_length, ("store", 0, NULL, &made.store, &error));
    BAD(INVALID, hsm_store_open, path_length, ("store", TOO_LONG, NULL, &made.store, &error));
    FINE(hsm_store_open, options, (directory, SIZE_MAX, NULL, &made.store, &error));
    BAD(EXISTS, hsm_store_open, options, (directory, SIZE_MAX, options, &made.store, &error));
    BAD(INVALID, hsm_store_open, store_out, (directory, SIZE_MAX, NULL, NULL, &error));
    hsm_store_options_free(options);
}

static void store(void)
{
    const hsm_store *store = world.store;
    BAD(INVALID, hsm_store_close, store, (NULL, &error));
    BAD(INVALID, hsm_store_id, store, (NULL, &out.id, &error));
    BAD(INVALID, hsm_store_id, id_out, (store, NULL, &error));
    BAD(INVALID, hsm_store_new_id, store, (NULL, &out.id, &error));
    BAD(INVALID, hsm_store_new_id, id_out, (store, NULL, &error));
    BAD(INVALID, hsm_store_directory, store, (NULL, out.buffer, sizeof out.buffer, &out.length, &error));
    BAD(INVALID, hsm_store_directory, buffer, (store, NULL, 4096, NULL, &error));
    BAD(BUFFER_TOO_SMALL, hsm_store_directory, buffer_size, (store, out.buffer, 1, &out.length, &error));
    FINE(hsm_store_directory, length_out, (store, out.buffer, sizeof out.buffer, NULL, &error));
    BAD(INVALID, hsm_store_read_only_reason, store, (NULL, out.buffer, 9, &out.length, &error));
    BAD(END, hsm_store_read_only_reason, buffer, (store, NULL, 9, &out.length, &error));
    BAD(END, hsm_store_read_only_reason, buffer_size, (store, out.buffer, 0, &out.length, &error));
    BAD(END, hsm_store_read_only_reason, length_out, (store, out.buffer, 9, NULL, &error));
    BAD(INVALID, hsm_store_sync, store, (NULL, &out.position, &error));
    FINE(hsm_store_sync, position_out, (store, NULL, &error));
    BAD(INVALID, hsm_store_position, store, (NULL, &out.position, &error));
    BAD(INVALID, hsm_store_position, position_out, (store, NULL, &error));
    BAD(INVALID, hsm_store_maintain, store, (NULL, &out.maintained, sizeof out.maintained, &error));
    FINE(hsm_store_maintain, done_out, (store, NULL, 0, &error));
    BAD(INVALID, hsm_store_maintain, done_size, (store, &out.maintained, 0, &error));
    BAD(INVALID, hsm_store_maintain, done_size, (store, &out.maintained, TOO_LONG, &error));
    BAD(INVALID, hsm_store_snapshot, store, (NULL, &out.position, &error));
    FINE(hsm_store_snapshot, position_out, (store, NULL, &error));
    BAD(INVALID, hsm_store_reconcile, store, (NULL, none, &out.reconciled, sizeof out.reconciled, &error));
    BAD(INVALID, hsm_store_reconcile, found_size, (store, none, &out.reconciled, 0, &error));
    BAD(INVALID, hsm_store_reconcile, found, (store, half, &out.reconciled, sizeof out.reconciled, &error));
    CHECK(destroyed == 1);
    BAD(BUSY, hsm_store_reconcile, store, (store, none, &out.reconciled, sizeof out.reconciled, &error));
}

static void closed(void)
{
    const hsm_store *closed = world.closed;
    FINE(hsm_store_reconcile, found_out, (world.store, none, NULL, 0, &error));
    CLOSED(hsm_store_close, store, (closed, &error));
    FINE_CLOSED(hsm_store_id, store, (closed, &out.id, &error));
    CLOSED(hsm_store_new_id, store, (closed, &out.id, &error));
    FINE_CLOSED(hsm_store_directory, store, (closed, out.buffer, sizeof out.buffer, &out.length, &error));
    CLOSED(hsm_store_read_only_reason, store, (closed, out.buffer, 9, &out.length, &error));
    CLOSED(hsm_store_sync, store, (closed, &out.position, &error));
    CLOSED(hsm_store_position, store, (closed, &out.position, &error));
    CLOSED(hsm_store_maintain, store, (closed, &out.maintained, sizeof out.maintained, &error));
    CLOSED(hsm_store_snapshot, store, (closed, &out.position, &error));
    CLOSED(hsm_store_reconcile, store, (closed, none, &out.reconciled, sizeof out.reconciled, &error));
}

int main(int argc, char **argv)
{
    open_world(argc, argv);
    plain();
    ids();
    options();
    opening(argv[1]);
    store();
    close_the_other();
    closed();
    close_world();
    return 0;
}
