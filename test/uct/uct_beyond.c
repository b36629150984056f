/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device pointer with a length beyond its mapping, behind which lies another
 * buffer of the device: it is refused, and nothing of the other buffer leaves
 * the process. Modes: "map" asks ucp_mem_map(), "short" and "long" send, and
 * "inside" sends what does not leave the mapping. The client prints what it was
 * told; it may die. The server prints what came.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "buffer.h"
#include "peer.h"

#define SIZE ((size_t)1 << 20)
#define SHORT ((size_t)64) /* half of it beyond */

/* Two device buffers side by side. */
static void create_adjacent(buffer_t *first, buffer_t *second)
{
    char *space =
        mmap(NULL, 2 * SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (space == MAP_FAILED) {
        peer_die("out of memory");
    }
    buffer_create(first, BUFFER_DEVICE, SIZE);
    buffer_create(second, BUFFER_DEVICE, SIZE);
    buffer_fill(first, 0, SIZE, 1);
    buffer_fill(second, 0, SIZE, 2);
    buffer_move(first, space);
    buffer_move(second, space + SIZE);
}

static ucs_status_t try_map(peer_t *peer, void *address, size_t length)
{
    const ucp_mem_map_params_t params = {
        .field_mask =
            UCP_MEM_MAP_PARAM_FIELD_ADDRESS | UCP_MEM_MAP_PARAM_FIELD_LENGTH,
        .address = address,
        .length = length,
    };
    ucp_mem_h memh;

    return ucp_mem_map(peer->context, &params, &memh);
}

static int run_client(peer_t *peer, const char *mode)
{
    buffer_t first, second;
    ucs_status_t status;

    create_adjacent(&first, &second);
    peer_swap(peer, 0);
    if (strcmp(mode, "map") == 0) {
        status = try_map(peer, first.bytes, SIZE + 1);
    } else if (strcmp(mode, "inside") == 0) {
        status = peer_send(peer, first.bytes, SIZE);
    } else if (strcmp(mode, "short") == 0) {
        status = peer_send(peer, first.bytes + SIZE - SHORT / 2, SHORT);
    } else {
        status = peer_send(peer, first.bytes, 2 * SIZE);
    }
    printf("client: %s\n",
           status == UCS_OK ? "accepted" : ucs_status_string(status));
    return 0;
}

/* Has any piece of the second buffer come here? */
static int has_leaked(const char *bytes, size_t length)
{
    char piece[16];
    size_t i, k;

    for (i = 0; i < length; i += sizeof(piece)) {
        for (k = 0; k < sizeof(piece); ++k) {
            piece[k] = (char)softaccel_pattern(2, i + k);
        }
        if (memcmp(bytes + i, piece, sizeof(piece)) == 0) {
            return 1;
        }
    }
    return 0;
}

static int run_server(peer_t *peer)
{
    const ucp_request_param_t params = {.op_attr_mask = 0};
    struct pollfd poll_fd = {.fd = peer->socket, .events = POLLIN};
    buffer_t buffer;
    void *request;

    buffer_create(&buffer, BUFFER_HOST, 2 * SIZE);
    request =
        ucp_tag_recv_nbx(peer->worker, buffer.bytes, 2 * SIZE, 1, ~0, &params);
    if (UCS_PTR_IS_ERR(request)) {
        peer_die("cannot receive");
    }
    peer_swap(peer, 0);
    /* Until the client is gone. */
    while (poll(&poll_fd, 1, 1) == 0) {
        ucp_worker_progress(peer->worker);
    }
    printf("server: %s\n", has_leaked(buffer.bytes + SHORT / 2, SHORT / 2) ||
                                   has_leaked(buffer.bytes + SIZE, SIZE)
                               ? "bytes from behind"
                               : "nothing from behind");
    fflush(stdout);
    _exit(0); /* the endpoint's other side may have died */
}

int main(int argc, char **argv)
{
    peer_t peer;

    peer_connect(&peer, argc, argv);
    peer_start(&peer);
    return peer.is_client ? run_client(&peer, argc > 3 ? argv[3] : "long")
                          : run_server(&peer);
}
