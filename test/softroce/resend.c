/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is sent again arrives once: writes of many packets with messages behind
 * them, between two queue pairs of one node whose acknowledgement timeout is so
 * short that the NIC sends everything several times. Main memory alone, so that
 * the distribution's own Soft-RoCE can be tried as well.
 */
#include <config.h>

#include <err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fabric.h"

#define ROUNDS 500
/* Rounds under way at once, each with memory of its own. */
#define WINDOW 4
/* 120 packets of 4096 bytes; rxe has 128 under way without acknowledgement, so
 * that there are messages among these. */
#define LENGTH (119 * 4096UL + 5)
/* Behind each write: the first tells that it is there. */
#define MESSAGES 3
/* The shortest: rxe makes one tick of the kernel of it. */
#define ACK_TIMEOUT 1
/* For ever. */
#define RETRIES 7

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

static void connect_impatiently(endpoint_t *endpoint, const endpoint_t *peer)
{
    endpoint_address_t address = endpoint_address(&fabric, peer);

    endpoint->ack_timeout = ACK_TIMEOUT;
    endpoint->retries = RETRIES;
    endpoint_connect(endpoint, &address);
}

static int open_all(void **state)
{
    (void)state;
    fabric_open(&fabric);
    memory = calloc(1, sizeof(*memory));
    if (!memory)
        err(1, "calloc");
    region = ibv_reg_mr(fabric.pd, memory, sizeof(*memory), FABRIC_ALL_ACCESS);
    if (!region)
        err(1, "ibv_reg_mr");
    endpoint_create(&fabric, &near);
    endpoint_create(&fabric, &far);
    connect_impatiently(&near, &far);
    connect_impatiently(&far, &near);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    endpoint_destroy(&near);
    endpoint_destroy(&far);
    if (ibv_dereg_mr(region))
        err(1, "ibv_dereg_mr");
    free(memory);
    fabric_close(&fabric);
    return 0;
}

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

static void what_is_sent_again_arrives_once_and_in_order(void **state)
{
    uint64_t before = fabric_counter("completer_retry_err");
    unsigned round;

    (void)state;
    for (round = 0; round < WINDOW; round++)
        post_receives(round);
    for (round = 0; round < ROUNDS + WINDOW; round++) {
        if (round >= WINDOW) {
            check(round - WINDOW);
            post_receives(round);
        }
        if (round < ROUNDS)
            post(round);
    }
    print_message(
        "# sent again %lu times\n",
        (unsigned long)(fabric_counter("completer_retry_err") - before));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sent_again_arrives_once_and_in_order),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("resend", tests, open_all, close_all);
}
