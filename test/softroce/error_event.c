/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A queue pair with a shared receive queue tells once for each time that it
 * gets into its error state that it takes no more from there. UCX counts on it.
 */
#include <config.h>

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fabric.h"

#define SOON_MS 10000
#define NEVER_MS 300

static fabric_t fabric;
static struct ibv_cq *cq;
static struct ibv_srq *srq;
static struct ibv_qp *qp;

static void create(void)
{
    struct ibv_srq_init_attr srq_init = {
        .attr = {.max_wr = 1, .max_sge = 1},
    };
    struct ibv_qp_init_attr init = {
        .qp_type = IBV_QPT_RC,
        .cap = {.max_send_wr = 1, .max_send_sge = 1},
    };

    fabric_open(&fabric);
    cq = ibv_create_cq(fabric.context, 1, NULL, NULL, 0);
    srq = ibv_create_srq(fabric.pd, &srq_init);
    if (!cq || !srq)
        err(1, "a shared receive queue");
    init.send_cq = init.recv_cq = cq;
    init.srq = srq;
    qp = ibv_create_qp(fabric.pd, &init);
    if (!qp)
        err(1, "ibv_create_qp");
}

static void destroy(void)
{
    ibv_destroy_qp(qp);
    ibv_destroy_srq(srq);
    ibv_destroy_cq(cq);
    fabric_close(&fabric);
}

static void move_to(enum ibv_qp_state state)
{
    struct ibv_qp_attr attr = {.qp_state = state, .port_num = 1};
    int mask = IBV_QP_STATE;

    if (state == IBV_QPS_INIT)
        mask |= IBV_QP_PORT | IBV_QP_PKEY_INDEX | IBV_QP_ACCESS_FLAGS;
    errno = ibv_modify_qp(qp, &attr, mask);
    if (errno)
        err(1, "ibv_modify_qp to state %d", state);
}

static int event_comes(int timeout_ms)
{
    struct pollfd ready = {.fd = fabric.context->async_fd, .events = POLLIN};
    struct ibv_async_event event;

    if (poll(&ready, 1, timeout_ms) != 1)
        return 0;
    assert_int_equal(0, ibv_get_async_event(fabric.context, &event));
    ibv_ack_async_event(&event);
    assert_int_equal(IBV_EVENT_QP_LAST_WQE_REACHED, event.event_type);
    assert_ptr_equal(qp, event.element.qp);
    return 1;
}

static void an_error_is_told_once(void **state)
{
    (void)state;
    move_to(IBV_QPS_INIT);
    move_to(IBV_QPS_ERR);
    assert_true(event_comes(SOON_MS));
    move_to(IBV_QPS_ERR);
    assert_false(event_comes(NEVER_MS));
}

static void the_next_error_is_told_again(void **state)
{
    (void)state;
    move_to(IBV_QPS_RESET);
    assert_false(event_comes(NEVER_MS));
    move_to(IBV_QPS_INIT);
    move_to(IBV_QPS_ERR);
    assert_true(event_comes(SOON_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_is_told_once),
        cmocka_unit_test(the_next_error_is_told_again),
    };
    int failed;

    cmocka_set_message_output(CM_OUTPUT_TAP);
    create();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    destroy();
    return failed;
}
