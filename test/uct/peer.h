/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two processes, a client and a server, with a UCP endpoint between them and a
 * socket beside it. Whatever goes wrong that is not the claim of a test ends
 * the program.
 */
#ifndef UCT_TEST_PEER_H
#define UCT_TEST_PEER_H

#include <stddef.h>
#include <stdint.h>

#include <ucp/api/ucp.h>

typedef struct peer {
    int is_client;
    int socket;
    ucp_context_h context;
    ucp_worker_h worker;
    ucp_ep_h ep;
    /* For peer_start(), if not 0: */
    uint64_t features;             /* those of UCP */
    ucs_thread_mode_t thread_mode; /* single is 0 */
    ucp_err_handling_mode_t errors;
    int sleeps; /* until there is something to progress */
    unsigned reports;
} peer_t;

__attribute__((noreturn, format(printf, 1, 2))) void peer_die(
    const char *format, ...);

/* By the arguments "server" or "client HOST". No UCX yet. */
void peer_connect(peer_t *peer, int argc, char **argv);

/*
 * Load the plugin, start UCP, and connect the endpoints. With SLEEPS in the
 * environment the worker sleeps until there is something to do.
 */
void peer_start(peer_t *peer);

void peer_finish(peer_t *peer);

/*
 * One worker more, for a copy of what is started, where the thread mode is that
 * of many threads: any thread may make it. Its endpoint, and its end with that
 * of its endpoint, are made by both processes.
 */
void peer_create_worker(peer_t *peer);
void peer_create_endpoint(peer_t *peer);
void peer_destroy_worker(peer_t *peer);

/* By the socket. */
void peer_write(peer_t *peer, const void *data, size_t length);
void peer_read(peer_t *peer, void *data, size_t length);

/* Give the other a number and get its: also a barrier. */
uint64_t peer_swap(peer_t *peer, uint64_t value);

/*
 * The client prints a line of TAP, numbered: whether `ok` is so for both. Both
 * call it.
 */
__attribute__((format(printf, 3, 4))) void peer_report(peer_t *peer, int ok,
                                                       const char *format, ...);

/*
 * Let the other reach `size` bytes by RMA, and tell it of `address` among them;
 * it is to call peer_reach() meanwhile. The handle is the caller's.
 */
ucp_mem_h peer_expose(peer_t *peer, void *bytes, size_t size,
                      const void *address);
/* The key is the caller's. */
ucp_rkey_h peer_reach(peer_t *peer, uint64_t *address_p);

/*
 * As ucp_worker_wait(), but looks again once the worker is armed: NICs tell at
 * once of what has come before and nobody has seen, Soft-RoCE never.
 */
void peer_sleep(peer_t *peer);

/* The result of a nonblocking call. */
ucs_status_t peer_wait(peer_t *peer, void *request);

/* Of a tagged message. */
ucs_status_t peer_send(peer_t *peer, const void *bytes, size_t length);
ucs_status_t peer_receive(peer_t *peer, void *bytes, size_t length);

#endif
