/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Verbs for the tests of Soft-RoCE: a device, connected queue pairs, one work
 * request at a time. Functions without a result end the program with a message
 * when they fail, as nothing can be tested then.
 */
#ifndef FABRIC_H
#define FABRIC_H

#include <stdint.h>

#include <infiniband/verbs.h>

#define FABRIC_ALL_ACCESS                              \
    (IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ | \
     IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_ATOMIC)

typedef struct fabric {
    struct ibv_context *context;
    struct ibv_pd *pd;
    union ibv_gid gid;
} fabric_t;

/** One queue pair and its completions. */
typedef struct endpoint {
    struct ibv_cq *cq;
    struct ibv_qp *qp;
    /* As ibv_modify_qp(3) has them; may be changed before it is connected. */
    uint8_t ack_timeout;
    uint8_t retries;
} endpoint_t;

/** What a peer must know of an endpoint. */
typedef struct endpoint_address {
    union ibv_gid gid;
    uint32_t qp_number;
} endpoint_address_t;

/** Memory as work requests name it: key is a local or a remote one. */
typedef struct span {
    uint64_t address;
    uint32_t length;
    uint32_t key;
} span_t;

/** Open rxe0. */
void fabric_open(fabric_t *fabric);
void fabric_close(fabric_t *fabric);

void endpoint_create(fabric_t *fabric, endpoint_t *endpoint);
void endpoint_destroy(endpoint_t *endpoint);
endpoint_address_t endpoint_address(const fabric_t *fabric,
                                    const endpoint_t *endpoint);
void endpoint_connect(endpoint_t *endpoint, const endpoint_address_t *peer);

/** Two connected endpoints of this node. */
void endpoint_create_pair(fabric_t *fabric, endpoint_t *near, endpoint_t *far);

/** Post a send-side request, IBV_WR_SEND or RDMA; remote unused for SEND. */
void endpoint_post(endpoint_t *endpoint, enum ibv_wr_opcode opcode,
                   span_t local, span_t remote);

/** Post an atomic; compare is unused for fetch-and-add. */
void endpoint_post_atomic(endpoint_t *endpoint, enum ibv_wr_opcode opcode,
                          span_t local, span_t remote, uint64_t compare,
                          uint64_t swap_add);

void endpoint_post_recv(endpoint_t *endpoint, span_t local);

/** Wait for the next completion, at most two minutes. */
enum ibv_wc_status endpoint_wait(endpoint_t *endpoint);

/** endpoint_post() and endpoint_wait(). */
enum ibv_wc_status endpoint_transfer(endpoint_t *endpoint,
                                     enum ibv_wr_opcode opcode, span_t local,
                                     span_t remote);

/** A counter of the device, from sysfs. */
uint64_t fabric_counter(const char *name);

#endif
