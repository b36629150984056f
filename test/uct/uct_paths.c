/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long messages take between host and device memory of two processes, by
 * each combination and size in turn, so that each round meets the same weather.
 * A message is answered by one byte. The client prints a line a measurement:
 *
 *     path <from> <to> <bytes> <microseconds>
 *
 * ROUNDS in the environment of both processes: how many (default 5). The first
 * is not printed, but its bytes are checked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "buffer.h"
#include "peer.h"

static const size_t lengths[] = {8, 1024, 65536, 1048576, 4194304};

#define LENGTH_COUNT (sizeof(lengths) / sizeof(lengths[0]))
#define SIZE ((size_t)4194304)

static double now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void must(ucs_status_t status)
{
    if (status != UCS_OK) {
        peer_die("a message failed: %s", ucs_status_string(status));
    }
}

static double exchange(peer_t *peer, char *bytes, size_t length)
{
    double start;
    char answer = 0;

    peer_swap(peer, 0);
    start = now_us();
    if (peer->is_client) {
        must(peer_send(peer, bytes, length));
        must(peer_receive(peer, &answer, 1));
    } else {
        must(peer_receive(peer, bytes, length));
        must(peer_send(peer, &answer, 1));
    }
    return now_us() - start;
}

static void measure(peer_t *peer, buffer_t *buffers, int from, int to,
                    size_t length, unsigned round)
{
    buffer_t *buffer = &buffers[peer->is_client ? from : to];
    double time;

    if (round == 0) {
        buffer_fill(buffer, 0, length, peer->is_client ? 1 : 2);
    }
    time = exchange(peer, buffer->bytes, length);
    if (round == 0) {
        if (!peer->is_client && !buffer_holds(buffer, 0, length, 1)) {
            peer_die("%zu bytes from %s to %s memory are wrong", length,
                     buffer_kind_names[from], buffer_kind_names[to]);
        }
    } else if (peer->is_client) {
        printf("path %s %s %zu %.1f\n", buffer_kind_names[from],
               buffer_kind_names[to], length, time);
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    const char *text = getenv("ROUNDS");
    unsigned rounds = (text == NULL) ? 5 : (unsigned)strtoul(text, NULL, 0);
    unsigned round;
    buffer_t buffers[2];
    peer_t peer;
    int from, to;
    size_t i;

    peer_connect(&peer, argc, argv);
    peer_start(&peer);
    buffer_create(&buffers[0], BUFFER_HOST, SIZE);
    buffer_create(&buffers[1], BUFFER_DEVICE, SIZE);
    for (round = 0; round <= rounds; ++round) {
        for (i = 0; i < LENGTH_COUNT; ++i) {
            for (from = 0; from < 2; ++from) {
                for (to = 0; to < 2; ++to) {
                    measure(&peer, buffers, from, to, lengths[i], round);
                }
            }
        }
    }
    peer_finish(&peer);
    return 0;
}
