/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The transport pvma_ipc below UCX: two processes, of which one exports what
 * stands for device memory, and one maps it.
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "ipc_cache.h"
#include "ipc_fault.h"
#include "ipc_service.h"
#include "stats.h"

#define PAGE 4096
#define LENGTH (2 * PAGE)

/* The owner's exports: one that is given, one that is refused, and many that
 * are given, all of which it can be told to drop at once. */
#define GIVEN 7
#define REFUSED 8
#define FIRST 1000
#define CROWD 1000

/* Orders to the owner, beside an id to be dropped; what else it answers. */
#define DROP_CROWD 'c'
#define WAIT 'w' /* a second: hundredths of it spent computing */

#define NOBODY 65534
#define MANY 200 /* steps of 50 ms */

typedef struct {
    pid_t pid;
    int orders; /* one byte each, as above */
    int done;   /* one byte for each order */
    uct_peervma_ipc_token_t token;
} owner_t;

static int open_export(uint64_t id, uint64_t *offset_p, void *arg)
{
    static const char text[] = "device memory";
    const atomic_int *dropped = arg;
    int fd;

    if (((id != GIVEN) && (id < FIRST)) || atomic_load(dropped)) {
        return (id == GIVEN) ? -ESTALE : -EDQUOT;
    }
    fd = memfd_create("export", MFD_CLOEXEC);
    if ((fd < 0) || (ftruncate(fd, PAGE + LENGTH) != 0) ||
        (pwrite(fd, text, sizeof(text), PAGE) < 0)) {
        return -EIO;
    }
    *offset_p = PAGE;
    return fd;
}

static void ignore_drop(const uct_peervma_ipc_token_t *owner, uint64_t id,
                        void *arg)
{
    (void)owner;
    (void)id;
    (void)arg;
}

static double cpu_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static char spent_in_a_second(void)
{
    double before = cpu_seconds();

    sleep(1);
    return (char)((cpu_seconds() - before) * 100);
}

static char obey(char order, atomic_int *dropped)
{
    uint64_t id;

    switch (order) {
    case DROP_CROWD:
        for (id = FIRST; id < FIRST + CROWD; ++id) {
            uct_peervma_ipc_service_tell_dropped(id);
        }
        return 0;
    case WAIT:
        return spent_in_a_second();
    default:
        *dropped = 1;
        uct_peervma_ipc_service_tell_dropped((uint64_t)order);
        return 0;
    }
}

static void own(int orders, int done)
{
    static const uct_peervma_ipc_service_ops_t ops = {open_export, ignore_drop};
    atomic_int dropped = 0;
    char order;

    if ((uct_peervma_ipc_service_start(&ops, &dropped) != 0) ||
        (uct_peervma_ipc_service_answer() != 0) ||
        (write(done, uct_peervma_ipc_service_token(),
               sizeof(uct_peervma_ipc_token_t)) < 0)) {
        _exit(1);
    }
    while (read(orders, &order, 1) == 1) {
        order = obey(order, &dropped);
        if (write(done, &order, 1) != 1) {
            break;
        }
    }
    _exit(0);
}

static int start_owner(void **state)
{
    static owner_t owner;
    int orders[2], done[2];

    if ((pipe(orders) != 0) || (pipe(done) != 0)) {
        return -1;
    }
    owner.pid = fork();
    if (owner.pid == 0) {
        close(orders[1]);
        own(orders[0], done[1]);
    }
    close(orders[0]);
    close(done[1]);
    owner.orders = orders[1];
    owner.done = done[0];
    *state = &owner;
    return read(owner.done, &owner.token, sizeof(owner.token)) ==
                   (ssize_t)sizeof(owner.token)
               ? 0
               : -1;
}

static void end_owner(owner_t *owner)
{
    if (owner->pid > 0) {
        kill(owner->pid, SIGKILL);
        waitpid(owner->pid, NULL, 0);
        owner->pid = 0;
    }
}

static const uct_peervma_ipc_service_ops_t peer_ops = {
    open_export, uct_peervma_ipc_cache_drop};
static atomic_int peer_dropped;

static int start_both(void **state)
{
    int i;

    for (i = 0; i < UCT_PEERVMA_STAT_LAST; ++i) {
        uct_peervma_stats[i] = 0;
    }
    return start_owner(state) ||
           uct_peervma_ipc_service_start(&peer_ops, &peer_dropped);
}

static int stop_both(void **state)
{
    owner_t *owner = *state;

    uct_peervma_ipc_service_stop();
    end_owner(owner);
    close(owner->orders);
    close(owner->done);
    return 0;
}

static char order(owner_t *owner, char byte)
{
    assert_int_equal(write(owner->orders, &byte, 1), 1);
    assert_int_equal(read(owner->done, &byte, 1), 1);
    return byte;
}

static uct_peervma_ipc_key_t key_of(const owner_t *owner, uint64_t id)
{
    return (uct_peervma_ipc_key_t){
        .owner = owner->token, .id = id, .base = 0x1000, .length = LENGTH};
}

static uint64_t stat(uct_peervma_stat_t which)
{
    return uct_peervma_stat_get(which);
}

static void await_stat(uct_peervma_stat_t which, uint64_t value)
{
    int i;

    for (i = 0; (i < MANY) && (stat(which) != value); ++i) {
        usleep(50000);
    }
    assert_int_equal(stat(which), value);
}

static void is_mapped_once_and_kept(void **state)
{
    const uct_peervma_ipc_key_t key = key_of(*state, GIVEN);
    uct_peervma_ipc_mapping_t *first, *second;

    assert_int_equal(uct_peervma_ipc_cache_get(&key, &first), 0);
    assert_string_equal(first->address, "device memory");
    uct_peervma_ipc_cache_put(first);
    assert_int_equal(uct_peervma_ipc_cache_get(&key, &second), 0);
    assert_ptr_equal(first, second);
    uct_peervma_ipc_cache_put(second);
    assert_int_equal(stat(UCT_PEERVMA_STAT_IPC_MAPS), 1);
    assert_int_equal(stat(UCT_PEERVMA_STAT_IPC_HITS), 1);
    assert_int_equal(stat(UCT_PEERVMA_STAT_IPC_UNMAPS), 0);
}

static void *get_and_put(void *arg)
{
    uct_peervma_ipc_mapping_t *mapping;
    int ret = uct_peervma_ipc_cache_get(arg, &mapping);

    if (ret == 0) {
        uct_peervma_ipc_cache_put(mapping);
    }
    return (void *)(intptr_t)ret;
}

static void threads_share_one_mapping(void **state)
{
    uct_peervma_ipc_key_t key = key_of(*state, GIVEN);
    pthread_t threads[8];
    void *ret;
    int i;

    for (i = 0; i < 8; ++i) {
        assert_int_equal(pthread_create(&threads[i], NULL, get_and_put, &key),
                         0);
    }
    for (i = 0; i < 8; ++i) {
        pthread_join(threads[i], &ret);
        assert_null(ret);
    }
    assert_int_equal(stat(UCT_PEERVMA_STAT_IPC_MAPS), 1);
    assert_int_equal(stat(UCT_PEERVMA_STAT_IPC_HITS), 7);
}

static void is_unmapped_when_the_owner_drops_it(void **state)
{
    const uct_peervma_ipc_key_t key = key_of(*state, GIVEN);
    uct_peervma_ipc_mapping_t *mapping;

    assert_int_equal(uct_peervma_ipc_cache_get(&key, &mapping), 0);
    uct_peervma_ipc_cache_put(mapping);
    order(*state, GIVEN + 1); /* of another one */
    order(*state, GIVEN);
    await_stat(UCT_PEERVMA_STAT_IPC_UNMAPS, 1);
    assert_int_equal(uct_peervma_ipc_cache_get(&key, &mapping), -ESTALE);
}

static void stays_while_it_is_used_but_not_for_others(void **state)
{
    const uct_peervma_ipc_key_t key = key_of(*state, GIVEN);
    uct_peervma_ipc_mapping_t *mapping, *other;
    int i;

    assert_int_equal(uct_peervma_ipc_cache_get(&key, &mapping), 0);
    order(*state, GIVEN);
    for (i = 0; (i < MANY) && !mapping->dropped; ++i) {
        usleep(50000);
    }
    assert_true(mapping->dropped);
    assert_string_equal(mapping->address, "device memory");
    assert_int_equal(uct_peervma_ipc_cache_get(&key, &other), -ESTALE);
    assert_int_equal(stat(UCT_PEERVMA_STAT_IPC_UNMAPS), 0);
    uct_peervma_ipc_cache_put(mapping);
    assert_int_equal(stat(UCT_PEERVMA_STAT_IPC_UNMAPS), 1);
}

static void is_unmapped_when_the_owner_is_killed(void **state)
{
    owner_t *owner = *state;
    const uct_peervma_ipc_key_t key = key_of(owner, GIVEN);
    uct_peervma_ipc_mapping_t *mapping;
    int ret;

    assert_int_equal(uct_peervma_ipc_cache_get(&key, &mapping), 0);
    uct_peervma_ipc_cache_put(mapping);
    end_owner(owner);
    await_stat(UCT_PEERVMA_STAT_IPC_UNMAPS, 1);
    ret = uct_peervma_ipc_cache_get(&key, &mapping);
    assert_true((ret == -ECONNREFUSED) || (ret == -ECONNRESET));
}

static void a_refusal_is_told_and_remembered(void **state)
{
    owner_t *owner = *state;
    const uct_peervma_ipc_key_t key = key_of(owner, REFUSED);
    uct_peervma_ipc_mapping_t *mapping;

    assert_int_equal(uct_peervma_ipc_cache_get(&key, &mapping), -EDQUOT);
    kill(owner->pid, SIGSTOP); /* it could not answer again */
    assert_int_equal(uct_peervma_ipc_cache_get(&key, &mapping), -EDQUOT);
    kill(owner->pid, SIGCONT);
    assert_int_equal(stat(UCT_PEERVMA_STAT_IPC_MAPS), 0);
}

static void a_key_of_nothing_is_refused(void **state)
{
    uct_peervma_ipc_key_t key = key_of(*state, 0);
    uct_peervma_ipc_mapping_t *mapping;

    assert_int_equal(uct_peervma_ipc_cache_get(&key, &mapping), -ENXIO);
}

/* In a process of its own: what a stranger gets from the owner. */
static int ask_as_stranger(const uct_peervma_ipc_token_t *token)
{
    uct_peervma_ipc_message_t message;
    struct timeval limit = {.tv_sec = 10};
    int fd, given = -1, ret, i;

    /* connect() of ours looks at the owner's user, which this one is not. */
    if (setresuid(NOBODY, NOBODY, NOBODY) != 0) {
        return 77;
    }
    fd = uct_peervma_ipc_connect(token);
    if (fd != -EKEYREJECTED) {
        return 1;
    }
    fd = uct_peervma_ipc_connect_any(token);
    if (fd < 0) {
        return 2;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    uct_peervma_ipc_send(fd, UCT_PEERVMA_IPC_GET, GIVEN, 0, 0, -1);
    ret = -EAGAIN;
    for (i = 0; (i < MANY) && (ret == -EAGAIN); ++i) {
        ret = uct_peervma_ipc_receive(fd, &message, &given);
        usleep((ret == -EAGAIN) ? 50000 : 0);
    }
    return ((ret == -EPIPE) || (ret == -ECONNRESET)) ? 0 : 3;
}

static void another_user_is_given_nothing(void **state)
{
    owner_t *owner = *state;
    int status;
    pid_t pid;

    pid = fork();
    if (pid == 0) {
        _exit(ask_as_stranger(&owner->token));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        skip(); /* not root */
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* A message from the owner to a peer without a service, whose descriptor is
 * closed. */
static uct_peervma_ipc_message_t hear(int socket)
{
    uct_peervma_ipc_message_t message = {0};
    struct pollfd ready = {.fd = socket, .events = POLLIN};
    int fd = -1;

    assert_int_equal(poll(&ready, 1, 10000), 1);
    assert_int_equal(uct_peervma_ipc_receive(socket, &message, &fd), 0);
    if (fd >= 0) {
        close(fd);
    }
    return message;
}

static void ask(int socket, uint64_t id)
{
    int ret = -EAGAIN, i;

    for (i = 0; (i < MANY) && (ret == -EAGAIN); ++i) {
        ret = uct_peervma_ipc_send(socket, UCT_PEERVMA_IPC_GET, id, 0, 0, -1);
        usleep((ret == -EAGAIN) ? 50000 : 0);
    }
    assert_int_equal(ret, 0);
}

/* More messages than a socket has room for (278 of Linux 6.12). */
static void a_slow_peer_is_told_of_every_drop_and_stays(void **state)
{
    owner_t *owner = *state;
    uct_peervma_ipc_message_t message;
    int socket = uct_peervma_ipc_connect(&owner->token);
    uint64_t i;

    assert_true(socket >= 0);
    for (i = 0; i < CROWD; ++i) {
        ask(socket, FIRST + i);
        assert_int_equal(hear(socket).error, 0);
    }
    order(owner, DROP_CROWD);
    ask(socket, GIVEN);
    for (i = 0; i < CROWD; ++i) {
        message = hear(socket);
        assert_int_equal(message.type, UCT_PEERVMA_IPC_DROP);
        assert_int_equal(message.id, FIRST + i);
    }
    message = hear(socket);
    assert_int_equal(message.type, UCT_PEERVMA_IPC_GIVE);
    assert_int_equal(message.id, GIVEN);
    assert_int_equal(message.error, 0);
    close(socket);
}

static void a_slow_peer_gets_every_answer(void **state)
{
    owner_t *owner = *state;
    uct_peervma_ipc_message_t message;
    int socket = uct_peervma_ipc_connect(&owner->token);
    uint64_t i;

    assert_true(socket >= 0);
    for (i = 0; i < 400; ++i) {
        ask(socket, 100 + i);
    }
    for (i = 0; i < 400; ++i) {
        message = hear(socket);
        assert_int_equal(message.type, UCT_PEERVMA_IPC_GIVE);
        assert_int_equal(message.id, 100 + i);
        assert_int_equal(message.error, -EDQUOT);
    }
    close(socket);
}

static void nobody_is_told_of_what_he_did_not_ask_for(void **state)
{
    owner_t *owner = *state;
    int socket = uct_peervma_ipc_connect(&owner->token);

    assert_true(socket >= 0);
    ask(socket, FIRST + 5);
    assert_int_equal(hear(socket).type, UCT_PEERVMA_IPC_GIVE);
    order(owner, DROP_CROWD);
    assert_int_equal(hear(socket).id, FIRST + 5);
    ask(socket, GIVEN);
    assert_int_equal(hear(socket).id, GIVEN);
    close(socket);
}

/* To those that it has. From outside: valgrind keeps to itself what a process
 * sets, and closes what the kernel gives beyond that. */
static void limit_descriptors(const owner_t *owner, int is_limited)
{
    struct rlimit limit;

    assert_int_equal(prlimit(owner->pid, RLIMIT_NOFILE, NULL, &limit), 0);
    limit.rlim_cur = is_limited ? 3 : limit.rlim_max;
    assert_int_equal(prlimit(owner->pid, RLIMIT_NOFILE, &limit, NULL), 0);
}

static void an_owner_without_descriptors_waits_for_some(void **state)
{
    owner_t *owner = *state;
    int socket;

    limit_descriptors(owner, 1);
    socket = uct_peervma_ipc_connect(&owner->token);
    assert_true(socket >= 0);
    ask(socket, GIVEN);
    order(owner, WAIT); /* valgrind translates what it waits by */
    assert_in_range(order(owner, WAIT), 0, 20);
    limit_descriptors(owner, 0);
    assert_int_equal(hear(socket).error, 0);
    close(socket);
}

static unsigned count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    assert_non_null(folder);
    while (readdir(folder) != NULL) {
        ++count;
    }
    closedir(folder);
    return count;
}

/* As threads do that open and close a UCX context each. */
static void *start_and_stop(void *arg)
{
    intptr_t failures = 0;
    int i;

    for (i = 0; i < 500; ++i) {
        if (uct_peervma_ipc_service_start(&peer_ops, &peer_dropped) != 0) {
            ++failures;
            continue;
        }
        failures += (uct_peervma_ipc_service_answer() != 0);
        uct_peervma_ipc_service_stop();
    }
    (void)arg;
    return (void *)failures;
}

static void threads_start_and_stop_it_as_they_like(void **state)
{
    const unsigned before = count_descriptors();
    pthread_t threads[4];
    void *failures;
    int i;

    (void)state;
    alarm(60); /* it hung */
    for (i = 0; i < 4; ++i) {
        assert_int_equal(
            pthread_create(&threads[i], NULL, start_and_stop, NULL), 0);
    }
    for (i = 0; i < 4; ++i) {
        pthread_join(threads[i], &failures);
        assert_null(failures);
    }
    alarm(0);
    assert_int_equal(count_descriptors(), before);
}

static void read_first(void *arg)
{
    *(volatile char *)arg;
}

/* Two pages of a file that has but one. */
static char *map_half_gone(void)
{
    int fd = memfd_create("gone", MFD_CLOEXEC);
    char *address;

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, PAGE), 0);
    address = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(address != MAP_FAILED);
    close(fd);
    return address;
}

#ifndef __SANITIZE_THREAD__ /* which keeps the handler from being called */
static void memory_that_is_gone_is_an_error(void **state)
{
    char *memory = map_half_gone();
    const uct_peervma_ipc_range_t range = {memory, LENGTH};
    int i;

    (void)state;
    uct_peervma_ipc_fault_catch();
    for (i = 0; i < 3; ++i) {
        assert_int_equal(
            uct_peervma_ipc_fault_try(read_first, memory, &range, 1), 0);
        assert_int_equal(
            uct_peervma_ipc_fault_try(read_first, memory + PAGE, &range, 1),
            -EFAULT);
    }
    munmap(memory, LENGTH);
}
#endif

/* How a child ends that reads memory outside the ranges. */
static int status_of_fault(void (*prepare)(void))
{
    char *memory = map_half_gone();
    const uct_peervma_ipc_range_t range = {memory, PAGE};
    int status;
    pid_t pid;

    pid = fork();
    if (pid == 0) {
        signal(SIGBUS, SIG_DFL); /* cmocka has one of its own */
        if (prepare != NULL) {
            prepare();
        }
        uct_peervma_ipc_fault_catch();
        uct_peervma_ipc_fault_try(read_first, memory + PAGE, &range, 1);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    munmap(memory, LENGTH);
    return status;
}

static void leave(int number)
{
    _exit(number + 1);
}

static void set_handler(void)
{
    signal(SIGBUS, leave);
}

static void ignore_signal(void)
{
    signal(SIGBUS, SIG_IGN);
}

static void other_faults_go_where_they_went(void **state)
{
    int status;

    (void)state;
    status = status_of_fault(NULL);
    assert_true(WIFSIGNALED(status) && (WTERMSIG(status) == SIGBUS));
    status = status_of_fault(ignore_signal);
    assert_true(WIFSIGNALED(status) && (WTERMSIG(status) == SIGBUS));
    status = status_of_fault(set_handler);
    assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == SIGBUS + 1));
}

int main(void)
{
#define WITH_OWNER(_test) \
    cmocka_unit_test_setup_teardown(_test, start_both, stop_both)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_faults_go_where_they_went),
#ifndef __SANITIZE_THREAD__
        cmocka_unit_test(memory_that_is_gone_is_an_error),
#endif
        cmocka_unit_test(threads_start_and_stop_it_as_they_like),
        WITH_OWNER(is_mapped_once_and_kept),
        WITH_OWNER(threads_share_one_mapping),
        WITH_OWNER(is_unmapped_when_the_owner_drops_it),
        WITH_OWNER(stays_while_it_is_used_but_not_for_others),
        WITH_OWNER(is_unmapped_when_the_owner_is_killed),
        WITH_OWNER(a_refusal_is_told_and_remembered),
        WITH_OWNER(a_key_of_nothing_is_refused),
        WITH_OWNER(another_user_is_given_nothing),
        WITH_OWNER(a_slow_peer_is_told_of_every_drop_and_stays),
        WITH_OWNER(a_slow_peer_gets_every_answer),
        WITH_OWNER(nobody_is_told_of_what_he_did_not_ask_for),
        WITH_OWNER(an_owner_without_descriptors_waits_for_some),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
