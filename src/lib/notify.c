/* SPDX-License-Identifier: BSD-3-Clause */
#include "notify.h"

#include <errno.h>

static struct peervma_notify_slot *slot_of(struct peervma_notify *notify,
                                           uint64_t number)
{
    return &notify->slots[number % PEERVMA_NOTIFY_SLOTS];
}

void peervma_notify_put(struct peervma_notify *notify,
                        const struct peervma_change *change)
{
    uint64_t number = __atomic_load_n(&notify->tail, __ATOMIC_RELAXED);
    struct peervma_notify_slot *slot;

    do {
        if (number - __atomic_load_n(&notify->head, __ATOMIC_ACQUIRE) >=
            PEERVMA_NOTIFY_SLOTS) {
            peervma_notify_lose(notify);
            return;
        }
    } while (!__atomic_compare_exchange_n(&notify->tail, &number, number + 1,
                                          true, __ATOMIC_RELEASE,
                                          __ATOMIC_RELAXED));

    slot = slot_of(notify, number);
    slot->start = change->start;
    slot->end = change->end;
    slot->mapped = change->mapped;
    __atomic_store_n(&slot->ticket, number + 1, __ATOMIC_RELEASE);
}

int peervma_notify_take(struct peervma_notify *notify,
                        struct peervma_change *change_p)
{
    uint64_t number = notify->head;
    struct peervma_notify_slot *slot = slot_of(notify, number);

    if (__atomic_load_n(&notify->tail, __ATOMIC_ACQUIRE) == number) {
        return -ENOENT;
    }
    if (__atomic_load_n(&slot->ticket, __ATOMIC_ACQUIRE) != number + 1) {
        return -EAGAIN;
    }

    *change_p = (struct peervma_change){
        .start = slot->start,
        .end = slot->end,
        .mapped = slot->mapped != 0,
    };
    __atomic_store_n(&notify->head, number + 1, __ATOMIC_RELEASE);
    return 0;
}

void peervma_notify_lose(struct peervma_notify *notify)
{
    __atomic_store_n(&notify->lost, 1, __ATOMIC_RELEASE);
}

bool peervma_notify_take_lost(struct peervma_notify *notify)
{
    return __atomic_exchange_n(&notify->lost, 0, __ATOMIC_ACQ_REL) != 0;
}
