/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A process that is killed while the NIC writes or reads its device memory: the
 * memory is another's at once, and what is under way does not reach it.
 */
#include <config.h>

#include <err.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "buffer.h"
#include "fabric.h"

#define SIZE (2UL << 20)
#define IOVA 0x7100000000UL
#define FLOOD 24
#define ROUNDS 2
/* In some all transfers may be done before the owner dies. */
#define MOST_ROUNDS 30
#define GUARD 0xa5

static fabric_t fabric;
static endpoint_t near;
static uint8_t *host;
static struct ibv_mr *host_region;
static unsigned rounds, done, lost, flushed;

/* What the owner of the memory tells, and what it has to know. */
typedef struct owner {
    pid_t pid;
    endpoint_address_t address;
    span_t region;
    uint64_t bar_offset;
} owner_t;

static void put(int fd, const void *data, size_t length)
{
    if (write(fd, data, length) != (ssize_t)length)
        err(1, "write");
}

static void get(int fd, void *data, size_t length)
{
    if (read(fd, data, length) != (ssize_t)length)
        err(1, "read");
}

/* The owner: never returns. */
__attribute__((noreturn)) static void own(int in, int out)
{
    endpoint_address_t peer;
    owner_t owner = {.pid = getpid()};
    endpoint_t far;
    fabric_t mine;
    buffer_t buffer;
    struct ibv_mr *region;

    fabric_open(&mine);
    buffer_create(&buffer, BUFFER_SOFTACCEL, SIZE);
    memset(buffer.bytes, 0x3c, SIZE);
    region =
        ibv_reg_dmabuf_mr(mine.pd, 0, SIZE, IOVA, buffer.fd, FABRIC_ALL_ACCESS);
    if (!region)
        err(1, "ibv_reg_dmabuf_mr");
    endpoint_create(&mine, &far);
    owner.address = endpoint_address(&mine, &far);
    owner.region = (span_t){IOVA, SIZE, region->rkey};
    owner.bar_offset = buffer.accel.bar_offset;
    put(out, &owner, sizeof(owner));
    get(in, &peer, sizeof(peer));
    endpoint_connect(&far, &peer);
    put(out, "", 1);
    for (;;)
        pause();
}

/* Start an owner and connect to it. */
static owner_t start(void)
{
    endpoint_address_t address;
    int in[2], out[2];
    owner_t owner;
    pid_t pid;
    char byte;

    if (pipe(in) || pipe(out))
        err(1, "pipe");
    pid = fork();
    if (pid < 0)
        err(1, "fork");
    if (pid == 0)
        own(in[0], out[1]);
    get(out[0], &owner, sizeof(owner));
    endpoint_create(&fabric, &near);
    address = endpoint_address(&fabric, &near);
    put(in[1], &address, sizeof(address));
    endpoint_connect(&near, &owner.address);
    get(out[0], &byte, 1);
    close(in[0]);
    close(in[1]);
    close(out[0]);
    close(out[1]);
    return owner;
}

/* False if no transfer was under way any more. */
static bool drain(void)
{
    enum ibv_wc_status status;
    int left = FLOOD - 1;

    for (done++; left-- > 0; done++) {
        status = endpoint_wait(&near);
        if (status != IBV_WC_SUCCESS)
            break;
    }
    if (left < 0)
        return false;
    assert_int_equal(status, IBV_WC_RETRY_EXC_ERR);
    for (lost++; left-- > 0; flushed++)
        assert_int_equal(endpoint_wait(&near), IBV_WC_WR_FLUSH_ERR);
    return true;
}

static void kill_in_flood(enum ibv_wr_opcode opcode)
{
    uint64_t live = fabric_counter("dmabuf_mrs_live");
    owner_t owner = start();
    buffer_t heir;
    bool in_flood;
    int i;

    for (i = 0; i < FLOOD; i++)
        endpoint_post(&near, opcode,
                      (span_t){(uintptr_t)host, SIZE, host_region->lkey},
                      owner.region);
    assert_int_equal(endpoint_wait(&near), IBV_WC_SUCCESS);
    usleep(rand() % 40000);
    kill(owner.pid, SIGKILL);
    assert_int_equal(waitpid(owner.pid, NULL, 0), owner.pid);

    /* The same memory, another's now. */
    buffer_create(&heir, BUFFER_SOFTACCEL, SIZE);
    assert_int_equal(heir.accel.bar_offset, owner.bar_offset);
    memset(heir.bytes, GUARD, SIZE);
    in_flood = drain();
    assert_true(heir.bytes[0] == GUARD &&
                !memcmp(heir.bytes, heir.bytes + 1, SIZE - 1));
    assert_int_equal(fabric_counter("dmabuf_mrs_live"), live);
    buffer_destroy(&heir);
    endpoint_destroy(&near);
    rounds += in_flood;
}

static void kill_in_floods(enum ibv_wr_opcode opcode)
{
    unsigned enough = rounds + ROUNDS;
    int i;

    for (i = 0; rounds < enough && i < MOST_ROUNDS; i++)
        kill_in_flood(opcode);
    assert_int_equal(rounds, enough);
}

static void a_killed_owner_of_written_memory_leaves_it_to_the_next(void **state)
{
    (void)state;
    kill_in_floods(IBV_WR_RDMA_WRITE);
}

static void a_killed_owner_of_read_memory_leaves_it_to_the_next(void **state)
{
    (void)state;
    kill_in_floods(IBV_WR_RDMA_READ);
}

static int open_all(void **state)
{
    (void)state;
    fabric_open(&fabric);
    host = aligned_alloc(4096, SIZE);
    memset(host, 0x5a, SIZE);
    host_region = ibv_reg_mr(fabric.pd, host, SIZE, FABRIC_ALL_ACCESS);
    if (!host_region)
        err(1, "ibv_reg_mr");
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    printf("# killed: %u times during transfers; %u transfers done, %u lost "
           "their peer, %u flushed\n",
           rounds, done, lost, flushed);
    ibv_dereg_mr(host_region);
    free(host);
    fabric_close(&fabric);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_killed_owner_of_written_memory_leaves_it_to_the_next),
        cmocka_unit_test(a_killed_owner_of_read_memory_leaves_it_to_the_next),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("killed", tests, open_all, close_all);
}
