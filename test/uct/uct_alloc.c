/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that UCX allocates on the accelerator, by ucp_mem_map(): it is there,
 * it is sent and received, and it is free afterwards. The statistics of both
 * processes are to be checked by the caller.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"
#include "softaccel_client.h"

#define SIZE ((size_t)1 << 20)
#define ROUNDS 3

static uint64_t device_bytes(int accelerator)
{
    struct softaccel_info info;

    if (softaccel_info(accelerator, &info) != 0) {
        peer_die("the accelerator tells nothing");
    }
    return info.memory_used;
}

static ucs_status_t map(peer_t *peer, size_t length, ucp_mem_h *memh_p)
{
    const ucp_mem_map_params_t params = {
        .field_mask = UCP_MEM_MAP_PARAM_FIELD_LENGTH |
                      UCP_MEM_MAP_PARAM_FIELD_FLAGS |
                      UCP_MEM_MAP_PARAM_FIELD_MEMORY_TYPE,
        .length = length,
        .flags = UCP_MEM_MAP_ALLOCATE,
        .memory_type = UCS_MEMORY_TYPE_ZE_DEVICE,
    };

    return ucp_mem_map(peer->context, &params, memh_p);
}

static int transfer(peer_t *peer, unsigned char *bytes)
{
    unsigned round;
    size_t i;

    for (round = 1; round <= ROUNDS; ++round) {
        if (peer->is_client) {
            for (i = 0; i < SIZE; ++i) {
                bytes[i] = softaccel_pattern(round, i);
            }
            if (peer_send(peer, bytes, SIZE) != UCS_OK) {
                return 0;
            }
            continue;
        }
        if (peer_receive(peer, bytes, SIZE) != UCS_OK) {
            return 0;
        }
        for (i = 0; i < SIZE; ++i) {
            if (bytes[i] != softaccel_pattern(round, i)) {
                return 0;
            }
        }
    }
    return 1;
}

int main(int argc, char **argv)
{
    ucp_mem_attr_t attr = {.field_mask = UCP_MEM_ATTR_FIELD_ADDRESS |
                                         UCP_MEM_ATTR_FIELD_LENGTH |
                                         UCP_MEM_ATTR_FIELD_MEM_TYPE};
    uint64_t before, during;
    ucp_mem_h memh, huge;
    int accelerator;
    peer_t peer;

    peer_connect(&peer, argc, argv);
    peer_start(&peer);
    if (softaccel_open(&accelerator) != 0) {
        peer_die("no accelerator");
    }
    if (peer.is_client) {
        printf("1..5\n");
    }
    before = device_bytes(accelerator);
    if ((map(&peer, SIZE, &memh) != UCS_OK) ||
        (ucp_mem_query(memh, &attr) != UCS_OK)) {
        peer_die("no memory is allocated");
    }
    during = device_bytes(accelerator);
    peer_report(&peer,
                (attr.mem_type == UCS_MEMORY_TYPE_ZE_DEVICE) &&
                    (attr.length >= SIZE),
                "UCX has memory of the device's type");
    peer_report(&peer, during >= before + SIZE, "it is on the accelerator");
    peer_report(&peer, transfer(&peer, attr.address),
                "messages arrive from one to the other");
    peer_report(&peer, map(&peer, (size_t)1 << 46, &huge) != UCS_OK,
                "more than the accelerator has is refused with an error");
    ucp_mem_unmap(peer.context, memh);
    /* UCX's cache drops what is unmapped when it is next asked. */
    if (map(&peer, 4096, &memh) != UCS_OK) {
        peer_die("no memory is allocated any more");
    }
    ucp_mem_unmap(peer.context, memh);
    peer_report(&peer, device_bytes(accelerator) < during,
                "it is free afterwards");
    peer_finish(&peer);
    return 0;
}
