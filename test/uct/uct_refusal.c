/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages of all protocols between buffers of the kinds that CLIENT_MEMORY and
 * SERVER_MEMORY name, some of which are not to be registered: the bytes are
 * right all the same. With AGAIN, the client then maps its buffer anew at the
 * same address, readable and writable, and sends it by its NIC alone. The
 * statistics of both processes are to be checked by the caller.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "buffer.h"
#include "nic.h"
#include "peer.h"

#define SIZE ((size_t)2 << 20)
#define ROUNDS 3

static const size_t lengths[] = {8, 4096, 65536, 1048576};

#define LENGTH_COUNT (sizeof(lengths) / sizeof(lengths[0]))

static int transfer(peer_t *peer, buffer_t *buffer, int sends, size_t length,
                    uint32_t seed)
{
    size_t offset = length * 13 % 4001;
    ucs_status_t status;

    if (sends) {
        buffer_fill(buffer, offset, length, seed);
        return peer_send(peer, buffer->bytes + offset, length) == UCS_OK;
    }
    status = peer_receive(peer, buffer->bytes + offset, length);
    if ((status != UCS_OK) || !buffer_holds(buffer, offset, length, seed)) {
        printf("# %zu bytes into %s memory: %s\n", length,
               buffer_kind_names[buffer->kind], ucs_status_string(status));
        return 0;
    }
    return 1;
}

static int transfer_all(peer_t *peer, buffer_t *buffer, int sends)
{
    unsigned round;
    size_t i;
    int ok = 1;

    for (i = 0; i < LENGTH_COUNT; ++i) {
        for (round = 1; round <= ROUNDS; ++round) {
            ok &= transfer(peer, buffer, sends, lengths[i], round);
        }
    }
    return ok;
}

/* The client's buffer, once it is not refused any more. */
static void test_again(peer_t *peer, buffer_t *buffer)
{
    const size_t length = lengths[LENGTH_COUNT - 1];
    nic_counters_t before, after;
    int ok;

    if (peer->is_client) {
        buffer_protect(buffer, PROT_READ | PROT_WRITE);
    }
    nic_counters_read(&before);
    ok = transfer(peer, buffer, peer->is_client, length, 77);
    peer_swap(peer, 0);
    nic_counters_read(&after);
    peer_report(peer, ok, "the bytes arrive from what is mapped there later");
    peer_report(peer,
                !peer->is_client ||
                    (after.read_bytes - before.read_bytes >= length),
                "the NIC reads them there");
}

static buffer_kind_t kind_of(const char *variable)
{
    const char *name = getenv(variable);

    return buffer_kind_of(name == NULL ? "device" : name);
}

int main(int argc, char **argv)
{
    buffer_kind_t kinds[2] = {kind_of("SERVER_MEMORY"),
                              kind_of("CLIENT_MEMORY")};
    int both_ways =
        (kinds[0] != BUFFER_READONLY) && (kinds[1] != BUFFER_READONLY);
    buffer_t buffer;
    peer_t peer;

    peer_connect(&peer, argc, argv);
    peer_start(&peer);
    buffer_create(&buffer, kinds[peer.is_client], SIZE);
    if (peer.is_client) {
        printf("1..%d\n", 1 + both_ways + (getenv("AGAIN") != NULL ? 2 : 0));
    }
    peer_report(&peer, transfer_all(&peer, &buffer, peer.is_client),
                "the client's messages arrive");
    if (both_ways) {
        peer_report(&peer, transfer_all(&peer, &buffer, !peer.is_client),
                    "the server's messages arrive");
    }
    if (getenv("AGAIN") != NULL) {
        test_again(&peer, &buffer);
    }
    peer_finish(&peer);
    return 0;
}
