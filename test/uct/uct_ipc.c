/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Device memory of another process of the node: uct_ipc server |
 * client HOST TEST. What `test` does is told at its function; all are of the
 * client's side, and the server does what it is asked to.
 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buffer.h"
#include "peer.h"

#define SIZE ((size_t)16 << 20)
#define MESSAGES 10
#define SOFTACCEL "/sys/bus/pci/drivers/softaccel"

static const ucp_request_param_t no_params = {.op_attr_mask = 0};

typedef struct exposed {
    ucp_mem_h memh;
    ucp_rkey_h rkey;
    uint64_t address;
} exposed_t;

static void check(int ok, unsigned number, const char *claim)
{
    printf("%sok %u - %s\n", ok ? "" : "not ", number, claim);
    fflush(stdout);
}

static ucs_status_t get(peer_t *peer, const exposed_t *exposed, void *to,
                        size_t length)
{
    return peer_wait(peer, ucp_get_nbx(peer->ep, to, length, exposed->address,
                                       exposed->rkey, &no_params));
}

static ucs_status_t flush(peer_t *peer)
{
    return peer_wait(peer, ucp_ep_flush_nbx(peer->ep, &no_params));
}

static ucs_status_t put(peer_t *peer, const exposed_t *exposed,
                        const void *from, size_t length)
{
    ucs_status_t status =
        peer_wait(peer, ucp_put_nbx(peer->ep, from, length, exposed->address,
                                    exposed->rkey, &no_params));

    return (status != UCS_OK) ? status : flush(peer);
}

/* Many messages out of one buffer, into one: it is mapped once. */
static void test_cached(peer_t *peer)
{
    buffer_t buffer;
    int ok = 1, i;

    buffer_create(&buffer, BUFFER_DEVICE, SIZE);
    for (i = 0; i < MESSAGES; ++i) {
        if (!peer->is_client) {
            buffer_fill(&buffer, 0, SIZE / 16, (uint32_t)i);
            peer_send(peer, buffer.bytes, SIZE / 16);
        } else {
            ok &= (peer_receive(peer, buffer.bytes, SIZE / 16) == UCS_OK) &&
                  buffer_holds(&buffer, 0, SIZE / 16, (uint32_t)i);
        }
    }
    if (peer->is_client) {
        printf("1..1\n");
        check(ok, 1, "messages out of one buffer");
    }
    peer_finish(peer);
}

static uint64_t memory_used(const buffer_t *buffer)
{
    struct softaccel_info info;

    if (softaccel_info(buffer->device.fd, &info) != 0) {
        peer_die("no counters");
    }
    return info.memory_used;
}

/* What the owner frees is free, although it was mapped in the peer. */
static void test_freed(peer_t *peer)
{
    buffer_t kept, freed;
    uint64_t before;
    int ok, i;

    buffer_create(&kept, BUFFER_DEVICE, SIZE / 16);
    peer_swap(peer, 0);
    before = memory_used(&kept);
    peer_swap(peer, 0);
    if (!peer->is_client) {
        buffer_create(&freed, BUFFER_DEVICE, SIZE);
        buffer_fill(&freed, 0, SIZE, 1);
        peer_send(peer, freed.bytes, SIZE);
        peer_swap(peer, 0);
        buffer_destroy(&freed);
        /* UCX looks at what was unmapped when it registers something. */
        peer_send(peer, kept.bytes, SIZE / 16);
    } else {
        buffer_create(&freed, BUFFER_HOST, SIZE);
        ok = (peer_receive(peer, freed.bytes, SIZE) == UCS_OK) &&
             buffer_holds(&freed, 0, SIZE, 1);
        printf("1..2\n");
        check(ok && (memory_used(&kept) == before + SIZE), 1,
              "a message out of a buffer to be freed");
        peer_swap(peer, 0);
        peer_receive(peer, kept.bytes, SIZE / 16);
        for (i = 0; (i < 600) && (memory_used(&kept) != before); ++i) {
            usleep(50000);
        }
        check(memory_used(&kept) == before, 2,
              "the memory that its owner freed is free");
    }
    peer_finish(peer);
}

/* A pointer for the application, to the owner's memory. */
static void test_pointer(peer_t *peer)
{
    buffer_t buffer;
    exposed_t exposed;
    void *pointer;
    int ok;

    buffer_create(&buffer, BUFFER_DEVICE, SIZE);
    if (!peer->is_client) {
        buffer_fill(&buffer, 0, SIZE, 5);
        exposed.memh =
            peer_expose(peer, buffer.bytes, buffer.size, buffer.bytes);
        peer_swap(peer, 0);
        peer_swap(peer, (uint64_t)buffer_holds(&buffer, SIZE - 8, 8, 6));
        ucp_mem_unmap(peer->context, exposed.memh);
    } else {
        exposed.rkey = peer_reach(peer, &exposed.address);
        ok = (ucp_rkey_ptr(exposed.rkey, exposed.address + SIZE - 8,
                           &pointer) == UCS_OK) &&
             (((unsigned char *)pointer)[1] ==
              softaccel_pattern(5, SIZE - 8 + 1));
        printf("1..3\n");
        check(ok, 1, "ucp_rkey_ptr() points to what is in the owner's memory");
        if (ok) {
            uint64_t bytes;
            size_t i;

            for (i = 0; i < 8; ++i) {
                ((unsigned char *)&bytes)[i] = softaccel_pattern(6, i);
            }
            *(volatile uint64_t *)pointer = bytes;
        }
        __sync_synchronize();
        peer_swap(peer, 0);
        check((int)peer_swap(peer, 0), 2, "and what is written there arrives");
        check(ucp_rkey_ptr(exposed.rkey, exposed.address + SIZE, &pointer) !=
                  UCS_OK,
              3, "there is no pointer beyond the memory");
        ucp_rkey_destroy(exposed.rkey);
    }
    peer_finish(peer);
}

/* Whether this process's copies fail, by refuse_export.c. */
static void fail_copies(int they_do)
{
    if (they_do) {
        setenv("SYNC_ERRNO", "5", 1);
    } else {
        unsetenv("SYNC_ERRNO");
    }
}

/* Nobody waits for it. */
static void put_and_forget(peer_t *peer, const exposed_t *exposed,
                           const void *from)
{
    void *request = ucp_put_nbx(peer->ep, from, SIZE, exposed->address,
                                exposed->rkey, &no_params);

    if (UCS_PTR_IS_PTR(request)) {
        ucp_request_free(request);
    }
}

static ucs_status_t put_and_flush_later(peer_t *peer, const exposed_t *exposed,
                                        const void *from)
{
    put_and_forget(peer, exposed, from);
    while (ucp_worker_progress(peer->worker)) {
    }
    return flush(peer);
}

/* Who does not wait for a put is told by the flush that it failed. */
static void test_flushed(peer_t *peer)
{
    ucs_status_t first, second;
    buffer_t buffer;
    exposed_t exposed;

    buffer_create(&buffer, peer->is_client ? BUFFER_HOST : BUFFER_DEVICE, SIZE);
    if (!peer->is_client) {
        exposed.memh =
            peer_expose(peer, buffer.bytes, buffer.size, buffer.bytes);
        peer_swap(peer, 0);
        ucp_mem_unmap(peer->context, exposed.memh);
        peer_finish(peer);
        return;
    }
    exposed.rkey = peer_reach(peer, &exposed.address);
    printf("1..4\n");
    put_and_forget(peer, &exposed, buffer.bytes);
    check(flush(peer) == UCS_OK, 1,
          "a flush after a put that nobody waits for");
    fail_copies(1);
    put_and_forget(peer, &exposed, buffer.bytes);
    first = flush(peer);
    second = flush(peer);
    check((first != UCS_OK) && (second == UCS_OK), 2,
          "it tells, once, that the put failed");
    check(put_and_flush_later(peer, &exposed, buffer.bytes) != UCS_OK, 3,
          "also if that was completed before");
    check((ucp_worker_flush(peer->worker) != UCS_OK) &&
              (ucp_worker_flush(peer->worker) == UCS_OK),
          4, "so does a flush of the worker");
    fail_copies(0);
    ucp_rkey_destroy(exposed.rkey);
    peer_swap(peer, 0);
    peer_finish(peer);
}

/* All accelerators. */
static void unbind_driver(void)
{
    struct dirent *entry;
    DIR *folder;
    int fd;

    folder = opendir(SOFTACCEL);
    fd = open(SOFTACCEL "/unbind", O_WRONLY | O_CLOEXEC);
    if ((folder == NULL) || (fd < 0)) {
        peer_die("no " SOFTACCEL);
    }
    while ((entry = readdir(folder)) != NULL) {
        if ((strncmp(entry->d_name, "0000:", 5) == 0) &&
            (write(fd, entry->d_name, strlen(entry->d_name)) < 0)) {
            peer_die("cannot unbind %s", entry->d_name);
        }
    }
    closedir(folder);
    close(fd);
}

/* The driver takes the memory back: an error, and no signal. */
static void test_revoked(peer_t *peer)
{
    buffer_t buffer;
    exposed_t exposed;

    buffer_create(&buffer, peer->is_client ? BUFFER_HOST : BUFFER_DEVICE, SIZE);
    if (!peer->is_client) {
        buffer_fill(&buffer, 0, SIZE, 9);
        exposed.memh =
            peer_expose(peer, buffer.bytes, buffer.size, buffer.bytes);
        peer_swap(peer, 0);
        _exit(0); /* nothing can be put away in order any more */
    }
    exposed.rkey = peer_reach(peer, &exposed.address);
    printf("1..4\n");
    check((get(peer, &exposed, buffer.bytes, SIZE) == UCS_OK) &&
              buffer_holds(&buffer, 0, SIZE, 9),
          1, "a get of device memory");
    unbind_driver();
    check(get(peer, &exposed, buffer.bytes, SIZE) != UCS_OK, 2,
          "a get of memory that was taken back fails");
    check(put(peer, &exposed, buffer.bytes, SIZE) != UCS_OK, 3,
          "a put into it fails");
    check(get(peer, &exposed, buffer.bytes, 1) != UCS_OK, 4,
          "so does the next get");
    peer_swap(peer, 0);
    _exit(0);
}

typedef enum { PENDING, DONE, FAILED } state_t;

static const char *const state_names[] = {"pending", "done", "failed"};

/* What has become of a request once the other side's is done, or 2 s. */
static state_t watch(peer_t *peer, void *request)
{
    ucs_status_t status = UCS_INPROGRESS;
    int i;

    if (!UCS_PTR_IS_PTR(request)) {
        return (UCS_PTR_STATUS(request) == UCS_OK) ? DONE : FAILED;
    }
    for (i = 0; (i < 2000) && (status == UCS_INPROGRESS); ++i) {
        if (ucp_worker_progress(peer->worker) == 0) {
            usleep(1000);
        }
        status = ucp_request_check_status(request);
    }
    return (status == UCS_INPROGRESS) ? PENDING
           : (status == UCS_OK)       ? DONE
                                      : FAILED;
}

/*
 * Two messages from the server to the client; during the second one the copies
 * of FAILING ("client" or "server") fail, whose memory is of the kind OTHER
 * and, with STAGED, refused by its exporter. The other process's is a device's.
 */
static void test_failed(peer_t *peer)
{
    int is_failing =
        peer->is_client == (strcmp(getenv("FAILING"), "client") == 0);
    state_t state, other;
    buffer_t buffer;
    int ok;

    if (is_failing && (getenv("STAGED") != NULL)) {
        setenv("EXPORT_ERRNO", "5", 1); /* by refuse_export.c, too */
        setenv("PRIME_ERRNO", "5", 1);
    }
    buffer_create(&buffer,
                  is_failing ? buffer_kind_of(getenv("OTHER")) : BUFFER_DEVICE,
                  SIZE);
    if (!peer->is_client) {
        buffer_fill(&buffer, 0, SIZE, 11);
        peer_send(peer, buffer.bytes, SIZE);
        buffer_fill(&buffer, 0, SIZE, 12);
    } else {
        ok = (peer_receive(peer, buffer.bytes, SIZE) == UCS_OK) &&
             buffer_holds(&buffer, 0, SIZE, 11);
        printf("1..3\n");
        check(ok, 1, "a message");
    }
    fail_copies(is_failing);
    peer_swap(peer, 0);
    state = watch(peer, peer->is_client
                            ? ucp_tag_recv_nbx(peer->worker, buffer.bytes, SIZE,
                                               1, ~0, &no_params)
                            : ucp_tag_send_nbx(peer->ep, buffer.bytes, SIZE, 1,
                                               &no_params));
    other = (state_t)peer_swap(peer, state);
    if (peer->is_client) {
        printf("# the receive is %s, the send %s\n", state_names[state],
               state_names[other]);
        check((state != DONE) || buffer_holds(&buffer, 0, SIZE, 12), 2,
              "no wrong bytes are received without an error");
        check((is_failing ? state : other) == FAILED, 3,
              "the side whose copy failed is told");
    }
    fflush(stdout);
    exit(0); /* requests are left */
}

static void *kill_soon(void *arg)
{
    usleep(500000);
    kill(getpid(), SIGKILL);
    return arg;
}

/* The owner is killed while the peer reads: in the end an error, no signal. */
static void test_killed(peer_t *peer)
{
    ucs_status_t status = UCS_OK;
    buffer_t buffer;
    exposed_t exposed;
    pthread_t thread;
    unsigned gets;
    char byte;

    buffer_create(&buffer, peer->is_client ? BUFFER_HOST : BUFFER_DEVICE, SIZE);
    if (!peer->is_client) {
        exposed.memh =
            peer_expose(peer, buffer.bytes, buffer.size, buffer.bytes);
        peer_swap(peer, 0);
        pthread_create(&thread, NULL, kill_soon, NULL);
        for (;;) {
            ucp_worker_progress(peer->worker);
        }
    }
    exposed.rkey = peer_reach(peer, &exposed.address);
    peer_swap(peer, 0);
    for (gets = 0; status == UCS_OK; ++gets) {
        status = get(peer, &exposed, buffer.bytes, SIZE);
    }
    printf("1..2\n# %u gets, then %s\n", gets - 1, ucs_status_string(status));
    check(gets > 1, 1, "gets while the owner lives");
    check(read(peer->socket, &byte, 1) <= 0, 2,
          "they fail only when the owner is gone");
    fflush(stdout);
    _exit(0);
}

static const struct {
    char name[16];
    void (*run)(peer_t *peer);
} tests[] = {{"cached", test_cached},   {"failed", test_failed},
             {"flushed", test_flushed}, {"freed", test_freed},
             {"killed", test_killed},   {"pointer", test_pointer},
             {"revoked", test_revoked}};

/* SERVER_SCHEME is UCX_RNDV_SCHEME of the server alone. */
static void set_scheme(const peer_t *peer)
{
    const char *scheme = getenv("SERVER_SCHEME");

    if (!peer->is_client && (scheme != NULL)) {
        setenv("UCX_RNDV_SCHEME", scheme, 1);
    }
}

int main(int argc, char **argv)
{
    char name[sizeof(tests[0].name)] = "";
    peer_t peer;
    size_t i;

    peer_connect(&peer, argc, argv);
    if (peer.is_client) {
        snprintf(name, sizeof(name), "%s", (argc > 3) ? argv[3] : "");
        peer_write(&peer, name, sizeof(name));
    } else {
        peer_read(&peer, name, sizeof(name));
    }
    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); ++i) {
        if (strcmp(tests[i].name, name) == 0) {
            set_scheme(&peer);
            peer_start(&peer);
            tests[i].run(&peer);
            exit(0); /* prints the statistics */
        }
    }
    peer_die("no test \"%s\"", name);
}
