/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is sent again arrives once: writes of many packets with messages behind
 * them, between two queue pairs of one node whose acknowledgement timeout is so
 * short, for what this machine needs for a round, that the NIC sends much of it
 * several times. Main memory alone, so that the distribution's own Soft-RoCE
 * can be tried as well.
 */
#include <config.h>

#include <err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "fabric.h"

#define ROUNDS 1500
/* Less of them on a machine that has others to serve. */
#define SECONDS_MAX 25
/* Without resending, to know the machine. */
#define PATIENT_ROUNDS 5
/* Rounds under way at once, each with memory of its own. */
#define WINDOW 4
/* 120 packets of 4096 bytes; rxe has 128 under way without acknowledgement, so
 * that there are messages among these. */
#define LENGTH (119 * 4096UL + 5)
/* Behind each write: the first tells that it is there. */
#define MESSAGES 3
/* The timeout is 4096 ns times a power of two. */
#define ACK_TIMEOUT_UNIT 4096
/* For ever. */
#define RETRIES 7
/* Of the NIC's clock, with Debian's kernels. Where a round takes longer, the
 * NIC must have lost its patience. */
#define TICK_NS UINT64_C(4000000)

/* One window is the source, one the destination; then the words that the
 * messages carry, likewise. */
typedef struct memory {
    uint8_t from[WINDOW][LENGTH], to[WINDOW][LENGTH];
    uint64_t sent[WINDOW][MESSAGES], received[WINDOW][MESSAGES];
} memory_t;

static fabric_t fabric;
static endpoint_t near, far;
static memory_t *memory;
static struct ibv_mr *region;
static uint64_t shortest_ns;

static span_t span(void *bytes, size_t length)
{
    return (span_t){(uintptr_t)bytes, length, region->rkey};
}

static uint64_t word(unsigned round, unsigned message)
{
    return (uint64_t)round * MESSAGES + message + 1;
}

/* A number in each word, so that a packet in the place of another is seen. */
static void fill(uint8_t *bytes, unsigned round)
{
    uint64_t value;
    size_t at;

    for (at = 0; at + sizeof(value) <= LENGTH; at += sizeof(value)) {
        value = (uint64_t)(round + 1) << 32 | at;
        memcpy(bytes + at, &value, sizeof(value));
    }
}

static void post_receives(unsigned round)
{
    unsigned i;

    for (i = 0; i < MESSAGES; i++)
        endpoint_post_recv(
            &far, span(&memory->received[round % WINDOW][i], sizeof(uint64_t)));
}

static void post(unsigned round)
{
    unsigned slot = round % WINDOW, i;

    fill(memory->from[slot], round);
    endpoint_post(&near, IBV_WR_RDMA_WRITE, span(memory->from[slot], LENGTH),
                  span(memory->to[slot], LENGTH));
    for (i = 0; i < MESSAGES; i++) {
        memory->sent[slot][i] = word(round, i);
        endpoint_post(&near, IBV_WR_SEND,
                      span(&memory->sent[slot][i], sizeof(uint64_t)),
                      (span_t){0});
    }
}

static void check(unsigned round)
{
    unsigned slot = round % WINDOW, i;

    for (i = 0; i < MESSAGES; i++) {
        assert_int_equal(endpoint_wait(&far), IBV_WC_SUCCESS);
        assert_int_equal(memory->received[slot][i], word(round, i));
        if (i == 0)
            assert_memory_equal(memory->to[slot], memory->from[slot], LENGTH);
    }
    for (i = 0; i < 1 + MESSAGES; i++)
        assert_int_equal(endpoint_wait(&near), IBV_WC_SUCCESS);
}

static uint64_t now_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* The shortest time that a round takes if the NIC waits long enough. */
static uint64_t round_ns(void)
{
    uint64_t begin, time, shortest = UINT64_MAX;
    unsigned round;

    for (round = 0; round < PATIENT_ROUNDS; round++) {
        post_receives(round);
        begin = now_ns();
        post(round);
        check(round);
        time = now_ns() - begin;
        if (time < shortest)
            shortest = time;
    }
    return shortest;
}

static void connect_both(void)
{
    endpoint_address_t to_far = endpoint_address(&fabric, &far);
    endpoint_address_t to_near = endpoint_address(&fabric, &near);

    endpoint_connect(&near, &to_far);
    endpoint_connect(&far, &to_near);
}

static void create_both(void)
{
    endpoint_create(&fabric, &near);
    endpoint_create(&fabric, &far);
}

static void destroy_both(void)
{
    endpoint_destroy(&near);
    endpoint_destroy(&far);
}

/* A quarter of a round: much shorter, and everything would be sent for ever. */
static uint8_t impatient_timeout(void)
{
    uint8_t timeout = 1;

    create_both();
    connect_both();
    shortest_ns = round_ns();
    destroy_both();
    while (timeout < 17 &&
           (uint64_t)ACK_TIMEOUT_UNIT << (timeout + 1) < shortest_ns / 4)
        timeout++;
    return timeout;
}

static int open_all(void **state)
{
    uint8_t timeout;

    (void)state;
    fabric_open(&fabric);
    memory = calloc(1, sizeof(*memory));
    if (!memory)
        err(1, "calloc");
    region = ibv_reg_mr(fabric.pd, memory, sizeof(*memory), FABRIC_ALL_ACCESS);
    if (!region)
        err(1, "ibv_reg_mr");
    timeout = impatient_timeout();
    create_both();
    near.ack_timeout = far.ack_timeout = timeout;
    near.retries = far.retries = RETRIES;
    connect_both();
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    destroy_both();
    if (ibv_dereg_mr(region))
        err(1, "ibv_dereg_mr");
    free(memory);
    fabric_close(&fabric);
    return 0;
}

static void what_is_sent_again_arrives_once_and_in_order(void **state)
{
    uint64_t before = fabric_counter("completer_retry_err");
    uint64_t end = now_ns() + SECONDS_MAX * UINT64_C(1000000000);
    uint64_t again;
    unsigned posted, checked = 0;

    (void)state;
    for (posted = 0; posted < ROUNDS && now_ns() < end; posted++) {
        if (posted >= WINDOW)
            check(checked++);
        post_receives(posted);
        post(posted);
    }
    while (checked < posted)
        check(checked++);
    again = fabric_counter("completer_retry_err") - before;
    print_message(
        "# sent again %lu times in %u rounds, after a quarter of %lu us\n",
        (unsigned long)again, checked, (unsigned long)(shortest_ns / 1000));
    assert_true(again > 0 || shortest_ns <= TICK_NS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sent_again_arrives_once_and_in_order),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("resend", tests, open_all, close_all);
}
