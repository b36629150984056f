/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random numbers that depend on nothing but seed, thread and step, so that
 * each step of each thread is the same again, whatever came before it.
 */
#ifndef STREAM_H
#define STREAM_H

#include <stdbool.h>
#include <stdint.h>

typedef struct stream {
    uint64_t state;
} stream_t;

/* splitmix64, by Sebastiano Vigna. */
static inline uint64_t stream_next(stream_t *stream)
{
    uint64_t z = stream->state += 0x9e3779b97f4a7c15;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static inline stream_t stream_at(uint64_t seed, unsigned thread, uint64_t step)
{
    stream_t stream = {seed};

    stream.state = stream_next(&stream) + thread;
    stream.state = stream_next(&stream) + step;
    return stream;
}

/* A number below `limit`, which is small: the bias does not matter. */
static inline unsigned stream_below(stream_t *stream, unsigned limit)
{
    return (unsigned)((stream_next(stream) >> 32) % limit);
}

static inline bool stream_one_in(stream_t *stream, unsigned count)
{
    return stream_below(stream, count) == 0;
}

#endif
