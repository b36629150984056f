/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Large messages both ways between the accelerators that CLIENT_ACCELERATOR and
 * SERVER_ACCELERATOR number, and which NICs of either node moved how much of
 * them in device memory, a line each, for the caller to judge.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "buffer.h"
#include "nic.h"
#include "peer.h"

#define SIZE ((size_t)2 << 20)
#define ROUNDS 2
#define NICS 2

/* A counter in sysfs may be as old as this. */
#define COUNTER_MICROSECONDS 100000

static const char *const nics[NICS] = {"rxe0", "rxe1"};

static void read_counters(nic_counters_t counters[NICS])
{
    unsigned i;

    usleep(COUNTER_MICROSECONDS);
    for (i = 0; i < NICS; ++i) {
        nic_counters_read_of(nics[i], &counters[i]);
    }
}

static int transfer(peer_t *peer, buffer_t *buffer, int sends, uint32_t seed)
{
    if (sends) {
        buffer_fill(buffer, 0, SIZE, seed);
        return peer_send(peer, buffer->bytes, SIZE) == UCS_OK;
    }
    return (peer_receive(peer, buffer->bytes, SIZE) == UCS_OK) &&
           buffer_holds(buffer, 0, SIZE, seed);
}

static unsigned accelerator_of(const char *variable)
{
    const char *value = getenv(variable);

    return (value == NULL) ? 0 : (unsigned)strtoul(value, NULL, 10);
}

int main(int argc, char **argv)
{
    nic_counters_t before[NICS], after[NICS];
    buffer_t buffer;
    peer_t peer;
    unsigned i;
    int ok = 1;

    peer_connect(&peer, argc, argv);
    peer_start(&peer);
    buffer_use_accelerator(accelerator_of(
        peer.is_client ? "CLIENT_ACCELERATOR" : "SERVER_ACCELERATOR"));
    buffer_create(&buffer, BUFFER_DEVICE, SIZE);
    read_counters(before);
    for (i = 0; i < 2 * ROUNDS; ++i) {
        ok &= transfer(&peer, &buffer, peer.is_client == (int)(i % 2), i);
    }
    peer_swap(&peer, 0);
    read_counters(after);
    for (i = 0; i < NICS; ++i) {
        printf("# %s read %" PRIu64 " written %" PRIu64 "\n", nics[i],
               after[i].read_bytes - before[i].read_bytes,
               after[i].written_bytes - before[i].written_bytes);
    }
    ok &= (int)peer_swap(&peer, (uint64_t)ok);
    if (peer.is_client) {
        printf("1..1\n%sok 1 - the bytes arrive\n", ok ? "" : "not ");
    }
    peer_finish(&peer);
    return 0;
}
