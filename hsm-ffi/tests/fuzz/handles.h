/*
 * The handles that are alive, a pool for each type. What is lent is kept with its lender, and forgotten before the
 * lender is changed or freed. What is freed leaves its pool, so that no call is made which is the caller's own fault.
 */
#ifndef HANDLES_H
#define HANDLES_H

#include "random.h"

#define POOL_SIZE 5

struct handle {
    void *at;
    /* NULL: it is ours, and we free it. */
    void *lender;
    unsigned number;
};

/* KIND_* and KINDS are made from the header. */
static struct handle pool[KINDS][POOL_SIZE];
static size_t pooled[KINDS];

/* Of the header's functions: those that make a kind, a list that ends with NULL, and the one that frees it. */
static void (*const constructors[KINDS][8])(void);
static void (*const frees[KINDS])(void *);

/* What the call around a nested one has for itself. */
static void *taken;

static unsigned handles_made;

static void forget(enum kind kind, size_t index)
{
    pool[kind][index] = pool[kind][--pooled[kind]];
}

/* Forgets all that a handle has lent. */
static void end_loans(void *lender)
{
    for (int kind = 0; kind < KINDS && lender != NULL; kind++)
        for (size_t i = pooled[kind]; i-- > 0;)
            if (pool[kind][i].lender == lender) {
                void *lent = pool[kind][i].at;
                forget(kind, i);
                end_loans(lent);
            }
}

/* Forgets a handle that was just freed. */
static void forget_freed(enum kind kind, void *at)
{
    end_loans(at);
    for (size_t i = 0; i < pooled[kind]; i++)
        if (pool[kind][i].at == at && pool[kind][i].lender == NULL) {
            forget(kind, i);
            return;
        }
}

static void free_handle(enum kind kind, void *at)
{
    end_loans(at);
    trace("hsm_%s_free(%p);\n", kind_names[kind], at);
    fflush(trace_file);
    frees[kind](at);
    forget_freed(kind, at);
}

/* Frees one that is ours, in a random place. */
static int free_one(enum kind kind)
{
    size_t start = pooled[kind] == 0 ? 0 : below(pooled[kind]);
    for (size_t i = 0; i < pooled[kind]; i++) {
        struct handle *handle = &pool[kind][(start + i) % pooled[kind]];
        if (handle->lender == NULL) {
            free_handle(kind, handle->at);
            return 1;
        }
    }
    return 0;
}

/* Takes a new handle in. */
static void keep(enum kind kind, void *at, void *lender)
{
    if (pooled[kind] == POOL_SIZE && is_nested) {
        if (lender == NULL)
            frees[kind](at);
        return;
    }
    if (pooled[kind] == POOL_SIZE && !free_one(kind)) {
        void *lent = pool[kind][0].at;
        forget(kind, 0);
        end_loans(lent);
    }
    struct handle handle = {at, lender, ++handles_made};
    pool[kind][pooled[kind]++] = handle;
    trace("    /* %p is now %s %u */\n", at, kind_names[kind], handle.number);
}

/* Makes a handle of a kind where there is none, with what that needs in turn. */
static void need(enum kind kind)
{
    static int depth;
    size_t count = 0;
    while (constructors[kind][count] != NULL)
        count++;
    for (int i = 0; i < 3 && count > 0 && pooled[kind] == 0 && depth < 6 && !is_nested; i++) {
        depth++;
        constructors[kind][below(count)]();
        depth--;
    }
}

/* A handle, often the newest. Where it is `exclusive`, nothing may still use what it lent. */
static void *pick(enum kind kind, int exclusive)
{
    struct handle *found[POOL_SIZE];
    size_t count = 0;
    for (size_t i = 0; i < pooled[kind]; i++) {
        struct handle *handle = &pool[kind][i];
        if (handle->at != taken && (!exclusive || handle->lender == NULL))
            found[count++] = handle;
    }
    if (count == 0 || chance(1)) {
        trace("NULL");
        return NULL;
    }
    struct handle *handle = found[chance(60) ? count - 1 : below(count)];
    trace("%p /* %s %u */", handle->at, kind_names[kind], handle->number);
    return handle->at;
}

/* A handle that may be left out, and often is. */
static void *pick_optional(enum kind kind, int exclusive)
{
    if (chance(50))
        return pick(kind, exclusive);
    trace("NULL");
    return NULL;
}

/* Frees all, in a random order. */
static void free_all(void)
{
    for (size_t left = 1; left > 0;) {
        free_one((enum kind)below(KINDS));
        left = 0;
        for (int kind = 0; kind < KINDS; kind++)
            left += pooled[kind];
    }
}

#endif
