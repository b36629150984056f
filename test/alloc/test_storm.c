/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads that allocate, grow, hand on and free, while others fork. Each block
 * has its owner's mark on each of its pages.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "device_memory.h"

#define THREADS 8
#define STEPS 1500
#define SLOTS 32
#define PAGE ((size_t)4096)

struct block {
    size_t length;
    uint64_t mark;
    bool mapped; /* by mmap */
};

/* Shared by all threads: taken out and put in by exchange. */
static struct block *_Atomic slot[SLOTS];
static _Atomic unsigned wrong;

static unsigned next(unsigned *random)
{
    return (*random = *random * 1103515245 + 12345) >> 8;
}

static void mark(struct block *block)
{
    size_t offset;

    for (offset = 64; offset + 8 <= block->length; offset += PAGE) {
        memcpy((char *)block + offset, &block->mark, sizeof(block->mark));
    }
}

static void check(const struct block *block, size_t length)
{
    size_t offset;

    for (offset = 64; offset + 8 <= length; offset += PAGE) {
        if (memcmp((const char *)block + offset, &block->mark,
                   sizeof(block->mark)) != 0) {
            wrong++;
        }
    }
}

static struct block *create(unsigned *random)
{
    size_t length = 100 + next(random) % (next(random) & 1 ? 400000 : 4000);
    bool mapped = next(random) % 4 == 0;
    struct block *block;

    if (mapped) {
        block = mmap(NULL, length, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    } else {
        block = next(random) & 1 ? malloc(length) : calloc(1, length);
    }
    *block = (struct block){length, (uint64_t)*random << 32 | length, mapped};
    mark(block);
    return block;
}

static struct block *resize(struct block *block, unsigned *random)
{
    size_t length = 100 + next(random) % 400000;
    size_t old = block->length;
    size_t kept = length < old ? length : old;

    if (block->mapped) {
        block = mremap(block, old, length, MREMAP_MAYMOVE);
    } else {
        block = realloc(block, length);
    }
    check(block, kept);
    block->length = length;
    mark(block);
    return block;
}

static void destroy(struct block *block)
{
    if (block == NULL) {
        return;
    }
    check(block, block->length);
    if (block->mapped) {
        munmap(block, block->length);
    } else {
        free(block);
    }
}

static void *storm(void *arg)
{
    unsigned random = (unsigned)(uintptr_t)arg * 7919 + 1, step;
    struct block *block;

    for (step = 0; step < STEPS; step++) {
        unsigned i = next(&random) % SLOTS;

        block = atomic_exchange(&slot[i], NULL);
        if (block == NULL) {
            block = create(&random);
        } else if (next(&random) & 1) {
            block = resize(block, &random);
        } else {
            destroy(block);
            block = NULL;
        }
        destroy(atomic_exchange(&slot[i], block));
    }
    return NULL;
}

static void run_threads(void)
{
    pthread_t thread[THREADS];
    uintptr_t i;

    for (i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, storm, (void *)i), 0);
    }
    for (i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
    }
}

static void empty_slots(void)
{
    unsigned i;

    for (i = 0; i < SLOTS; i++) {
        destroy(atomic_exchange(&slot[i], NULL));
    }
}

static void threads_hand_blocks_to_each_other(void **state)
{
    (void)state;
    run_threads();
    empty_slots();
    assert_int_equal(wrong, 0);
    assert_int_equal(device_mappings(), 0);
}

static _Atomic bool storming;

/* Children of one thread find their memory whole and usable. */
static void *forks(void *arg)
{
    unsigned *bad = arg;
    char *own = malloc(100000), *fresh;
    int status;
    pid_t child;

    memset(own, 6, 100000);
    while (storming) {
        child = fork();
        if (child == 0) {
            fresh = calloc(1, 100000);
            status = is_device(own) || !is_device(fresh) || own[99999] != 6;
            own[99999] = 7;
            free(own);
            _exit(status);
        }
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0 ||
            own[99999] != 6) {
            (*bad)++;
        }
    }
    free(own);
    return NULL;
}

static void fork_in_the_storm(void **state)
{
    unsigned bad = 0;
    pthread_t thread;

    (void)state;
    storming = true;
    assert_int_equal(pthread_create(&thread, NULL, forks, &bad), 0);
    run_threads();
    storming = false;
    pthread_join(thread, NULL);
    empty_slots();
    assert_int_equal(bad, 0);
    assert_int_equal(wrong, 0);
    assert_int_equal(device_mappings(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_hand_blocks_to_each_other),
        cmocka_unit_test(fork_in_the_storm),
    };

    run_under_alloc();
    return cmocka_run_group_tests_name("storm", tests, NULL, NULL);
}
