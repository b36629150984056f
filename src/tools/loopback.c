/* SPDX-License-Identifier: BSD-3-Clause */
#include "loopback.h"

#include <errno.h>
#include <infiniband/verbs.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ACCESS \
    (IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE)

/* See ibv_modify_qp(3): 67 ms until the NIC asks again, 7 times, twice. */
#define ACK_TIMEOUT 14
#define RETRIES 7
#define WAIT_SECONDS 30

struct loopback {
    struct ibv_context *context;
    struct ibv_pd *pd;
    struct ibv_cq *cq;
    struct ibv_qp *qp;
    struct ibv_mr *host_mr;
    struct ibv_mr *device_mr; /* NULL: none registered */
    uint64_t device_address;  /* of its first byte, for the NIC */
    void *host;
    size_t size;
    uint8_t port;
    int gid_index; /* -1: the port has local identifiers */
};

static int fail(struct loopback_failure *failure_p, const char *text, int error)
{
    *failure_p = (struct loopback_failure){.error = -error, .text = text};
    return error != 0 ? -error : -EIO;
}

static struct ibv_context *open_device(const char *name)
{
    struct ibv_device **devices = ibv_get_device_list(NULL);
    struct ibv_context *context = NULL;
    int i;

    if (devices == NULL) {
        return NULL;
    }
    errno = ENODEV;
    for (i = 0; devices[i] != NULL; i++) {
        if (strcmp(ibv_get_device_name(devices[i]), name) == 0) {
            context = ibv_open_device(devices[i]);
            break;
        }
    }
    ibv_free_device_list(devices);
    return context;
}

/* Which of the port's GIDs to use: an IPv4 one of RoCE v2, which every switch
 * routes, else any of RoCE v2, else the first. */
static int choose_gid(struct ibv_context *context, uint8_t port, int length)
{
    static const uint8_t ipv4_prefix[12] = {[10] = 0xff, [11] = 0xff};
    struct ibv_gid_entry entry;
    int best = 0, i;
    bool found = false;

    for (i = 0; i < length; i++) {
        if (ibv_query_gid_ex(context, port, (uint32_t)i, &entry, 0) != 0 ||
            entry.gid_type != IBV_GID_TYPE_ROCE_V2) {
            continue;
        }
        if (memcmp(entry.gid.raw, ipv4_prefix, sizeof(ipv4_prefix)) == 0) {
            return i;
        }
        best = found ? best : i;
        found = true;
    }
    return best;
}

/* The first active port. */
static bool choose_port(struct loopback *loopback)
{
    struct ibv_device_attr device;
    struct ibv_port_attr port;
    uint8_t number;

    if (ibv_query_device(loopback->context, &device) != 0) {
        return false;
    }
    for (number = 1; number <= device.phys_port_cnt; number++) {
        if (ibv_query_port(loopback->context, number, &port) == 0 &&
            port.state == IBV_PORT_ACTIVE) {
            loopback->port = number;
            loopback->gid_index =
                port.link_layer == IBV_LINK_LAYER_ETHERNET
                    ? choose_gid(loopback->context, number, port.gid_tbl_len)
                    : -1;
            return true;
        }
    }
    return false;
}

static int create_queues(struct loopback *loopback,
                         struct loopback_failure *failure_p)
{
    struct ibv_qp_init_attr init = {
        .qp_type = IBV_QPT_RC,
        .sq_sig_all = 1,
        .cap = {.max_send_wr = 1,
                .max_recv_wr = 1,
                .max_send_sge = 1,
                .max_recv_sge = 1},
    };

    loopback->cq = ibv_create_cq(loopback->context, 2, NULL, NULL, 0);
    if (loopback->cq == NULL) {
        return fail(failure_p, "the NIC gives no completion queue", errno);
    }
    init.send_cq = init.recv_cq = loopback->cq;
    loopback->qp = ibv_create_qp(loopback->pd, &init);
    if (loopback->qp == NULL) {
        return fail(failure_p, "the NIC gives no queue pair", errno);
    }
    return 0;
}

static int prepare(struct loopback *loopback, const char *nic,
                   struct loopback_failure *failure_p)
{
    void *host;

    loopback->context = open_device(nic);
    if (loopback->context == NULL) {
        return fail(failure_p, "the NIC can't be opened", errno);
    }
    if (!choose_port(loopback)) {
        return fail(failure_p, "no port of the NIC is active", ENETDOWN);
    }
    loopback->pd = ibv_alloc_pd(loopback->context);
    if (loopback->pd == NULL) {
        return fail(failure_p, "the NIC gives no protection domain", errno);
    }
    if (posix_memalign(&host, (size_t)sysconf(_SC_PAGESIZE), loopback->size)) {
        return fail(failure_p, NULL, ENOMEM);
    }
    loopback->host = host;
    loopback->host_mr = ibv_reg_mr(loopback->pd, host, loopback->size, ACCESS);
    if (loopback->host_mr == NULL) {
        return fail(failure_p,
                    errno == ENOMEM ? "host memory can't be registered: the "
                                      "limit for locked memory (ulimit -l)?"
                                    : "host memory can't be registered",
                    errno);
    }
    return create_queues(loopback, failure_p);
}

int loopback_open(const char *nic, size_t size, struct loopback **loopback_p,
                  struct loopback_failure *failure_p)
{
    struct loopback *loopback = calloc(1, sizeof(*loopback));
    int ret;

    if (loopback == NULL) {
        return fail(failure_p, NULL, ENOMEM);
    }
    loopback->size = size;
    ret = prepare(loopback, nic, failure_p);
    if (ret != 0) {
        loopback_close(loopback);
        return ret;
    }
    *loopback_p = loopback;
    return 0;
}

static void deregister(struct loopback *loopback)
{
    if (loopback->device_mr != NULL) {
        ibv_dereg_mr(loopback->device_mr);
        loopback->device_mr = NULL;
    }
}

void loopback_close(struct loopback *loopback)
{
    if (loopback->qp != NULL) {
        ibv_destroy_qp(loopback->qp);
    }
    if (loopback->cq != NULL) {
        ibv_destroy_cq(loopback->cq);
    }
    deregister(loopback);
    if (loopback->host_mr != NULL) {
        ibv_dereg_mr(loopback->host_mr);
    }
    free(loopback->host);
    if (loopback->pd != NULL) {
        ibv_dealloc_pd(loopback->pd);
    }
    if (loopback->context != NULL) {
        ibv_close_device(loopback->context);
    }
    free(loopback);
}

void *loopback_host(const struct loopback *loopback)
{
    return loopback->host;
}

int loopback_register(struct loopback *loopback, int dmabuf, uint64_t offset,
                      struct loopback_failure *failure_p)
{
    deregister(loopback);
    /* Offset and address have to agree within a page. */
    loopback->device_address = offset;
    loopback->device_mr = ibv_reg_dmabuf_mr(
        loopback->pd, offset, loopback->size, offset, dmabuf, ACCESS);
    return loopback->device_mr != NULL ? 0 : fail(failure_p, NULL, errno);
}

static int modify(struct loopback *loopback, struct ibv_qp_attr *attr, int mask,
                  struct loopback_failure *failure_p)
{
    int error = ibv_modify_qp(loopback->qp, attr, mask);

    return error == 0
               ? 0
               : fail(failure_p, "the queue pair can't be connected", error);
}

int loopback_connect(struct loopback *loopback,
                     struct loopback_failure *failure_p)
{
    struct ibv_port_attr port;
    union ibv_gid gid = {.raw = {0}};
    struct ibv_qp_attr reset = {.qp_state = IBV_QPS_RESET};
    struct ibv_qp_attr init = {
        .qp_state = IBV_QPS_INIT,
        .port_num = loopback->port,
        .qp_access_flags = ACCESS,
    };
    struct ibv_qp_attr receive = {
        .qp_state = IBV_QPS_RTR,
        .dest_qp_num = loopback->qp->qp_num,
        .max_dest_rd_atomic = 1,
        .min_rnr_timer = 12,
        .ah_attr = {.port_num = loopback->port},
    };
    struct ibv_qp_attr send = {
        .qp_state = IBV_QPS_RTS,
        .timeout = ACK_TIMEOUT,
        .retry_cnt = RETRIES,
        .rnr_retry = RETRIES,
        .max_rd_atomic = 1,
    };
    int ret;

    if (ibv_query_port(loopback->context, loopback->port, &port) != 0 ||
        (loopback->gid_index >= 0 &&
         ibv_query_gid(loopback->context, loopback->port, loopback->gid_index,
                       &gid) != 0)) {
        return fail(failure_p, "the NIC's port has no address", EADDRNOTAVAIL);
    }
    receive.path_mtu = port.active_mtu;
    receive.ah_attr.dlid = port.lid;
    if (loopback->gid_index >= 0) {
        receive.ah_attr.is_global = 1;
        receive.ah_attr.grh = (struct ibv_global_route){
            .dgid = gid,
            .sgid_index = (uint8_t)loopback->gid_index,
            .hop_limit = 64,
        };
    }

    ret = modify(loopback, &reset, IBV_QP_STATE, failure_p);
    if (ret == 0) {
        ret = modify(loopback, &init,
                     IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT |
                         IBV_QP_ACCESS_FLAGS,
                     failure_p);
    }
    if (ret == 0) {
        ret = modify(loopback, &receive,
                     IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU |
                         IBV_QP_DEST_QPN | IBV_QP_RQ_PSN |
                         IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER,
                     failure_p);
    }
    if (ret == 0) {
        ret = modify(loopback, &send,
                     IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT |
                         IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN |
                         IBV_QP_MAX_QP_RD_ATOMIC,
                     failure_p);
    }
    return ret;
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int wait_completion(struct loopback *loopback,
                           struct loopback_failure *failure_p)
{
    double deadline = now() + WAIT_SECONDS;
    struct ibv_wc completion;
    int count;

    do {
        count = ibv_poll_cq(loopback->cq, 1, &completion);
        if (count > 0) {
            return completion.status == IBV_WC_SUCCESS
                       ? 0
                       : fail(failure_p, ibv_wc_status_str(completion.status),
                              0);
        }
    } while (count == 0 && now() < deadline);
    return count < 0 ? fail(failure_p, "the completion queue can't be read", 0)
                     : fail(failure_p, "no completion within 30 s", ETIMEDOUT);
}

int loopback_transfer(struct loopback *loopback,
                      enum loopback_direction direction, double *seconds_p,
                      struct loopback_failure *failure_p)
{
    struct ibv_sge host = {
        .addr = (uintptr_t)loopback->host,
        .length = (uint32_t)loopback->size,
        .lkey = loopback->host_mr->lkey,
    };
    struct ibv_send_wr request = {
        .opcode =
            direction == LOOPBACK_READ ? IBV_WR_RDMA_READ : IBV_WR_RDMA_WRITE,
        .sg_list = &host,
        .num_sge = 1,
    };
    struct ibv_send_wr *bad;
    double start = now();
    int error, ret;

    request.wr.rdma.remote_addr = loopback->device_address;
    request.wr.rdma.rkey = loopback->device_mr->rkey;
    error = ibv_post_send(loopback->qp, &request, &bad);
    if (error != 0) {
        return fail(failure_p, "the NIC takes no work", error);
    }
    ret = wait_completion(loopback, failure_p);
    *seconds_p = now() - start;
    return ret;
}
