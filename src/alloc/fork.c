/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A forked child has its own copy of its parent's memory; of a mapping of a
 * device it would have the same. So the parent copies to host memory before
 * it forks, the child puts that in the place of the mappings, and the parent
 * drops it. vfork(), posix_spawn() and clone() come not by here, and need not.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "alloc.h"
#include "counters.h"
#include "place.h"
#include "ranges.h"

/*
 * The kernel copies, for a part may have no access now, or be unmapped by a
 * way that is not ours: pages that it can't read stay zero. It reads the local
 * side as a program does, and only the remote side has to have pages.
 */
static void copy_readable(char *to, char *from, size_t length)
{
    pid_t self = getpid();
    size_t done = 0;
    ssize_t count;

    while (done < length) {
        struct iovec local = {from + done, length - done};
        struct iovec remote = {to + done, length - done};

        count = syscall(SYS_process_vm_writev, self, &local, 1ul, &remote, 1ul,
                        0ul);
        if (count > 0) {
            done += (size_t)count;
        } else if (count < 0 && errno == EFAULT) {
            done = (done + ALLOC_PAGE) & ~(ALLOC_PAGE - 1);
        } else {
            /* Not allowed, as in some containers. */
            memcpy(to + done, from + done, length - done);
            return;
        }
    }
}

static void copy_range(struct range *range)
{
    void *copy;

    range->copy = NULL;
    if (range->host) {
        return;
    }
    copy =
        (void *)syscall(SYS_mmap, NULL, range->length, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy == MAP_FAILED) {
        counters_say("peervma: no host memory for a forked child's copy of %zu "
                     "bytes: parent and child share them\n",
                     range->length);
        return;
    }
    copy_readable(copy, (char *)range->start, range->length);
    range->copy = copy;
}

static void drop_copy(struct range *range)
{
    if (range->copy != NULL) {
        syscall(SYS_munmap, range->copy, range->length);
        range->copy = NULL;
    }
}

static void use_copy(struct range *range)
{
    if (range->copy != NULL) {
        syscall(SYS_mremap, range->copy, range->length, range->length,
                MREMAP_MAYMOVE | MREMAP_FIXED, range->start);
        range->copy = NULL;
        range->host = true;
    }
}

static void before_fork(void)
{
    int saved_errno = errno;

    place_lock();
    ranges_lock();
    ranges_foreach(copy_range);
    errno = saved_errno;
}

static void in_parent(void)
{
    int saved_errno = errno;

    ranges_foreach(drop_copy);
    ranges_unlock();
    place_unlock();
    errno = saved_errno;
}

static void in_child(void)
{
    int saved_errno = errno;

    ranges_foreach(use_copy);
    ranges_unlock();
    place_forget();
    place_unlock();
    errno = saved_errno;
}

__attribute__((constructor)) static void fork_start(void)
{
    pthread_atfork(before_fork, in_parent, in_child);
}
