/*
 * Makes a random sequence of calls, and checks what they leave behind.
 *
 *     fuzz DIRECTORY SEED CALLS
 *
 * DIRECTORY is empty. The calls are written to DIRECTORY/trace before they are made. Prints for each function of the
 * header how often it was called and how often it succeeded. Exits with 0 when nothing was wrong.
 */
#include "kinds.h"

#include "callbacks.h"
#include "handles.h"
#include "stores.h"

#include <dirent.h>
#include <sys/stat.h>

/* One of the header's functions. */
struct function {
    const char *name;
    void (*call)(void);
    /* The kind of its first handle; KINDS: none. */
    enum kind first;
    /* How often it is chosen, of WEIGHT_MAX. */
    unsigned weight;
    /* Whether a callback may call it. */
    int nests;
};

static unsigned long calls[FUNCTIONS], successes[FUNCTIONS];

/* The kind that was made last: what takes it comes next, more often than not. */
static enum kind hot = KINDS;

/* In a library that is built for tests: how many panics there were, those included that no call can tell of. */
__attribute__((weak)) uint64_t hsm_testing_panics(void);

static void enter(const char *name)
{
    trace("%s%s(", is_nested ? "    in a callback: " : "", name);
}

/* The arguments are known; the call comes. */
static void make_call(size_t function, int is_exclusive, void *first)
{
    calls[function]++;
    trace(");\n");
    fflush(trace_file);
    if (!is_nested)
        taken = is_exclusive ? first : NULL;
}

static void returned(void)
{
    if (!is_nested)
        taken = NULL;
    if (hsm_testing_panics != NULL && hsm_testing_panics() > 0)
        fail("the library panicked");
}

static struct place error_place(void)
{
    struct place none = {NULL, 0, NULL};
    if (chance(10)) {
        trace("NULL");
        return none;
    }
    return place(sizeof(hsm_error *));
}

/* Looks at the answer of a call and at the error that came with it. */
static void answered(size_t function, hsm_status status, struct place *error_out)
{
    returned();
    hsm_error *error = NULL;
    int has_error = read_place(error_out, &error, sizeof error);
    leave_place(error_out);
    successes[function] += status == HSM_STATUS_OK;
    trace("    /* %s%s%s */\n", hsm_status_name(status), error != NULL ? ": " : "", hsm_error_message(error));
    if (strncmp(hsm_status_name(status), "HSM_STATUS_", 11) != 0)
        fail("status %d is none", (int)status);
    if (status == HSM_STATUS_INTERNAL || status == HSM_STATUS_FORKED)
        fail("%s: %s", hsm_status_name(status), hsm_error_message(error));
    if (!has_error)
        return;
    if ((status < HSM_STATUS_NOT_FOUND) != (error == NULL) || (error != NULL && hsm_error_status(error) != status))
        fail("%s came with an error that does not fit", hsm_status_name(status));
    if (error != NULL && (hsm_error_message(error)[0] == 0 || strchr(hsm_error_message(error), '\n') != NULL))
        fail("an error's message is empty or has several lines: %s", hsm_error_message(error));
    if (error != NULL && chance(20) && !is_nested)
        keep(KIND_error, error, NULL);
    else
        hsm_error_free(error);
}

/* Takes in what came to a place for a handle: ours, or lent by another. */
static void settle_handle(struct place *place, hsm_status status, enum kind kind, int is_lent, void *lender)
{
    void *handle = NULL;
    int is_there = read_place(place, &handle, sizeof handle);
    if (status != HSM_STATUS_OK && is_lent && handle == NULL)
        ; /* As it is for a handle of our own. */
    else if (status != HSM_STATUS_OK && is_lent)
        check_unwritten(place);
    else if (is_there && (status == HSM_STATUS_OK) != (handle != NULL))
        fail("a place for a handle got %p with %s", handle, hsm_status_name(status));
    leave_place(place);
    if (status != HSM_STATUS_OK || !is_there)
        return;
    keep(kind, handle, lender);
    if (!is_nested)
        hot = kind;
}

/* Looks at a place that must not have been written if the call failed. */
static void check_failed(const struct place *place, hsm_status status)
{
    if (status != HSM_STATUS_OK)
        check_unwritten(place);
}

/* Reads the bytes that a call lent. */
static void settle_bytes(struct place *place, struct place *length_place, hsm_status status)
{
    const void *bytes = NULL;
    size_t length = 0;
    check_failed(place, status);
    check_failed(length_place, status);
    int is_there = read_place(place, &bytes, sizeof bytes) && read_place(length_place, &length, sizeof length);
    if (is_there && status == HSM_STATUS_OK)
        touch(bytes, length);
    leave_place(place);
    leave_place(length_place);
}

/* Looks at a buffer and at the length that is said to be in it. */
static void settle_buffer(struct place *buffer, const struct place *length_place, hsm_status status,
                          enum meaning meaning)
{
    size_t length = 0;
    if (status == HSM_STATUS_BUFFER_TOO_SMALL)
        check_unwritten(buffer);
    if (status == HSM_STATUS_OK && length_place != NULL && read_place(length_place, &length, sizeof length)) {
        if (length > buffer->size)
            fail("%zu bytes are said to be in a buffer of %zu", length, buffer->size);
        if (meaning != MEANINGS && buffer->at != NULL)
            learn(meaning, buffer->at, length);
        if (meaning == RECEIPT && !is_nested)
            hot = KIND_parts; /* They take it. */
    }
    leave_place(buffer);
}

/* A call that answers CLOSED has a handle that can only be freed; now and then we do. */
static void end_closed(hsm_status status, enum kind kind, const void *at)
{
    for (size_t i = 0; i < pooled[kind] && status == HSM_STATUS_CLOSED && !is_nested && chance(40); i++)
        if (pool[kind][i].at == at && pool[kind][i].lender == NULL) {
            free_handle(kind, pool[kind][i].at);
            return;
        }
}

#include "calls.h"

static const struct function *choose(void)
{
    const struct function *function;
    do
        function = &ONE_OF(functions);
    while (below(WEIGHT_MAX) >= function->weight);
    return function;
}

static void call_nested(void)
{
    const struct function *function;
    do
        function = choose();
    while (!function->nests);
    function->call();
}

static void call_one(void)
{
    const struct function *function = choose();
    if (chance(20))
        hot = KINDS;
    for (int i = 0; i < 200 && hot != KINDS && function->first != hot; i++)
        function = choose();
    function->call();
}

static size_t descriptors(void)
{
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

static void make_input(const char *name, size_t size)
{
    FILE *file = fopen(name, "w");
    for (size_t i = 0; i < size; i++)
        fputc((int)(i % 251), file);
    fclose(file);
}

int main(int count, char **arguments)
{
    static const char *const directories[] = {"i0", "i1"};
    static const char *const stores[][2] = {{"s0", "s0/HSM-STORE"}, {"s1", "s1/HSM-STORE"}};
    if (count != 4 || chdir(arguments[1]) != 0) {
        fprintf(stderr, "usage: fuzz DIRECTORY SEED CALLS\n");
        return 2;
    }
    random_state = strtoull(arguments[2], NULL, 10) * 2 + 1;
    trace_file = fopen("trace", "w");
    for (int i = 0; i < 20; i++)
        random_number();
    make_input("in0", 0);
    make_input("in1", 100);
    make_input("in2", 200000);
    for (size_t i = 0; i < 2; i++)
        if (mkdir(directories[i], 0700) != 0)
            fail("cannot make %s", directories[i]);

    size_t open_before = descriptors();
    for (unsigned long left = strtoul(arguments[3], NULL, 10); left > 0; left--)
        call_one();
    free_all();
    forget_learned();
    if (users_alive != 0)
        fail("%zu callbacks were never destroyed", users_alive);
    if (descriptors() != open_before)
        fail("%zu descriptors were open before, and %zu are now", open_before, descriptors());
    trace("/* What was left behind: */\n");
    fflush(trace_file);
    for (size_t i = 0; i < sizeof stores / sizeof *stores; i++)
        if (access(stores[i][1], F_OK) == 0)
            check_store(stores[i][0]);
    returned();
    for (size_t i = 0; i < FUNCTIONS; i++)
        printf("%s %lu %lu\n", functions[i].name, calls[i], successes[i]);
    fclose(trace_file);
    return 0;
}
