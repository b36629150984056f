/* SPDX-License-Identifier: BSD-3-Clause */
#include <config.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fabric.h"

#define DEVICE "rxe0"
#define PORT 1
/* The GID of the interface's IPv4 address. */
#define GID_INDEX 1
/* The acknowledgement timeout, about 0.5 s: see ibv_modify_qp(3). */
#define ACK_TIMEOUT 17
/* 7 is for ever with rxe. */
#define RETRIES 6
#define WAIT_SECONDS 300
#define DEPTH 64

static struct ibv_context *open_device(const char *name)
{
    struct ibv_device **devices = ibv_get_device_list(NULL);
    struct ibv_context *context = NULL;
    int i;

    for (i = 0; devices && devices[i] && !context; i++) {
        if (!strcmp(ibv_get_device_name(devices[i]), name))
            context = ibv_open_device(devices[i]);
    }
    if (!context)
        errx(1, "no RDMA device %s", name);
    ibv_free_device_list(devices);
    return context;
}

void fabric_open(fabric_t *fabric)
{
    fabric->context = open_device(DEVICE);
    fabric->pd = ibv_alloc_pd(fabric->context);
    if (!fabric->pd)
        err(1, "ibv_alloc_pd");
    if (ibv_query_gid(fabric->context, PORT, GID_INDEX, &fabric->gid))
        errx(1, DEVICE " has no GID %d", GID_INDEX);
}

void fabric_close(fabric_t *fabric)
{
    ibv_dealloc_pd(fabric->pd);
    ibv_close_device(fabric->context);
}

void endpoint_create(fabric_t *fabric, endpoint_t *endpoint)
{
    struct ibv_qp_init_attr init = {
        .qp_type = IBV_QPT_RC,
        .sq_sig_all = 1,
        .cap = {.max_send_wr = DEPTH,
                .max_recv_wr = DEPTH,
                .max_send_sge = 1,
                .max_recv_sge = 1},
    };

    endpoint->cq = ibv_create_cq(fabric->context, 2 * DEPTH, NULL, NULL, 0);
    if (!endpoint->cq)
        err(1, "ibv_create_cq");
    init.send_cq = endpoint->cq;
    init.recv_cq = endpoint->cq;
    endpoint->qp = ibv_create_qp(fabric->pd, &init);
    if (!endpoint->qp)
        err(1, "ibv_create_qp");
    endpoint->ack_timeout = ACK_TIMEOUT;
    endpoint->retries = RETRIES;
}

void endpoint_destroy(endpoint_t *endpoint)
{
    ibv_destroy_qp(endpoint->qp);
    ibv_destroy_cq(endpoint->cq);
}

endpoint_address_t endpoint_address(const fabric_t *fabric,
                                    const endpoint_t *endpoint)
{
    return (endpoint_address_t){fabric->gid, endpoint->qp->qp_num};
}

static void modify(endpoint_t *endpoint, struct ibv_qp_attr *attr, int mask)
{
    errno = ibv_modify_qp(endpoint->qp, attr, mask);
    if (errno)
        err(1, "ibv_modify_qp to state %d", attr->qp_state);
}

static enum ibv_mtu path_mtu(struct ibv_context *context)
{
    struct ibv_port_attr port;

    errno = ibv_query_port(context, PORT, &port);
    if (errno)
        err(1, "ibv_query_port");
    return port.active_mtu;
}

void endpoint_connect(endpoint_t *endpoint, const endpoint_address_t *peer)
{
    struct ibv_qp_attr init = {
        .qp_state = IBV_QPS_INIT,
        .port_num = PORT,
        .qp_access_flags = FABRIC_ALL_ACCESS,
    };
    struct ibv_qp_attr receive = {
        .qp_state = IBV_QPS_RTR,
        .path_mtu = path_mtu(endpoint->qp->context),
        .dest_qp_num = peer->qp_number,
        .max_dest_rd_atomic = 16,
        .min_rnr_timer = 12,
        .ah_attr = {.is_global = 1,
                    .port_num = PORT,
                    .grh = {.dgid = peer->gid,
                            .sgid_index = GID_INDEX,
                            .hop_limit = 64}},
    };
    struct ibv_qp_attr send = {
        .qp_state = IBV_QPS_RTS,
        .timeout = endpoint->ack_timeout,
        .retry_cnt = endpoint->retries,
        .rnr_retry = 7,
        .max_rd_atomic = 16,
    };

    modify(endpoint, &init,
           IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT |
               IBV_QP_ACCESS_FLAGS);
    modify(endpoint, &receive,
           IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN |
               IBV_QP_RQ_PSN | IBV_QP_MAX_DEST_RD_ATOMIC |
               IBV_QP_MIN_RNR_TIMER);
    modify(endpoint, &send,
           IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY |
               IBV_QP_SQ_PSN | IBV_QP_MAX_QP_RD_ATOMIC);
}

void endpoint_create_pair(fabric_t *fabric, endpoint_t *near, endpoint_t *far)
{
    endpoint_address_t address;

    endpoint_create(fabric, near);
    endpoint_create(fabric, far);
    address = endpoint_address(fabric, far);
    endpoint_connect(near, &address);
    address = endpoint_address(fabric, near);
    endpoint_connect(far, &address);
}

static void post_send(endpoint_t *endpoint, struct ibv_send_wr *request,
                      span_t local)
{
    struct ibv_sge sge = {local.address, local.length, local.key};
    struct ibv_send_wr *bad;

    request->sg_list = &sge;
    request->num_sge = 1;
    errno = ibv_post_send(endpoint->qp, request, &bad);
    if (errno)
        err(1, "ibv_post_send");
}

void endpoint_post(endpoint_t *endpoint, enum ibv_wr_opcode opcode,
                   span_t local, span_t remote)
{
    struct ibv_send_wr request = {
        .opcode = opcode,
        .wr.rdma = {.remote_addr = remote.address, .rkey = remote.key},
    };

    post_send(endpoint, &request, local);
}

void endpoint_post_atomic(endpoint_t *endpoint, enum ibv_wr_opcode opcode,
                          span_t local, span_t remote, uint64_t compare,
                          uint64_t swap_add)
{
    struct ibv_send_wr request = {.opcode = opcode};

    request.wr.atomic.remote_addr = remote.address;
    request.wr.atomic.rkey = remote.key;
    if (opcode == IBV_WR_ATOMIC_CMP_AND_SWP) {
        request.wr.atomic.compare_add = compare;
        request.wr.atomic.swap = swap_add;
    } else {
        request.wr.atomic.compare_add = swap_add;
    }
    post_send(endpoint, &request, local);
}

void endpoint_post_recv(endpoint_t *endpoint, span_t local)
{
    struct ibv_sge sge = {local.address, local.length, local.key};
    struct ibv_recv_wr request = {.sg_list = &sge, .num_sge = 1};
    struct ibv_recv_wr *bad;

    errno = ibv_post_recv(endpoint->qp, &request, &bad);
    if (errno)
        err(1, "ibv_post_recv");
}

enum ibv_wc_status endpoint_wait(endpoint_t *endpoint)
{
    const struct timespec pause = {.tv_nsec = 200000};
    time_t deadline = time(NULL) + WAIT_SECONDS;
    struct ibv_wc completion;
    int count;

    do {
        count = ibv_poll_cq(endpoint->cq, 1, &completion);
        if (count < 0)
            errx(1, "ibv_poll_cq failed");
        if (count)
            return completion.status;
        nanosleep(&pause, NULL);
    } while (time(NULL) < deadline);
    errx(1, "no completion within %d s", WAIT_SECONDS);
}

enum ibv_wc_status endpoint_transfer(endpoint_t *endpoint,
                                     enum ibv_wr_opcode opcode, span_t local,
                                     span_t remote)
{
    endpoint_post(endpoint, opcode, local, remote);
    return endpoint_wait(endpoint);
}

uint64_t fabric_counter(const char *name)
{
    /* The kernel gives values that are up to 10 ms old. */
    const struct timespec stale = {.tv_nsec = 20000000};
    char path[256];
    uint64_t value;
    FILE *file;

    snprintf(path, sizeof(path),
             "/sys/class/infiniband/" DEVICE "/ports/%d/hw_counters/%s", PORT,
             name);
    nanosleep(&stale, NULL);
    file = fopen(path, "r");
    if (!file || fscanf(file, "%lu", &value) != 1)
        err(1, "%s", path);
    fclose(file);
    return value;
}
