/* SPDX-License-Identifier: BSD-3-Clause */
#include "ipc_fault.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>

typedef struct {
    sigjmp_buf back;
    const uct_peervma_ipc_range_t *ranges;
    unsigned count;
} attempt_t;

/* Storage that a signal handler may look at: it is never made on demand. */
static __thread attempt_t *current __attribute__((tls_model("initial-exec")));

static struct sigaction previous;

static int is_in_ranges(const attempt_t *attempt, const void *address)
{
    unsigned i;

    for (i = 0; i < attempt->count; ++i) {
        if ((uintptr_t)address - (uintptr_t)attempt->ranges[i].start <
            attempt->ranges[i].length) {
            return 1;
        }
    }
    return 0;
}

/* What would have happened without us. */
static void pass_on(int number, siginfo_t *info, void *context)
{
    if (previous.sa_flags & SA_SIGINFO) {
        previous.sa_sigaction(number, info, context);
    } else if (previous.sa_handler == SIG_DFL) {
        /* The access is made again, or the signal sent again, and kills. */
        sigaction(number, &previous, NULL);
        if (info->si_code <= 0) {
            raise(number);
        }
    } else if (previous.sa_handler != SIG_IGN) {
        previous.sa_handler(number);
    } else if (info->si_code > 0) {
        signal(number, SIG_DFL); /* the kernel lets nobody ignore a fault */
    }
}

static void handle(int number, siginfo_t *info, void *context)
{
    attempt_t *attempt = current;

    if ((attempt != NULL) && (info->si_code > 0) &&
        is_in_ranges(attempt, info->si_addr)) {
        siglongjmp(attempt->back, 1);
    }
    pass_on(number, info, context);
}

/* SA_NODEFER: leaving the handler by a jump leaves no signal blocked. */
static void catch_once(void)
{
    const struct sigaction action = {.sa_sigaction = handle,
                                     .sa_flags =
                                         SA_SIGINFO | SA_NODEFER | SA_ONSTACK};

    sigaction(SIGBUS, NULL, &previous);
    sigaction(SIGBUS, &action, NULL);
}

void uct_peervma_ipc_fault_catch(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, catch_once);
}

int uct_peervma_ipc_fault_try(void (*access)(void *arg), void *arg,
                              const uct_peervma_ipc_range_t *ranges,
                              unsigned count)
{
    attempt_t attempt = {.ranges = ranges, .count = count};
    attempt_t *outer = current;
    int ret = -EFAULT;

    if (sigsetjmp(attempt.back, 0) == 0) {
        current = &attempt;
        __asm__ volatile("" ::: "memory"); /* before the first access */
        access(arg);
        ret = 0;
    }
    current = outer;
    return ret;
}
