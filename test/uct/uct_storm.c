/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One address, and under it now this device buffer, now that, now host memory:
 * each message must have the bytes of what is mapped there when it is sent, and
 * arrive in what is mapped there when it is received.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "buffer.h"
#include "peer.h"

#define SIZE ((size_t)262144)
#define ROUNDS 200
#define OBJECTS 4 /* three buffers of the device and one of the host */

static const size_t lengths[] = {8, 2000, 70000, SIZE};

typedef struct storm {
    buffer_t objects[OBJECTS];
    buffer_t *mapped;
    char *address;
} storm_t;

static void storm_create(storm_t *storm)
{
    int i;

    storm->address =
        mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (storm->address == MAP_FAILED) {
        peer_die("out of memory");
    }
    storm->mapped = NULL;
    for (i = 0; i < OBJECTS; ++i) {
        buffer_create(&storm->objects[i], i == 0 ? BUFFER_HOST : BUFFER_DEVICE,
                      SIZE);
    }
}

/* A mapping of the object elsewhere, so that mremap() can move it. */
static void map_elsewhere(buffer_t *object)
{
    if (object->kind == BUFFER_HOST) {
        object->bytes = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    } else {
        object->bytes =
            mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
                 object->device.fd, (off_t)object->device.mmap_offset);
    }
    if (object->bytes == MAP_FAILED) {
        peer_die("mmap failed");
    }
    object->device.ptr = object->bytes;
}

static void map_here(storm_t *storm, buffer_t *object)
{
    char *mapped;

    if (object->kind == BUFFER_HOST) {
        mapped = mmap(storm->address, SIZE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    } else {
        mapped = mmap(storm->address, SIZE, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_FIXED, object->device.fd,
                      (off_t)object->device.mmap_offset);
    }
    if (mapped != storm->address) {
        peer_die("mmap failed");
    }
    object->bytes = mapped;
    object->device.ptr = mapped;
}

/* Put another object under the address, in one of the ways there are. */
static void storm_next(storm_t *storm, unsigned round)
{
    buffer_t *object = &storm->objects[rand() % OBJECTS];

    if (object == storm->mapped) {
        return;
    }
    /* Before the address is free, or it might be given out for this. */
    if (round % 2 == 0) {
        map_elsewhere(object);
    }
    if ((round % 3 != 0) && (storm->mapped != NULL)) {
        munmap(storm->address, SIZE);
    }
    if (round % 2 == 0) {
        buffer_move(object, storm->address);
    } else {
        map_here(storm, object);
    }
    storm->mapped = object;
}

static int storm_round(peer_t *peer, storm_t *storm, unsigned round, int sender)
{
    size_t length = lengths[round % 4];
    size_t offset = round * 31 % (SIZE - length + 1);
    ucs_status_t status;

    storm_next(storm, round);
    if (sender) {
        buffer_fill(storm->mapped, offset, length, round);
        return peer_send(peer, storm->address + offset, length) == UCS_OK;
    }
    buffer_fill(storm->mapped, 0, SIZE, ~round);
    status = peer_receive(peer, storm->address + offset, length);
    if ((status == UCS_OK) &&
        buffer_holds(storm->mapped, offset, length, round)) {
        return 1;
    }
    printf("# round %u: %zu bytes at %zu of %s memory are wrong (%s)\n", round,
           length, offset, buffer_kind_names[storm->mapped->kind],
           ucs_status_string(status));
    return 0;
}

int main(int argc, char **argv)
{
    unsigned round, bad = 0;
    storm_t storm;
    peer_t peer;

    peer_connect(&peer, argc, argv);
    peer_start(&peer);
    storm_create(&storm);
    srand(peer.is_client ? 1 : 2);
    for (round = 0; round < ROUNDS; ++round) {
        bad += !storm_round(&peer, &storm, round,
                            peer.is_client == (int)(round / 8 % 2));
    }
    bad += (unsigned)peer_swap(&peer, bad);
    if (peer.is_client) {
        printf("1..1\n%sok 1 - of %u messages from and to one address, under "
               "which the memory changes, %u are wrong\n",
               bad == 0 ? "" : "not ", ROUNDS, bad);
    }
    peer_finish(&peer);
    return 0;
}
