/*
 * The first to begin a client, many at once: a store is made, and a tier added, once. Of the threads of a process one begins
 * the client, and the others are told that there is one.
 */
#include "crowd.h"

enum { THREADS = 6, PROCESSES = 4, ROUNDS = 2 };

static char config[256];
static int tiers_wanted;
static int begun;

static void check_client(int number)
{
    uint8_t *tiers = NULL;
    size_t count = 0;
    HestiaId id = id_of(NULL);
    HestiaIoContext io = memory(&number, sizeof number, 0);
    CHECK_OK(hestia_list_tiers(&tiers, &count));
    CHECK(count == (size_t)tiers_wanted);
    for (int at = 0; at < tiers_wanted; at++)
        CHECK(tiers[at] == at);
    CHECK_OK(hestia_free_tier_ids(&tiers));
    id.m_hi = (uint64_t)tiers_wanted;
    id.m_lo = (uint64_t)number + 1;
    HestiaTier tier = tier_of((uint8_t)(tiers_wanted - 1));
    CHECK_OK(hestia_object_put(&id, HESTIA_CREATE, &io, &tier));
}

static void begin_in_a_process(int number)
{
    CHECK_OK(hestia_initialize(NULL, NULL, config));
    check_client(number);
    CHECK_OK(hestia_finish());
}

static void begin_in_a_thread(int number)
{
    int code = hestia_initialize(NULL, NULL, config);
    if (code == 0)
        __sync_add_and_fetch(&begun, 1);
    else
        CHECK_CODE(code, HESTIA_ERROR_CLIENT_STATE);
    /* Whoever began it, it is there for all. */
    check_client(number);
}

/* Every object that somebody put while they all began. */
static void check_objects(int count)
{
    HestiaId *ids = NULL;
    size_t found = 0;
    CHECK_OK(hestia_object_list((uint8_t)(tiers_wanted - 1), &ids, &found));
    CHECK(found == (size_t)count);
    for (size_t at = 0; at < found; at++)
        CHECK(ids[at].m_hi == (uint64_t)tiers_wanted && ids[at].m_lo == at + 1);
    CHECK_OK(hestia_free_ids(&ids, found));
}

static void configure(int round, int tiers)
{
    size_t used = (size_t)snprintf(config, sizeof config, "{\"cache_path\": \"cache-%d\", \"tiers\": [", round);
    tiers_wanted = tiers;
    for (int tier = 0; tier < tiers; tier++)
        used += (size_t)snprintf(config + used, sizeof config - used, "%s{\"priority\": %d}", tier == 0 ? "" : ", ", tier);
    snprintf(config + used, sizeof config - used, "]}");
}

static void check_in_a_process(int number)
{
    (void)number;
    CHECK_OK(hestia_initialize(NULL, NULL, config));
    check_objects(PROCESSES);
    CHECK_OK(hestia_finish());
}

static void in_threads_of_one_process(void)
{
    begun = 0;
    in_threads(THREADS, begin_in_a_thread);
    CHECK(begun == 1);
    check_objects(THREADS);
    CHECK_OK(hestia_finish());
}

int main(int count, char **arguments)
{
    CHECK(count == 2 && chdir(arguments[1]) == 0);
    /* First in processes: what the library has in memory stays in a forked child, which is a leak to memcheck. The store is made,
     * and then has one tier more. */
    for (int round = 0; round < ROUNDS; round++)
        for (int tiers = 2; tiers < 4; tiers++) {
            configure(round, tiers);
            in_processes(PROCESSES, begin_in_a_process);
            in_processes(1, check_in_a_process);
        }
    for (int round = 0; round < ROUNDS; round++) {
        configure(round, 4);
        in_threads_of_one_process();
        configure(round + ROUNDS, 2);
        in_threads_of_one_process();
    }
    return 0;
}
