/*
 * A child has no client until it begins one; then parent and child work on one store and write one file of events. That holds too
 * where other threads of the parent were in the middle of a call, and held whatever locks there are.
 */
#include "check.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#define PARENTS "00000000-0000-0000-0000-000000000001"
#define CHILDS "00000000-0000-0000-0000-000000000002"

static int is_in_feed(const char *wanted)
{
    static char feed[1 << 20];
    FILE *file = fopen(".cache/hestia/event_feed.yaml", "r");
    CHECK(file != NULL);
    feed[fread(feed, 1, sizeof feed - 1, file)] = 0;
    CHECK(fclose(file) == 0);
    return strstr(feed, wanted) != NULL;
}

#define FORKS 40
#define THREADS 3

static volatile int is_over;

static void *calls(void *none)
{
    while (!is_over) {
        HestiaId id;
        CHECK_OK(hestia_init_id(&id));
        HestiaIoContext io = memory("busy", 4, 0);
        CHECK_OK(hestia_object_put(&id, HESTIA_CREATE, &io, NULL));
        CHECK_OK(hestia_free_id(&id));
    }
    return none;
}

/* A child that hangs is ended by its alarm. */
static void children_of_a_busy_parent(void)
{
    pthread_t threads[THREADS];
    for (int index = 0; index < THREADS; index++)
        CHECK(pthread_create(&threads[index], NULL, calls, NULL) == 0);
    for (int index = 0; index < FORKS; index++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            alarm(60);
            HestiaId id = id_of(PARENTS);
            HestiaObject object;
            if (hestia_object_get_attrs(&id, &object) != HESTIA_ERROR_CLIENT_STATE || hestia_free_id(&id) != 0 ||
                hestia_initialize(NULL, NULL, NULL) != HESTIA_ERROR_CLIENT_STATE || hestia_finish() != 0 ||
                hestia_finish() != HESTIA_ERROR_CLIENT_STATE)
                _exit(1);
            _exit(0);
        }
        int status = 0;
        CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    is_over = 1;
    for (int index = 0; index < THREADS; index++)
        CHECK(pthread_join(threads[index], NULL) == 0);
}

int main(int count, char **arguments)
{
    CHECK(count == 2 && chdir(arguments[1]) == 0);
    CHECK_OK(hestia_initialize(NULL, NULL, NULL));
    put_text(PARENTS, HESTIA_CREATE, "from the parent", 0);

    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        HestiaId id = id_of(CHILDS);
        HestiaIoContext io = memory("from the child", 14, 0);
        CHECK_CODE(hestia_object_put(&id, HESTIA_CREATE, &io, NULL), HESTIA_ERROR_CLIENT_STATE);
        CHECK_CODE(hestia_initialize(NULL, NULL, NULL), HESTIA_ERROR_CLIENT_STATE);
        CHECK_OK(hestia_finish());
        CHECK_OK(hestia_initialize(NULL, NULL, NULL));
        CHECK_OK(hestia_object_put(&id, HESTIA_CREATE, &io, NULL));
        CHECK_CONTENT(PARENTS, "from the parent");
        CHECK_OK(hestia_finish());
        _exit(0);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(is_in_feed(CHILDS));
    CHECK_CONTENT(CHILDS, "from the child");
    put_text(CHILDS, HESTIA_UPDATE, "changed by the parent", 0);
    CHECK(is_in_feed("size: 21"));
    children_of_a_busy_parent();
    CHECK_OK(hestia_finish());
    return 0;
}
