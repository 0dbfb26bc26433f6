/* Bad input: checking, scrubbing and compacting. */
#include "bad_input.h"

static int destroyed;

static int32_t nod(void *user_data, const hsm_finding *finding, size_t size)
{
    (void)user_data;
    (void)finding;
    (void)size;
    return 0;
}

static void destroy(void *user_data)
{
    (void)user_data;
    destroyed++;
}

int main(int argc, char **argv)
{
    hsm_finding_callback none = {NULL, NULL, NULL}, half = {NULL, NULL, destroy}, whole = {nod, NULL, destroy};
    hsm_check_options check = {0, 0}, check_odd = {2, 0}, check_later = {0, 1};
    hsm_scrub_options scrub = {0, 0, 0, 0}, scrub_odd = {2, 0, 0, 0}, scrub_later = {0, 1, 0, 0};
    hsm_compact_options compact = {50, 0, 0}, compact_odd = {101, 0, 0}, compact_less = {-1, 0, 0};
    hsm_compact_options compact_wide = {256 + 50, 0, 0}, compact_later = {0, 1, 0};
    hsm_store *store, *closed;
    open_world(argc, argv);
    close_the_other();
    store = world.store;
    closed = world.closed;

    BAD(INVALID, hsm_store_check, store, (NULL, &check, sizeof check, none, NULL, 0, &error));
    CLOSED(hsm_store_check, store, (closed, &check, sizeof check, none, NULL, 0, &error));
    FINE(hsm_store_check, options, (store, NULL, 0, none, NULL, 0, &error));
    BAD(INVALID, hsm_store_check, options, (store, &check_odd, sizeof check_odd, none, NULL, 0, &error));
    BAD(INVALID, hsm_store_check, options, (store, &check_later, sizeof check_later, none, NULL, 0, &error));
    BAD(INVALID, hsm_store_check, options_size, (store, &check, 0, none, NULL, 0, &error));
    BAD(INVALID, hsm_store_check, options_size, (store, &check, TOO_LONG, none, NULL, 0, &error));
    BAD(INVALID, hsm_store_check, found, (store, &check, sizeof check, half, NULL, 0, &error));
    CHECK(destroyed == 1);
    FINE(hsm_store_check, checked_out, (store, &check, sizeof check, whole, NULL, 0, &error));
    CHECK(destroyed == 2);
    BAD(INVALID, hsm_store_check, checked_size, (store, &check, sizeof check, none, &out.checked, 0, &error));
    BAD(INVALID, hsm_store_check, checked_size, (store, &check, sizeof check, none, &out.checked, TOO_LONG, &error));

    BAD(INVALID, hsm_store_scrub, store, (NULL, -1, &scrub, sizeof scrub, none, NULL, 0, &error));
    CLOSED(hsm_store_scrub, store, (closed, -1, &scrub, sizeof scrub, none, NULL, 0, &error));
    BAD(INVALID, hsm_store_scrub, tier, (store, -2, &scrub, sizeof scrub, none, NULL, 0, &error));
    BAD(INVALID, hsm_store_scrub, tier, (store, 256, &scrub, sizeof scrub, none, NULL, 0, &error));
    FINE(hsm_store_scrub, options, (store, 3, NULL, 0, none, NULL, 0, &error));
    BAD(INVALID, hsm_store_scrub, options, (store, -1, &scrub_odd, sizeof scrub_odd, none, NULL, 0, &error));
    BAD(INVALID, hsm_store_scrub, options, (store, -1, &scrub_later, sizeof scrub_later, none, NULL, 0, &error));
    BAD(INVALID, hsm_store_scrub, options_size, (store, -1, &scrub, 0, none, NULL, 0, &error));
    BAD(INVALID, hsm_store_scrub, options_size, (store, -1, &scrub, TOO_LONG, none, NULL, 0, &error));
    BAD(INVALID, hsm_store_scrub, found, (store, -1, &scrub, sizeof scrub, half, NULL, 0, &error));
    CHECK(destroyed == 3);
    FINE(hsm_store_scrub, scrubbed_out, (store, -1, &scrub, sizeof scrub, whole, NULL, 0, &error));
    CHECK(destroyed == 4);
    BAD(INVALID, hsm_store_scrub, scrubbed_size, (store, -1, &scrub, sizeof scrub, none, &out.scrubbed, 0, &error));
    BAD(INVALID, hsm_store_scrub, scrubbed_size,
        (store, -1, &scrub, sizeof scrub, none, &out.scrubbed, TOO_LONG, &error));

    BAD(INVALID, hsm_store_compact, store, (NULL, -1, &compact, sizeof compact, none, NULL, 0, &error));
    CLOSED(hsm_store_compact, store, (closed, -1, &compact, sizeof compact, none, NULL, 0, &error));
    BAD(INVALID, hsm_store_compact, tier, (store, -2, &compact, sizeof compact, none, NULL, 0, &error));
    BAD(INVALID, hsm_store_compact, tier, (store, 256, &compact, sizeof compact, none, NULL, 0, &error));
    BAD(NOT_FOUND, hsm_store_compact, tier, (store, 200, &compact, sizeof compact, none, NULL, 0, &error));
    FINE(hsm_store_compact, options, (store, 0, NULL, 0, none, NULL, 0, &error));
    BAD(INVALID, hsm_store_compact, options, (store, -1, &compact_odd, sizeof compact_odd, none, NULL, 0, &error));
    BAD(INVALID, hsm_store_compact, options, (store, -1, &compact_less, sizeof compact_less, none, NULL, 0, &error));
    BAD(INVALID, hsm_store_compact, options, (store, -1, &compact_wide, sizeof compact_wide, none, NULL, 0, &error));
    BAD(INVALID, hsm_store_compact, options, (store, -1, &compact_later, sizeof compact_later, none, NULL, 0, &error));
    BAD(INVALID, hsm_store_compact, options_size, (store, -1, &compact, 0, none, NULL, 0, &error));
    BAD(INVALID, hsm_store_compact, options_size, (store, -1, &compact, TOO_LONG, none, NULL, 0, &error));
    BAD(INVALID, hsm_store_compact, found, (store, -1, &compact, sizeof compact, half, NULL, 0, &error));
    CHECK(destroyed == 5);
    FINE(hsm_store_compact, compacted_out, (store, -1, &compact, sizeof compact, whole, NULL, 0, &error));
    CHECK(destroyed == 6);
    BAD(INVALID, hsm_store_compact, compacted_size, (store, -1, &compact, sizeof compact, none, &out.compacted, 0, &error));
    BAD(INVALID, hsm_store_compact, compacted_size,
        (store, -1, &compact, sizeof compact, none, &out.compacted, TOO_LONG, &error));

    close_world();
    return 0;
}
