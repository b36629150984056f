/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Point-to-point between any kinds of memory: sizes, offsets, directions,
 * buffers mapped before and after MPI_Init, memory around the message.
 * Run with two or more ranks; each sends to the next and receives from the
 * one before, so both directions of a pair are busy at once. An argument leaves
 * out longer messages. More ranks than two take turns with the offsets: what
 * they add is more peers, and they are slow.
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

#include "memory.h"
#include "report.h"

#define MARGIN 4096 /* bytes of the buffer on either side of the message */
#define BEHIND 0x5eedu

static const size_t sizes[] = {1,      3,       8,       13,      1000,
                               4096,   8191,    8192,    65536,   65549,
                               262144, 1048576, 1048583, 4194304, 16777216};

/* Of messages whose buffers are used again. */
#define REUSED ((size_t)1048576)

static int rank, ranks;
static size_t largest = SIZE_MAX;

/* What a rank sends differs from rank to rank and from message to message. */
static uint32_t seed_of(int sender, uint32_t message)
{
    return (uint32_t)sender * 0x01000193u + message;
}

/* Exchange one message in a ring; true if all bytes are right, also around. */
static bool exchange(const memory_t *out, const memory_t *in, size_t offset,
                     size_t size, uint32_t message)
{
    int next = (rank + 1) % ranks, previous = (rank + ranks - 1) % ranks;
    char *source = (char *)out->ptr + offset,
         *target = (char *)in->ptr + offset;
    MPI_Request request;
    MPI_Status status;
    int count;

    memory_fill(out, offset, size, seed_of(rank, message));
    memory_fill(in, 0, in->size, BEHIND);
    MPI_Irecv(target, (int)size, MPI_BYTE, previous, 7, MPI_COMM_WORLD,
              &request);
    MPI_Send(source, (int)size, MPI_BYTE, next, 7, MPI_COMM_WORLD);
    MPI_Wait(&request, &status);
    MPI_Get_count(&status, MPI_BYTE, &count);
    return (size_t)count == size &&
           memory_holds(in, offset, size, seed_of(previous, message), 0) &&
           memory_holds(in, 0, offset, BEHIND, 0) &&
           memory_holds(in, offset + size, MARGIN, BEHIND, offset + size);
}

static bool kinds(memory_kind_t from, memory_kind_t to, size_t size)
{
    static const size_t offsets[] = {0, 13};
    static uint32_t message;
    static size_t turn;
    bool right = true;

    turn = !turn;
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        memory_t out, in;

        if (size > 4194304 && i > 0) {
            break; /* one of the largest says it all, and is slow */
        }
        if (ranks > 2 && i != turn) {
            continue;
        }
        memory_create(from, size + 2 * MARGIN, &out);
        memory_create(to, size + 2 * MARGIN, &in);
        right &= exchange(&out, &in, offsets[i], size, ++message);
        memory_destroy(&in);
        memory_destroy(&out);
    }
    return right;
}

static void all_sizes(void)
{
    for (int from = MEMORY_HOST; from <= MEMORY_DEVICE; from++) {
        for (int to = MEMORY_HOST; to <= MEMORY_DEVICE; to++) {
            for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                if (sizes[i] > largest) {
                    continue;
                }
                report(kinds(from, to, sizes[i]),
                       "%zu bytes from %s to %s memory, %d ranks", sizes[i],
                       memory_kind_name(from), memory_kind_name(to), ranks);
            }
        }
    }
}

static size_t reused_size(void)
{
    return largest < REUSED ? largest : REUSED;
}

/* One buffer for all messages: registered once, reused with new contents. */
static bool reused(const memory_t *out, const memory_t *in)
{
    bool right = true;

    for (uint32_t message = 1000; message < 1004; message++) {
        right &= exchange(out, in, 64, reused_size(), message);
    }
    return right;
}

/*
 * Map, send, unmap, and map again: the kernel gives the next buffer the same
 * address. A registration or detection kept from the last one would show the
 * last one's bytes. Host and device memory alternate, in each order twice.
 */
static bool address_reused(void)
{
    static const memory_kind_t order[] = {MEMORY_DEVICE, MEMORY_DEVICE,
                                          MEMORY_HOST,   MEMORY_DEVICE,
                                          MEMORY_HOST,   MEMORY_HOST};
    const size_t size = reused_size();
    bool right = true;

    for (uint32_t message = 2000; message < 2012; message++) {
        memory_kind_t kind = order[message % 6];
        memory_t out, in;

        memory_create(kind, size + 2 * MARGIN, &out);
        memory_create(kind, size + 2 * MARGIN, &in);
        right &= exchange(&out, &in, MARGIN, size, message);
        memory_destroy(&out);
        memory_destroy(&in);
    }
    return right;
}

int main(int argc, char **argv)
{
    memory_t out_before, in_before, out_after, in_after;
    int result;

    if (argc > 1) {
        largest = strtoull(argv[1], NULL, 0);
    }
    memory_create(MEMORY_DEVICE, REUSED + 2 * MARGIN, &out_before);
    memory_create(MEMORY_DEVICE, REUSED + 2 * MARGIN, &in_before);
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    memory_create(MEMORY_DEVICE, REUSED + 2 * MARGIN, &out_after);
    memory_create(MEMORY_DEVICE, REUSED + 2 * MARGIN, &in_after);

    report(reused(&out_before, &in_before),
           "buffers mapped before MPI_Init, %d ranks", ranks);
    report(reused(&out_after, &in_after),
           "buffers mapped after MPI_Init, %d ranks", ranks);
    report(reused(&out_before, &in_after),
           "one mapped before and one after MPI_Init, %d ranks", ranks);
    report(address_reused(),
           "addresses that pass from buffer to buffer, %d ranks", ranks);
    all_sizes();

    memory_destroy(&out_before);
    memory_destroy(&in_before);
    memory_destroy(&out_after);
    memory_destroy(&in_after);
    result = report_end();
    MPI_Finalize();
    return result;
}
