/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ranges that were mapped or unmapped, on their way from the hooks that report
 * them to the lookup that takes them up: a ring of fixed size for any number of
 * writers and one reader. A writer neither waits nor allocates; one that finds
 * the ring full leaves word that something was lost.
 *
 * Zeroes are an empty ring.
 */
#ifndef PEERVMA_NOTIFY_H
#define PEERVMA_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

#define PEERVMA_NOTIFY_SLOTS 1024

struct peervma_change {
    uintptr_t start;
    uintptr_t end;
    bool mapped; /* else unmapped */
};

struct peervma_notify_slot {
    uint64_t ticket; /* 1 + the number of the change in it, once written */
    uintptr_t start;
    uintptr_t end;
    unsigned mapped;
};

struct peervma_notify {
    uint64_t head; /* changes taken out */
    uint64_t tail; /* changes put in, the last ones perhaps half-written */
    unsigned lost;
    struct peervma_notify_slot slots[PEERVMA_NOTIFY_SLOTS];
};

void peervma_notify_put(struct peervma_notify *notify,
                        const struct peervma_change *change);

/* Is there anything to take out? May be asked by anybody. */
static inline bool peervma_notify_pending(const struct peervma_notify *notify)
{
    return __atomic_load_n(&notify->tail, __ATOMIC_ACQUIRE) !=
               __atomic_load_n(&notify->head, __ATOMIC_ACQUIRE) ||
           __atomic_load_n(&notify->lost, __ATOMIC_ACQUIRE) != 0;
}

/* 0, -ENOENT if there is none, -EAGAIN if the next is only half-written. */
int peervma_notify_take(struct peervma_notify *notify,
                        struct peervma_change *change_p);

/* Leave word that something was lost, or take it up: was it? */
void peervma_notify_lose(struct peervma_notify *notify);
bool peervma_notify_take_lost(struct peervma_notify *notify);

#endif
