/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tagged messages, puts and gets between host and device memory of two
 * processes: all sizes and odd offsets, into and out of buffers that were
 * mapped before and after UCX was started. Bytes are checked, and those beside
 * them. The client prints TAP for both.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "peer.h"

#define MARGIN 64
#define SIZE (((size_t)16 << 20) + 8192)

static const size_t lengths[] = {
    1, 7, 64, 1023, 4096, 8191, 65537, 1048583, 16777216,
};
/* LARGEST in the environment of both processes leaves longer ones out. */
static size_t length_count = sizeof(lengths) / sizeof(lengths[0]);
/* Once UCX is started a buffer's recognition differs, not how its bytes move:
 * the longest, which take the emulated nodes most of the time, are in buffers
 * from before only. */
#define LARGEST_AFTER 1048583

/* What is longer. */
static void leave_out(size_t largest)
{
    while ((length_count > 1) && (lengths[length_count - 1] > largest)) {
        --length_count;
    }
}

static void report(peer_t *peer, int ok, const char *what, const char *when,
                   buffer_kind_t from, buffer_kind_t to)
{
    peer_report(peer, ok, "%s from %s to %s memory, mapped %s UCX started",
                what, buffer_kind_names[from], buffer_kind_names[to], when);
}

static size_t send_offset(size_t length)
{
    return MARGIN + length * 13 % 4001;
}

static size_t receive_offset(size_t length)
{
    return MARGIN + length * 7 % 3001;
}

/* What may not change beside the bytes that come. */
static void fill_margins(buffer_t *buffer, size_t offset, size_t length)
{
    buffer_fill(buffer, offset - MARGIN, MARGIN, 77);
    buffer_fill(buffer, offset + length, MARGIN, 78);
}

static int arrived(buffer_t *buffer, size_t offset, size_t length,
                   uint32_t seed)
{
    int ok = buffer_holds(buffer, offset, length, seed) &&
             buffer_holds(buffer, offset - MARGIN, MARGIN, 77) &&
             buffer_holds(buffer, offset + length, MARGIN, 78);

    if (!ok) {
        printf("# %zu bytes at %zu of %s memory are wrong\n", length, offset,
               buffer_kind_names[buffer->kind]);
    }
    return ok;
}

static int send_all(peer_t *peer, buffer_t *buffer)
{
    size_t i, offset;
    int ok = 1;

    for (i = 0; i < length_count; ++i) {
        offset = send_offset(lengths[i]);
        buffer_fill(buffer, offset, lengths[i], (uint32_t)i + 1);
        ok &= peer_send(peer, buffer->bytes + offset, lengths[i]) == UCS_OK;
    }
    return ok;
}

static int receive_all(peer_t *peer, buffer_t *buffer)
{
    size_t i, offset;
    int ok = 1;

    for (i = 0; i < length_count; ++i) {
        offset = receive_offset(lengths[i]);
        fill_margins(buffer, offset, lengths[i]);
        ok &= (peer_receive(peer, buffer->bytes + offset, lengths[i]) ==
               UCS_OK) &&
              arrived(buffer, offset, lengths[i], (uint32_t)i + 1);
    }
    return ok;
}

static void test_tag(peer_t *peer, const char *when, buffer_t *buffers)
{
    int sender, from, to, ok;

    for (sender = 0; sender < 2; ++sender) {
        for (from = 0; from < 2; ++from) {
            for (to = 0; to < 2; ++to) {
                ok = (sender == peer->is_client)
                         ? send_all(peer, &buffers[from])
                         : receive_all(peer, &buffers[to]);
                report(peer, ok,
                       sender ? "messages of the client"
                              : "messages of the server",
                       when, from, to);
            }
        }
    }
}

/* The server's side of puts and gets: it exposes a buffer and looks on. */
static int serve_rma(peer_t *peer, buffer_t *buffer)
{
    ucp_mem_h memh =
        peer_expose(peer, buffer->bytes, buffer->size, buffer->bytes);
    size_t i, offset;
    int ok = 1;

    for (i = 0; i < length_count; ++i) {
        offset = receive_offset(lengths[i]);
        fill_margins(buffer, offset, lengths[i]);
        peer_swap(peer, 0);
        peer_swap(peer, 0); /* the put is done */
        ok &= arrived(buffer, offset, lengths[i], (uint32_t)i + 1);
        peer_swap(peer, 0); /* it is to be gotten back */
        peer_swap(peer, 0);
    }
    ucp_mem_unmap(peer->context, memh);
    return ok;
}

static int flush(peer_t *peer, void *request)
{
    const ucp_request_param_t params = {.op_attr_mask = 0};

    return (peer_wait(peer, request) == UCS_OK) &&
           (peer_wait(peer, ucp_ep_flush_nbx(peer->ep, &params)) == UCS_OK);
}

static int use_rma(peer_t *peer, buffer_t *from, buffer_t *to)
{
    const ucp_request_param_t params = {.op_attr_mask = 0};
    size_t i, length, offset, back;
    uint64_t remote;
    ucp_rkey_h rkey = peer_reach(peer, &remote);
    int ok = 1;

    for (i = 0; i < length_count; ++i) {
        length = lengths[i];
        offset = receive_offset(length);
        back = send_offset(length);
        buffer_fill(from, back, length, (uint32_t)i + 1);
        fill_margins(to, back, length);
        peer_swap(peer, 0);
        ok &= flush(peer, ucp_put_nbx(peer->ep, from->bytes + back, length,
                                      remote + offset, rkey, &params));
        peer_swap(peer, 0);
        peer_swap(peer, 0);
        ok &= flush(peer, ucp_get_nbx(peer->ep, to->bytes + back, length,
                                      remote + offset, rkey, &params)) &&
              arrived(to, back, length, (uint32_t)i + 1);
        peer_swap(peer, 0);
    }
    ucp_rkey_destroy(rkey);
    return ok;
}

static void test_rma(peer_t *peer, const char *when, buffer_t *buffers,
                     buffer_t *others)
{
    int near, far, ok;

    for (near = 0; near < 2; ++near) {
        for (far = 0; far < 2; ++far) {
            ok = peer->is_client ? use_rma(peer, &buffers[near], &others[near])
                                 : serve_rma(peer, &buffers[far]);
            report(peer, ok, "puts and gets", when, near, far);
        }
    }
}

static void create_all(buffer_t buffers[2][2])
{
    int kind, copy;

    for (copy = 0; copy < 2; ++copy) {
        for (kind = 0; kind < 2; ++kind) {
            buffer_create(&buffers[copy][kind], kind, SIZE);
        }
    }
}

int main(int argc, char **argv)
{
    const char *largest = getenv("LARGEST");
    buffer_t before[2][2], after[2][2];
    peer_t peer;

    if (largest != NULL) {
        leave_out(strtoull(largest, NULL, 0));
    }
    peer_connect(&peer, argc, argv);
    create_all(before);
    peer_start(&peer);
    create_all(after);
    if (peer.is_client) {
        printf("1..24\n");
    }
    test_tag(&peer, "before", before[0]);
    test_rma(&peer, "before", before[0], before[1]);
    leave_out(LARGEST_AFTER);
    test_tag(&peer, "after", after[0]);
    test_rma(&peer, "after", after[0], after[1]);
    peer_finish(&peer);
    return 0;
}
