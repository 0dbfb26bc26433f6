/*
 * hsm.h: the C interface of hsm, storage for objects on tiers.
 *
 * PREVIEW: names, numbers and layouts may still change until the header is declared frozen.
 *
 * A program opens a directory as a store and has everything through that handle: objects on tiers of storage
 * (fast disk, slow disk, archive), datasets that give them keys, a feed of every change, and moves between
 * tiers that never lose the last good copy. No daemon runs, and no thread that the program did not start.
 *
 * Generated from hsm-ffi/src; do not edit. Each chapter below is one noun.
 *
 *
 * A COMPLETE PROGRAM
 *
 *     #include <hsm.h>
 *     #include <stdio.h>
 *     #include <stdint.h>
 *
 *     static int failed(hsm_error *error)
 *     {
 *         fprintf(stderr, "%s\n", hsm_error_message(error));
 *         hsm_error_free(error);
 *         return 1;
 *     }
 *
 *     int main(void)
 *     {
 *         hsm_error *error = NULL;
 *         hsm_store *store = NULL;
 *         if (hsm_store_open("results", SIZE_MAX, NULL, &store, &error) != HSM_STATUS_OK)
 *             return failed(error);
 *
 *         hsm_put_result put;
 *         if (hsm_object_put(store, "hello", 5, NULL, &put, sizeof put, &error) != HSM_STATUS_OK)
 *             return failed(error);
 *
 *         // Archive it: a synced and verified copy on tier 3. Then drop the one on tier 0.
 *         if (hsm_object_copy(store, &put.id, -1, 3, NULL, &error) != HSM_STATUS_OK ||
 *             hsm_object_release(store, &put.id, 0, 0, NULL, &error) != HSM_STATUS_OK)
 *             return failed(error);
 *
 *         char text[5];
 *         size_t read = 0;
 *         if (hsm_object_get(store, &put.id, -1, 0, text, sizeof text, &read, &error) != HSM_STATUS_OK)
 *             return failed(error);
 *         printf("%.*s\n", (int)read, text);
 *
 *         hsm_status status = hsm_store_close(store, &error);
 *         hsm_store_free(store);
 *         return status == HSM_STATUS_OK ? 0 : failed(error);
 *     }
 *
 *     cc program.c $(pkg-config --cflags --libs hsm)
 *
 *
 * CONVENTIONS
 *
 * Names. hsm_<noun>_<verb> for functions, HSM_<ENUM>_<VALUE> for numbers. Nothing else leaves the library.
 *
 * Answers. Every call returns an hsm_status: 0 is success, 1 to 15 are answers that are no errors, from 16 on
 * are errors. What cannot fail (the functions of hsm_error, names, versions, and every _free) returns its result.
 *
 * Errors. The last argument of a call is a place for an error, or NULL. It is written on every call: NULL on
 * success and with an answer, else an error that the caller frees. A call that failed changed nothing, unless
 * it says otherwise. Nothing is kept in a global or a thread.
 *
 * Outputs. They are named *_out and are written only on HSM_STATUS_OK, with two exceptions: a place for a
 * handle is NULL after a failure, and the length that is needed is written on HSM_STATUS_BUFFER_TOO_SMALL.
 * An output may be NULL where the function says so.
 *
 * Handles. What a function hands out is freed by the _free of its type, once; _free takes NULL and answers nothing.
 * What can fail at the end has a _close or _commit that says so, and still needs its _free. What is lent
 * (const pointers) lives as long as the function says, and is never freed.
 *
 * Text and keys. They come in as pointer and length in bytes; SIZE_MAX as the length means that they end at a
 * NUL. Text is UTF-8. Keys and paths are any bytes but NUL. Values are any bytes.
 *
 * Records. Their fields have fixed widths, and a call is told their size (sizeof the record), so that they can grow:
 * what the caller's header does not know is left out, what the library does not know is zeroed.
 *
 * Numbers. Enums are int32_t and are checked. A tier is 0 (the hottest) to 255 (the coldest); -1 is any. Sizes
 * and offsets are bytes, at most 2^63 - 1. Times ending in _ns are nanoseconds since 1970, UTC.
 *
 * Threads. A pointer to const may be shared between threads; a pointer that is not const belongs to one thread
 * at a time. A store is shared, so every call but its free takes it as const.
 *
 * Callbacks. They are records of a function, its user_data, and a function that destroys user_data. They run on
 * the thread that made the call and before it returns; destroy runs once, when the call or the handle that took
 * the callback is done with it, also after an error. The library holds no lock meanwhile. What a callback returns is 0 to go on;
 * anything else stops the call with HSM_STATUS_CANCELLED, and hsm_error_callback() hands it back. A callback
 * must not throw or longjmp, and must not free the handle that it was called for. It may call the library, and so may
 * destroy; where it closes the store, the call that it was called from ends with HSM_STATUS_CLOSED.
 *
 * Fork. A handle belongs to the process that opened it. In a forked child, calls answer HSM_STATUS_FORKED and
 * frees leave the store alone: what it holds in memory stays until the child ends. The child opens the store again.
 *
 * The host. The library prints nothing, never exits, installs no signal handler, reads no environment variable, and opens
 * every file with O_CLOEXEC. It works on a stack of 256 KiB and under floating-point traps. A process links it
 * once: a second copy in the same process is refused at hsm_store_open(). It stays loaded after dlclose().
 * A bug in it ends as HSM_STATUS_INTERNAL; the store handle is then out of use, and what was acknowledged is
 * safe. A handle keeps what it read of its index in memory, about 64 MiB at most, and 1 MiB more for each thread beyond those
 * that share it; hsm_store_maintain() gives most of it back.
 */
