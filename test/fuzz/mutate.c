/* SPDX-License-Identifier: BSD-3-Clause */
#include "mutate.h"

#include <string.h>

uint64_t mutate_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* 0 to `end` - 1, or 0. */
static size_t below(uint64_t *state, size_t end)
{
    return end == 0 ? 0 : (size_t)((mutate_random(state) >> 11) % end);
}

/* Make `count` bytes of room at `at`, as far as there is any. */
static size_t open_gap(uint8_t *data, size_t *size, size_t limit, size_t at,
                       size_t count)
{
    count = count < limit - *size ? count : limit - *size;
    memmove(data + at + count, data + at, *size - at);
    *size += count;
    return count;
}

static uint8_t telling_byte(uint64_t *state)
{
    static const char bytes[] =
        "\n\0 /-:.=#[]\"\\0123456789abcdefrwxsp\t\r\xff";

    return (uint8_t)bytes[below(state, sizeof(bytes) - 1)];
}

static size_t mutate_once(uint64_t *state, uint8_t *data, size_t size,
                          size_t limit, const struct mutate_case *other)
{
    size_t at = below(state, size), count, from;

    switch (below(state, 7)) {
    case 0:
        if (size > 0) {
            data[at] ^= (uint8_t)(1u << below(state, 8));
        }
        break;
    case 1:
        if (size > 0) {
            data[at] = telling_byte(state);
        }
        break;
    case 2:
        count = open_gap(data, &size, limit, at, 1 + below(state, 4));
        while (count > 0) {
            data[at + --count] = telling_byte(state);
        }
        break;
    case 3:
        count = below(state, size - at < 64 ? size - at + 1 : 64);
        memmove(data + at, data + at + count, size - at - count);
        size -= count;
        break;
    case 4: /* a run of one byte, long at times */
        count = (size_t)1 << below(state, 14);
        count = open_gap(data, &size, limit, at, count);
        memset(data + at, telling_byte(state), count);
        break;
    case 5: /* a piece of the same, repeated */
        count = open_gap(data, &size, limit, at, below(state, size - at + 1));
        memmove(data + at, data + at + count,
                count < size - at - count ? count : size - at - count);
        break;
    default:
        from = below(state, other->size);
        count = below(state, other->size - from + 1);
        count = open_gap(data, &size, limit, at, count);
        memcpy(data + at, other->data + from, count);
        break;
    }
    return size;
}

size_t mutate(uint64_t *state, uint8_t *data, size_t size, size_t limit,
              const struct mutate_case *other)
{
    size_t times = 1 + below(state, 6);

    while (times-- > 0) {
        size = mutate_once(state, data, size, limit, other);
    }
    return size;
}
