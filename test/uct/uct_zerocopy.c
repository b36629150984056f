/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Large messages between two accelerators: the NICs read and write device
 * memory, each mapping is registered once, and no CPU touches a byte. Run with
 * a rendezvous scheme set to zero-copy. The statistics of both processes are to
 * be checked by the caller.
 */
#include <stdio.h>
#include <stdlib.h>

#include "buffer.h"
#include "nic.h"
#include "peer.h"

#define SIZE ((size_t)4 << 20)
#define ROUNDS 5

/* With the trial's, unless REGISTRATIONS_EXPECTED says otherwise. */
static uint64_t registrations(void)
{
    const char *text = getenv("REGISTRATIONS_EXPECTED");

    return (text != NULL) ? strtoull(text, NULL, 0) : 2;
}

int main(int argc, char **argv)
{
    nic_counters_t before, after;
    buffer_t buffer;
    peer_t peer;
    unsigned round;
    uint64_t bytes;
    int ok = 1;

    peer_connect(&peer, argc, argv);
    peer_start(&peer);
    buffer_create(&buffer, BUFFER_DEVICE, SIZE);
    nic_counters_read(&before);
    for (round = 1; round <= ROUNDS; ++round) {
        if (peer.is_client) {
            buffer_fill(&buffer, 0, SIZE, round);
            ok &= peer_send(&peer, buffer.bytes, SIZE) == UCS_OK;
        } else {
            ok &= (peer_receive(&peer, buffer.bytes, SIZE) == UCS_OK) &&
                  buffer_holds(&buffer, 0, SIZE, round);
        }
    }
    peer_swap(&peer, 0);
    nic_counters_read(&after);
    if (peer.is_client) {
        printf("1..3\n");
        bytes = after.read_bytes - before.read_bytes;
    } else {
        bytes = after.written_bytes - before.written_bytes;
    }
    peer_report(&peer, ok, "the bytes arrive");
    peer_report(&peer, bytes >= ROUNDS * SIZE,
                "the NICs read and write them in device memory");
    peer_report(&peer, after.regions - before.regions == registrations(),
                "one registration, and a trial's, serves all of a mapping");
    peer_finish(&peer);
    return 0;
}
