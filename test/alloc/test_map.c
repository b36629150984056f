/* SPDX-License-Identifier: BSD-3-Clause */
/* Anonymous private mappings over a fake device behave like what they are. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "device_memory.h"

#define PAGE ((size_t)4096)
#define LENGTH (64 * PAGE)
#define RW (PROT_READ | PROT_WRITE)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

static char *map(size_t length)
{
    char *ptr = mmap(NULL, length, RW, ANONYMOUS, -1, 0);

    assert_ptr_not_equal(ptr, MAP_FAILED);
    return ptr;
}

static void assert_all(const char *ptr, size_t length, char value)
{
    size_t i;

    for (i = 0; i < length; i++) {
        assert_int_equal(ptr[i], value);
    }
}

static void anonymous_memory_is_placed_and_zero(void **state)
{
    char *ptr = map(LENGTH + 1);

    (void)state;
    assert_true(is_device(ptr) && is_device(ptr + LENGTH));
    assert_all(ptr, LENGTH + PAGE, 0);
    assert_int_equal(munmap(ptr, LENGTH + 1), 0);
    assert_int_equal(device_mappings(), 0);
}

static void other_mappings_are_as_they_were(void **state)
{
    static const struct {
        int protection, flags;
    } mappings[] = {
        {PROT_NONE, ANONYMOUS},          {PROT_READ, ANONYMOUS},
        {RW | PROT_EXEC, ANONYMOUS},     {RW, MAP_SHARED | MAP_ANONYMOUS},
        {RW, ANONYMOUS | MAP_NORESERVE}, {RW, ANONYMOUS | MAP_STACK},
    };
    size_t i;
    void *ptr;

    (void)state;
    for (i = 0; i < sizeof(mappings) / sizeof(mappings[0]); i++) {
        ptr = mmap(NULL, LENGTH, mappings[i].protection, mappings[i].flags, -1,
                   0);
        assert_ptr_not_equal(ptr, MAP_FAILED);
        assert_false(is_device(ptr));
        munmap(ptr, LENGTH);
    }
    ptr = map(15 * PAGE);
    assert_false(is_device(ptr));
    munmap(ptr, 15 * PAGE);
}

static void parts_can_be_unmapped(void **state)
{
    char *ptr = map(LENGTH);

    (void)state;
    memset(ptr, 1, LENGTH);
    assert_int_equal(munmap(ptr + 8 * PAGE, 8 * PAGE), 0);
    assert_int_equal(munmap(ptr, PAGE), 0);
    assert_int_equal(munmap(ptr + LENGTH - PAGE, PAGE), 0);
    assert_int_equal(device_mappings(), 2);
    assert_all(ptr + PAGE, 7 * PAGE, 1);
    assert_all(ptr + 16 * PAGE, LENGTH - 17 * PAGE, 1);
    /* all of it once more, holes and all */
    assert_int_equal(munmap(ptr, LENGTH), 0);
    assert_int_equal(device_mappings(), 0);
}

static void a_mapping_grows_and_shrinks(void **state)
{
    char *ptr = map(LENGTH), *grown;

    (void)state;
    memset(ptr, 2, LENGTH);
    assert_ptr_equal(mremap(ptr, LENGTH, 2 * LENGTH, 0), MAP_FAILED);
    assert_int_equal(errno, ENOMEM);
    grown = mremap(ptr, LENGTH, 2 * LENGTH, MREMAP_MAYMOVE);
    assert_true(is_device(grown + LENGTH));
    assert_all(grown, LENGTH, 2);
    assert_all(grown + LENGTH, LENGTH, 0);
    assert_ptr_equal(mremap(grown, 2 * LENGTH, PAGE, 0), grown);
    assert_false(is_device(grown + PAGE));
    assert_all(grown, PAGE, 2);
    assert_int_equal(munmap(grown, PAGE), 0);
    assert_int_equal(device_mappings(), 0);
}

static void a_mapping_moves_where_it_is_told(void **state)
{
    char *room = mmap(NULL, LENGTH, PROT_NONE, ANONYMOUS, -1, 0);
    char *ptr = map(LENGTH);

    (void)state;
    memset(ptr, 3, LENGTH);
    assert_ptr_equal(
        mremap(ptr, LENGTH, LENGTH, MREMAP_MAYMOVE | MREMAP_FIXED, room), room);
    assert_false(is_device(ptr));
    assert_all(room, LENGTH, 3);
    errno = 0;
    ptr = map(LENGTH);
    assert_ptr_equal(
        mremap(ptr, LENGTH, LENGTH, MREMAP_MAYMOVE | MREMAP_FIXED, ptr + PAGE),
        MAP_FAILED);
    assert_int_equal(errno, EINVAL);
    munmap(ptr, LENGTH);
    munmap(room, LENGTH);
}

static void what_is_mapped_over_it_is_not_ours(void **state)
{
    char *ptr = map(LENGTH);

    (void)state;
    assert_ptr_equal(mmap(ptr, LENGTH / 2, RW, ANONYMOUS | MAP_FIXED, -1, 0),
                     ptr);
    assert_false(is_device(ptr));
    assert_true(is_device(ptr + LENGTH / 2));
    memset(ptr, 4, LENGTH);
    /* not by our way to grow, which would not give back all of it */
    ptr = mremap(ptr, LENGTH / 2, PAGE, 0);
    assert_int_equal(munmap(ptr, LENGTH), 0);
    assert_int_equal(device_mappings(), 0);
}

static void an_address_that_was_ours_is_anybody_s(void **state)
{
    char *ptr = map(LENGTH), *other;

    (void)state;
    munmap(ptr, LENGTH);
    /* with a wish for an address, which is not for us */
    other = mmap(ptr, LENGTH, RW, ANONYMOUS, -1, 0);
    assert_ptr_equal(other, ptr);
    other = mremap(other, LENGTH, 2 * LENGTH, MREMAP_MAYMOVE);
    assert_false(is_device(other));
    munmap(other, 2 * LENGTH);
}

static void madvise_dontneed_gives_zeroes(void **state)
{
    char *ptr = map(LENGTH);

    (void)state;
    memset(ptr, 5, LENGTH);
    assert_int_equal(madvise(ptr + PAGE, PAGE, MADV_DONTNEED), 0);
    assert_all(ptr, PAGE, 5);
    assert_all(ptr + PAGE, PAGE, 0);
    assert_all(ptr + 2 * PAGE, LENGTH - 2 * PAGE, 5);
    munmap(ptr, LENGTH);
}

static int wait_for(pid_t child)
{
    int status = -1;

    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* In a child: exit code 0 if all is as it should be. */
static int child_of_fork(char *heap, char *mapping)
{
    char *fresh;

    if (is_device(heap) || is_device(mapping) || heap[0] != 1 ||
        heap[LENGTH - 1] != 1 || mapping[PAGE] != 2) {
        return 1;
    }
    memset(heap, 11, LENGTH);
    memset(mapping, 12, LENGTH);
    heap = realloc(heap, 2 * LENGTH);
    if (heap == NULL || heap[LENGTH - 1] != 11) {
        return 2;
    }
    free(heap);
    fresh = malloc(LENGTH);
    if (!is_device(fresh)) {
        return 3;
    }
    free(fresh);
    return munmap(mapping, LENGTH) == 0 && device_mappings() == 0 ? 0 : 4;
}

static void a_forked_child_has_memory_of_its_own(void **state)
{
    char *heap = malloc(LENGTH), *mapping = map(LENGTH);
    pid_t child;

    (void)state;
    memset(heap, 1, LENGTH);
    memset(mapping, 2, LENGTH);
    /* no access: the copy leaves it out */
    assert_int_equal(mprotect(mapping, PAGE, PROT_NONE), 0);
    child = fork();
    if (child == 0) {
        _exit(child_of_fork(heap, mapping));
    }
    assert_int_equal(wait_for(child), 0);
    assert_true(is_device(heap) && is_device(mapping));
    assert_all(heap, LENGTH, 1);
    assert_all(mapping + PAGE, LENGTH - PAGE, 2);
    free(heap);
    munmap(mapping, LENGTH);
}

static void a_grandchild_too(void **state)
{
    char *heap = malloc(LENGTH);
    pid_t child, grandchild;

    (void)state;
    memset(heap, 1, LENGTH);
    child = fork();
    if (child == 0) {
        memset(heap, 2, LENGTH);
        grandchild = fork();
        if (grandchild == 0) {
            _exit(heap[0] == 2 && (heap[0] = 3) ? 0 : 1);
        }
        _exit(wait_for(grandchild) == 0 && heap[0] == 2 ? 0 : 1);
    }
    assert_int_equal(wait_for(child), 0);
    assert_all(heap, LENGTH, 1);
    free(heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(anonymous_memory_is_placed_and_zero),
        cmocka_unit_test(other_mappings_are_as_they_were),
        cmocka_unit_test(parts_can_be_unmapped),
        cmocka_unit_test(a_mapping_grows_and_shrinks),
        cmocka_unit_test(a_mapping_moves_where_it_is_told),
        cmocka_unit_test(what_is_mapped_over_it_is_not_ours),
        cmocka_unit_test(an_address_that_was_ours_is_anybody_s),
        cmocka_unit_test(madvise_dontneed_gives_zeroes),
        cmocka_unit_test(a_forked_child_has_memory_of_its_own),
        cmocka_unit_test(a_grandchild_too),
    };

    run_under_alloc();
    return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
