/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two processes, each with memory of two accelerators that have different
 * drivers: messages both ways out of each into each. The client prints which
 * memory types UCX has the buffers of. The statistics of both processes are to
 * be checked by the caller.
 */
#include <stdio.h>
#include <string.h>

#include <ucs/memory/memory_type.h>

#include "accelerators.h"
#include "device_alloc.h"
#include "peer.h"
#include "softaccel_client.h"

#define COUNT 2

static const struct {
    char driver[16];
    size_t size; /* differs, for those who refuse one of them */
} kinds[COUNT] = {{"softaccel", (size_t)2 << 20}, {"vgem", (size_t)3 << 20}};

static const size_t lengths[] = {8, 4096, 1048576};

#define LENGTH_COUNT (sizeof(lengths) / sizeof(lengths[0]))

typedef struct {
    const char *driver;
    struct device device;
    int found;
} search_t;

static void open_first(const struct accelerator *accelerator, void *arg)
{
    search_t *search = arg;

    if (!search->found && (strcmp(accelerator->driver, search->driver) == 0)) {
        search->found = device_open(accelerator->node, &search->device) == 0;
    }
}

/* Its node stays open: an export may need it. */
static unsigned char *map_memory(const char *driver, size_t size)
{
    search_t search = {.driver = driver};
    struct device_buffer buffer;
    void *bytes;

    machine_accelerators("/sys", open_first, &search);
    if (!search.found ||
        (device_buffer_create(&search.device, size, &buffer) != 0) ||
        (device_buffer_map(&search.device, &buffer, NULL, &bytes) != 0)) {
        peer_die("no memory of %s", driver);
    }
    return bytes;
}

static int transfer(peer_t *peer, unsigned char *bytes, int sends,
                    size_t length, uint32_t seed)
{
    size_t i;

    bytes += length * 13 % 4001;
    for (i = 0; i < length; ++i) {
        bytes[i] = sends ? softaccel_pattern(seed, i) : 0;
    }
    if (sends) {
        return peer_send(peer, bytes, length) == UCS_OK;
    }
    if (peer_receive(peer, bytes, length) != UCS_OK) {
        return 0;
    }
    for (i = 0; i < length; ++i) {
        if (bytes[i] != softaccel_pattern(seed, i)) {
            printf("# byte %zu of %zu is wrong\n", i, length);
            return 0;
        }
    }
    return 1;
}

static void test_pair(peer_t *peer, unsigned char *const memory[COUNT],
                      unsigned from, unsigned to)
{
    size_t i;
    int sends, ok = 1;

    for (i = 0; i < 2 * LENGTH_COUNT; ++i) {
        sends = peer->is_client == (int)(i % 2);
        ok &= transfer(peer, memory[sends ? from : to], sends, lengths[i / 2],
                       (uint32_t)(i + 7 * from + 11 * to));
    }
    peer_report(peer, ok, "messages from memory of %s into that of %s",
                kinds[from].driver, kinds[to].driver);
}

static const char *type_of(peer_t *peer, void *bytes, size_t size)
{
    const ucp_mem_map_params_t params = {
        .field_mask =
            UCP_MEM_MAP_PARAM_FIELD_ADDRESS | UCP_MEM_MAP_PARAM_FIELD_LENGTH,
        .address = bytes,
        .length = size,
    };
    ucp_mem_attr_t attr = {.field_mask = UCP_MEM_ATTR_FIELD_MEM_TYPE};
    ucp_mem_h memh;

    if ((ucp_mem_map(peer->context, &params, &memh) != UCS_OK) ||
        (ucp_mem_query(memh, &attr) != UCS_OK)) {
        peer_die("UCX does not know the memory");
    }
    ucp_mem_unmap(peer->context, memh);
    return ucs_memory_type_names[attr.mem_type];
}

int main(int argc, char **argv)
{
    unsigned char *memory[COUNT];
    unsigned from, to;
    peer_t peer;

    peer_connect(&peer, argc, argv);
    peer_start(&peer);
    for (from = 0; from < COUNT; ++from) {
        memory[from] = map_memory(kinds[from].driver, kinds[from].size);
        printf("# memory of %s is %s\n", kinds[from].driver,
               type_of(&peer, memory[from], kinds[from].size));
    }
    if (peer.is_client) {
        printf("1..%d\n", COUNT * COUNT);
    }
    for (from = 0; from < COUNT; ++from) {
        for (to = 0; to < COUNT; ++to) {
            test_pair(&peer, memory, from, to);
        }
    }
    peer_finish(&peer);
    return 0;
}
