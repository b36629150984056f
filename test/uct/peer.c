/* SPDX-License-Identifier: BSD-3-Clause */
#include "peer.h"

#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT "17077"
#define CONNECT_SECONDS 300

void peer_die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("Bail out! ", stdout);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
    exit(2);
}

static int open_socket(const char *host, int listening)
{
    struct addrinfo hints = {.ai_family = AF_INET,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = listening ? AI_PASSIVE : 0};
    const char *port = getenv("PORT");
    struct addrinfo *address;
    int fd, ok, one = 1;

    if (getaddrinfo(host, (port != NULL) ? port : PORT, &hints, &address) !=
        0) {
        peer_die("no address of %s", host);
    }
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    ok = listening ? (bind(fd, address->ai_addr, address->ai_addrlen) == 0) &&
                         (listen(fd, 1) == 0)
                   : (connect(fd, address->ai_addr, address->ai_addrlen) == 0);
    freeaddrinfo(address);
    if (!ok) {
        close(fd);
        return -1;
    }
    return fd;
}

static int accept_client(void)
{
    int listener = open_socket(NULL, 1);
    int fd;

    if (listener < 0) {
        peer_die("cannot listen: %s", strerror(errno));
    }
    fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    close(listener);
    return fd;
}

void peer_connect(peer_t *peer, int argc, char **argv)
{
    int seconds;

    memset(peer, 0, sizeof(*peer));
    peer->is_client = (argc >= 3) && (strcmp(argv[1], "client") == 0);
    if (!peer->is_client && ((argc < 2) || (strcmp(argv[1], "server") != 0))) {
        peer_die("usage: %s server | client HOST", argv[0]);
    }

    if (!peer->is_client) {
        peer->socket = accept_client();
        return;
    }
    for (seconds = 0; seconds < CONNECT_SECONDS; ++seconds) {
        peer->socket = open_socket(argv[2], 0);
        if (peer->socket >= 0) {
            return;
        }
        sleep(1);
    }
    peer_die("no server on %s", argv[2]);
}

void peer_write(peer_t *peer, const void *data, size_t length)
{
    ssize_t done;

    for (; length > 0; length -= (size_t)done) {
        done = write(peer->socket, data, length);
        if (done <= 0) {
            peer_die("the other process is gone");
        }
        data = (const char *)data + done;
    }
}

/* Puts and gets of the other process may need this one's progress. */
static void progress_until_readable(peer_t *peer)
{
    struct pollfd poll_fd = {.fd = peer->socket, .events = POLLIN};

    while (poll(&poll_fd, 1, peer->worker == NULL ? -1 : 1) == 0) {
        while (ucp_worker_progress(peer->worker)) {
        }
    }
}

void peer_read(peer_t *peer, void *data, size_t length)
{
    ssize_t done;

    for (; length > 0; length -= (size_t)done) {
        progress_until_readable(peer);
        done = read(peer->socket, data, length);
        if (done <= 0) {
            peer_die("the other process is gone");
        }
        data = (char *)data + done;
    }
}

uint64_t peer_swap(peer_t *peer, uint64_t value)
{
    uint64_t other;

    peer_write(peer, &value, sizeof(value));
    peer_read(peer, &other, sizeof(other));
    return other;
}

static void must(ucs_status_t status, const char *what)
{
    if (status != UCS_OK) {
        peer_die("%s: %s", what, ucs_status_string(status));
    }
}

/* NAME=client or NAME=server in the environment of both: is it this one? */
static int is_meant(const peer_t *peer, const char *name)
{
    const char *value = getenv(name);

    return (value != NULL) &&
           (strcmp(value, peer->is_client ? "client" : "server") == 0);
}

static void load_plugin(const peer_t *peer)
{
    const char *(*refusal)(void);
    void *plugin;

    if (is_meant(peer, "NO_PLUGIN")) {
        return;
    }
    plugin = dlopen(getenv("PLUGIN") != NULL ? getenv("PLUGIN") : PLUGIN,
                    RTLD_NOW | RTLD_LOCAL);
    if (plugin == NULL) {
        peer_die("%s", dlerror());
    }
    *(void **)&refusal = dlsym(plugin, "uct_peervma_refusal");
    if ((refusal == NULL) || (refusal() != NULL)) {
        peer_die("the plugin stays out");
    }
}

void peer_create_worker(peer_t *peer)
{
    const ucp_worker_params_t params = {
        .field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE,
        .thread_mode = peer->thread_mode,
    };

    must(ucp_worker_create(peer->context, &params, &peer->worker), "worker");
}

void peer_create_endpoint(peer_t *peer)
{
    ucp_ep_params_t params = {
        .field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS |
                      UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE,
        .err_mode = peer->errors,
    };
    ucp_address_t *own, *other;
    uint64_t other_length;
    size_t length;

    must(ucp_worker_get_address(peer->worker, &own, &length), "address");
    other_length = peer_swap(peer, length);
    other = malloc(other_length);
    if (other == NULL) {
        peer_die("out of memory");
    }
    peer_write(peer, own, length);
    peer_read(peer, other, other_length);
    params.address = other;
    must(ucp_ep_create(peer->worker, &params, &peer->ep), "endpoint");
    ucp_worker_release_address(peer->worker, own);
    free(other);
}

void peer_start(peer_t *peer)
{
    ucp_params_t params = {
        .field_mask =
            UCP_PARAM_FIELD_FEATURES | UCP_PARAM_FIELD_MT_WORKERS_SHARED,
        .features = (peer->features != 0) ? peer->features
                                          : (UCP_FEATURE_TAG | UCP_FEATURE_RMA),
        .mt_workers_shared = (peer->thread_mode == UCS_THREAD_MODE_MULTI),
    };

    peer->sleeps = getenv("SLEEPS") != NULL;
    if (peer->sleeps) {
        params.features |= UCP_FEATURE_WAKEUP;
    }
    load_plugin(peer);
    must(ucp_init(&params, NULL, &peer->context), "ucp_init");
    peer_create_worker(peer);
    peer_create_endpoint(peer);
}

void peer_destroy_worker(peer_t *peer)
{
    const ucp_request_param_t params = {.op_attr_mask = 0};

    peer_wait(peer, ucp_worker_flush_nbx(peer->worker, &params));
    peer_swap(peer, 0);
    peer_wait(peer, ucp_ep_close_nbx(peer->ep, &params));
    peer_swap(peer, 0);
    ucp_worker_destroy(peer->worker);
}

void peer_finish(peer_t *peer)
{
    peer_destroy_worker(peer);
    ucp_cleanup(peer->context);
    close(peer->socket);
}

void peer_sleep(peer_t *peer)
{
    struct pollfd poll_fd = {.events = POLLIN};

    must(ucp_worker_get_efd(peer->worker, &poll_fd.fd), "wakeup");
    if ((ucp_worker_arm(peer->worker) == UCS_OK) &&
        (ucp_worker_progress(peer->worker) == 0)) {
        poll(&poll_fd, 1, -1);
    }
}

ucs_status_t peer_wait(peer_t *peer, void *request)
{
    ucs_status_t status;

    if (!UCS_PTR_IS_PTR(request)) {
        return UCS_PTR_STATUS(request);
    }
    do {
        if ((ucp_worker_progress(peer->worker) == 0) && peer->sleeps) {
            peer_sleep(peer);
        }
        status = ucp_request_check_status(request);
    } while (status == UCS_INPROGRESS);
    ucp_request_free(request);
    return status;
}

ucs_status_t peer_send(peer_t *peer, const void *bytes, size_t length)
{
    const ucp_request_param_t params = {.op_attr_mask = 0};

    return peer_wait(peer,
                     ucp_tag_send_nbx(peer->ep, bytes, length, 1, &params));
}

ucs_status_t peer_receive(peer_t *peer, void *bytes, size_t length)
{
    const ucp_request_param_t params = {.op_attr_mask = 0};

    return peer_wait(
        peer, ucp_tag_recv_nbx(peer->worker, bytes, length, 1, ~0, &params));
}

void peer_report(peer_t *peer, int ok, const char *format, ...)
{
    int both = (int)peer_swap(peer, (uint64_t)ok) & ok;
    va_list args;

    ++peer->reports;
    if (peer->is_client) {
        printf("%sok %u - ", both ? "" : "not ", peer->reports);
        va_start(args, format);
        vprintf(format, args);
        va_end(args);
        putchar('\n');
        fflush(stdout);
    }
}

ucp_mem_h peer_expose(peer_t *peer, void *bytes, size_t size,
                      const void *address)
{
    const ucp_mem_map_params_t params = {
        .field_mask =
            UCP_MEM_MAP_PARAM_FIELD_ADDRESS | UCP_MEM_MAP_PARAM_FIELD_LENGTH,
        .address = bytes,
        .length = size,
    };
    size_t length;
    ucp_mem_h memh;
    void *key;

    if ((ucp_mem_map(peer->context, &params, &memh) != UCS_OK) ||
        (ucp_rkey_pack(peer->context, memh, &key, &length) != UCS_OK)) {
        peer_die("cannot expose %zu bytes", size);
    }
    peer_swap(peer, (uintptr_t)address);
    peer_swap(peer, length);
    peer_write(peer, key, length);
    ucp_rkey_buffer_release(key);
    return memh;
}

ucp_rkey_h peer_reach(peer_t *peer, uint64_t *address_p)
{
    char key[4096];
    uint64_t length;
    ucp_rkey_h rkey;

    *address_p = peer_swap(peer, 0);
    length = peer_swap(peer, 0);
    if (length > sizeof(key)) {
        peer_die("a key of %zu bytes", (size_t)length);
    }
    peer_read(peer, key, length);
    if (ucp_ep_rkey_unpack(peer->ep, key, &rkey) != UCS_OK) {
        peer_die("cannot unpack the key");
    }
    return rkey;
}
