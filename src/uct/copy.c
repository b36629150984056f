/* SPDX-License-Identifier: BSD-3-Clause */
#include "copy.h"

#include <emmintrin.h>
#include <stdint.h>
#include <string.h>

#define WIDE ((size_t)16)  /* the widest access of SSE2 */
#define BLOCK ((size_t)64) /* a write-combining buffer */

/*
 * One device access of a whole type: volatile keeps the compiler from splitting
 * or joining it, memcpy allows any alignment on the host side.
 */
#define DEFINE_ACCESS(_type)                                         \
    typedef _type device_##_type __attribute__((may_alias));         \
    static inline void store_##_type(char *device, const char *host) \
    {                                                                \
        _type value;                                                 \
        memcpy(&value, host, sizeof(value));                         \
        *(volatile device_##_type *)device = value;                  \
    }                                                                \
    static inline void load_##_type(char *host, const char *device)  \
    {                                                                \
        _type value = *(const volatile device_##_type *)device;      \
        memcpy(host, &value, sizeof(value));                         \
    }

DEFINE_ACCESS(uint8_t)
DEFINE_ACCESS(uint16_t)
DEFINE_ACCESS(uint32_t)
DEFINE_ACCESS(uint64_t)

/* The bytes before `device` is aligned for wide accesses. */
static size_t head_length(const char *device, size_t length)
{
    size_t head = -(uintptr_t)device % WIDE;

    return (head < length) ? head : length;
}

/* The largest power of two, up to 8, that fits and `device` is aligned to. */
static size_t step_length(const char *device, size_t length)
{
    size_t step = 8;

    while ((step > length) || ((uintptr_t)device % step != 0)) {
        step /= 2;
    }
    return step;
}

static void store_narrow(char *device, const char *host, size_t length)
{
    size_t step;

    for (; length > 0; device += step, host += step, length -= step) {
        step = step_length(device, length);
        switch (step) {
        case 8:
            store_uint64_t(device, host);
            break;
        case 4:
            store_uint32_t(device, host);
            break;
        case 2:
            store_uint16_t(device, host);
            break;
        default:
            store_uint8_t(device, host);
            break;
        }
    }
}

static void load_narrow(char *host, const char *device, size_t length)
{
    size_t step;

    for (; length > 0; device += step, host += step, length -= step) {
        step = step_length(device, length);
        switch (step) {
        case 8:
            load_uint64_t(host, device);
            break;
        case 4:
            load_uint32_t(host, device);
            break;
        case 2:
            load_uint16_t(host, device);
            break;
        default:
            load_uint8_t(host, device);
            break;
        }
    }
}

/* `length` is a multiple of WIDE, as the alignment of `device`. */
static void store_wide(char *device, const char *host, size_t length)
{
    for (; length >= BLOCK; device += BLOCK, host += BLOCK, length -= BLOCK) {
        __m128i a = _mm_loadu_si128((const __m128i *)host);
        __m128i b = _mm_loadu_si128((const __m128i *)host + 1);
        __m128i c = _mm_loadu_si128((const __m128i *)host + 2);
        __m128i d = _mm_loadu_si128((const __m128i *)host + 3);

        _mm_stream_si128((__m128i *)device, a);
        _mm_stream_si128((__m128i *)device + 1, b);
        _mm_stream_si128((__m128i *)device + 2, c);
        _mm_stream_si128((__m128i *)device + 3, d);
    }
    for (; length > 0; device += WIDE, host += WIDE, length -= WIDE) {
        _mm_stream_si128((__m128i *)device,
                         _mm_loadu_si128((const __m128i *)host));
    }
}

static void load_wide(char *host, const char *device, size_t length)
{
    for (; length >= BLOCK; device += BLOCK, host += BLOCK, length -= BLOCK) {
        __m128i a = *(const volatile __m128i *)device;
        __m128i b = *((const volatile __m128i *)device + 1);
        __m128i c = *((const volatile __m128i *)device + 2);
        __m128i d = *((const volatile __m128i *)device + 3);

        _mm_storeu_si128((__m128i *)host, a);
        _mm_storeu_si128((__m128i *)host + 1, b);
        _mm_storeu_si128((__m128i *)host + 2, c);
        _mm_storeu_si128((__m128i *)host + 3, d);
    }
    for (; length > 0; device += WIDE, host += WIDE, length -= WIDE) {
        _mm_storeu_si128((__m128i *)host, *(const volatile __m128i *)device);
    }
}

void uct_peervma_copy_to_device(void *device, const void *host, size_t length)
{
    size_t head = head_length(device, length);
    size_t body = (length - head) / WIDE * WIDE;
    size_t done = head + body;

    store_narrow(device, host, head);
    store_wide((char *)device + head, (const char *)host + head, body);
    store_narrow((char *)device + done, (const char *)host + done,
                 length - done);
    _mm_sfence();
}

void uct_peervma_copy_from_device(void *host, const void *device, size_t length)
{
    size_t head = head_length(device, length);
    size_t body = (length - head) / WIDE * WIDE;
    size_t done = head + body;

    /* Loads of write-combining memory may run ahead of the load of the flag
     * that says that it was written. */
    _mm_lfence();
    load_narrow(host, device, head);
    load_wide((char *)host + head, (const char *)device + head, body);
    load_narrow((char *)host + done, (const char *)device + done,
                length - done);
}
