/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RDMA between memory of two nodes.
 *
 *   pair serve KIND           wait for one client, do what it asks for
 *   pair check HOST KIND      move a pattern by READ, WRITE and SEND, and add
 *                             by an atomic; both sides check; prints TAP
 *   pair flood HOST KIND OP   read or write the server's memory until that
 *                             fails, and print how it failed
 *
 * KIND is the memory of this side: udmabuf or softaccel.
 */
#include <config.h>

#include <err.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buffer.h"
#include "fabric.h"

#define SERVICE "7471"
#define SIZE (17UL << 20)
/* The regions begin within a page, and the largest transfer is odd. */
#define OFFSET 4136
#define LENGTH ((16UL << 20) + 13)
#define CONNECT_SECONDS 300

/* What the client asks for; the answer is the request with `good` set. */
enum request_kind {
    REQUEST_FILL,   /* fill [0, length) with the pattern of seed */
    REQUEST_VERIFY, /* is that there? */
    REQUEST_RECV,   /* post a receive of length bytes */
    REQUEST_WAIT,   /* wait for it */
    REQUEST_WORD,   /* is seed in the first word? */
};

typedef struct request {
    uint32_t kind, seed, length, good;
} request_t;

typedef struct hello {
    endpoint_address_t address;
    span_t region;
} hello_t;

static fabric_t fabric;
static endpoint_t endpoint;
static buffer_t buffer;
static struct ibv_mr *region;
static int peer;
static span_t far;

static void open_all(const char *kind)
{
    fabric_open(&fabric);
    buffer_create(&buffer, buffer_kind_of(kind), SIZE);
    region = ibv_reg_dmabuf_mr(fabric.pd, OFFSET, LENGTH, OFFSET, buffer.fd,
                               FABRIC_ALL_ACCESS);
    if (!region)
        err(1, "ibv_reg_dmabuf_mr");
    endpoint_create(&fabric, &endpoint);
}

static void close_all(void)
{
    endpoint_destroy(&endpoint);
    if (ibv_dereg_mr(region))
        err(1, "ibv_dereg_mr");
    buffer_destroy(&buffer);
    fabric_close(&fabric);
    close(peer);
}

static void send_all(const void *data, size_t length)
{
    if (send(peer, data, length, MSG_NOSIGNAL) != (ssize_t)length)
        err(1, "send");
}

/* False at the end of the stream. */
static bool recv_all(void *data, size_t length)
{
    ssize_t count = recv(peer, data, length, MSG_WAITALL);

    if (count < 0)
        err(1, "recv");
    return count == (ssize_t)length;
}

static span_t near(size_t at, size_t length)
{
    return (span_t){OFFSET + at, length, region->lkey};
}

static void connect_endpoints(void)
{
    hello_t mine = {endpoint_address(&fabric, &endpoint), near(0, LENGTH)};
    hello_t theirs;

    send_all(&mine, sizeof(mine));
    if (!recv_all(&theirs, sizeof(theirs)))
        errx(1, "the peer hung up");
    endpoint_connect(&endpoint, &theirs.address);
    far = theirs.region;
}

static void fill(size_t length, uint32_t seed)
{
    size_t i;

    for (i = 0; i < length; i++)
        buffer.bytes[OFFSET + i] = softaccel_pattern(seed, i);
}

static bool verify(size_t length, uint32_t seed)
{
    size_t i;

    for (i = 0; i < length; i++) {
        if (buffer.bytes[OFFSET + i] != softaccel_pattern(seed, i))
            return false;
    }
    return true;
}

static bool is_word(uint64_t expected)
{
    uint64_t word;

    memcpy(&word, buffer.bytes + OFFSET, sizeof(word));
    return word == expected;
}

static bool serve_request(const request_t *request)
{
    switch (request->kind) {
    case REQUEST_FILL:
        fill(request->length, request->seed);
        return true;
    case REQUEST_VERIFY:
        return verify(request->length, request->seed);
    case REQUEST_RECV:
        endpoint_post_recv(&endpoint, near(0, request->length));
        return true;
    case REQUEST_WAIT:
        return endpoint_wait(&endpoint) == IBV_WC_SUCCESS;
    case REQUEST_WORD:
        return is_word(request->seed);
    }
    return false;
}

static void accept_client(void)
{
    const struct addrinfo hints = {.ai_family = AF_INET,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE};
    struct addrinfo *here;
    int one = 1, listener;

    if (getaddrinfo(NULL, SERVICE, &hints, &here))
        errx(1, "getaddrinfo");
    listener = socket(here->ai_family, here->ai_socktype | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(listener, here->ai_addr, here->ai_addrlen) || listen(listener, 1))
        err(1, "port " SERVICE);
    peer = accept(listener, NULL, NULL);
    if (peer < 0)
        err(1, "accept");
    close(listener);
    freeaddrinfo(here);
}

static int serve(const char *kind)
{
    request_t request;

    open_all(kind);
    accept_client();
    connect_endpoints();
    while (recv_all(&request, sizeof(request))) {
        request.good = serve_request(&request);
        send_all(&request, sizeof(request));
    }
    close_all();
    return 0;
}

static void connect_server(const char *host)
{
    const struct addrinfo hints = {.ai_family = AF_INET,
                                   .ai_socktype = SOCK_STREAM};
    struct addrinfo *there;
    int tries;

    if (getaddrinfo(host, SERVICE, &hints, &there))
        errx(1, "no such host: %s", host);
    for (tries = 0; tries < CONNECT_SECONDS; tries++) {
        peer = socket(there->ai_family, there->ai_socktype | SOCK_CLOEXEC, 0);
        if (!connect(peer, there->ai_addr, there->ai_addrlen)) {
            freeaddrinfo(there);
            return;
        }
        close(peer);
        sleep(1);
    }
    err(1, "%s", host);
}

static bool ask(enum request_kind kind, uint32_t seed, uint32_t length)
{
    request_t request = {.kind = kind, .seed = seed, .length = length};

    send_all(&request, sizeof(request));
    if (!recv_all(&request, sizeof(request)))
        errx(1, "the server hung up");
    return request.good;
}

static bool transfer(enum ibv_wr_opcode opcode, size_t length)
{
    return endpoint_transfer(&endpoint, opcode, near(0, length), far) ==
           IBV_WC_SUCCESS;
}

static bool check_read(size_t length)
{
    return ask(REQUEST_FILL, 1, length) && transfer(IBV_WR_RDMA_READ, length) &&
           verify(length, 1);
}

static bool check_write(size_t length)
{
    fill(length, 2);
    return transfer(IBV_WR_RDMA_WRITE, length) &&
           ask(REQUEST_VERIFY, 2, length);
}

static bool check_send(size_t length)
{
    fill(length, 3);
    return ask(REQUEST_RECV, 0, length) && transfer(IBV_WR_SEND, length) &&
           ask(REQUEST_WAIT, 0, 0) && ask(REQUEST_VERIFY, 3, length);
}

/* 40 + 2: the sum arrives there and what was before arrives here. */
static bool check_atomic(void)
{
    uint64_t value = 40;

    memcpy(buffer.bytes + OFFSET, &value, sizeof(value));
    if (!transfer(IBV_WR_RDMA_WRITE, sizeof(value)))
        return false;
    memset(buffer.bytes + OFFSET, 0, sizeof(value));
    endpoint_post_atomic(&endpoint, IBV_WR_ATOMIC_FETCH_AND_ADD,
                         near(0, sizeof(value)), far, 0, 2);
    return endpoint_wait(&endpoint) == IBV_WC_SUCCESS && is_word(40) &&
           ask(REQUEST_WORD, 42, 0);
}

static const size_t lengths[] = {1, 8, 1023, 65536, 1000003, LENGTH};

#define LENGTHS (sizeof(lengths) / sizeof(*lengths))

static int report(int number, bool good, const char *what, size_t length)
{
    printf("%sok %d - %s of %zu bytes\n", good ? "" : "not ", number, what,
           length);
    fflush(stdout);
    return good ? 0 : 1;
}

static int check(const char *host, const char *kind)
{
    static const struct {
        const char *what;
        bool (*run)(size_t length);
    } checks[] = {
        {"READ", check_read},
        {"WRITE", check_write},
        {"SEND", check_send},
    };
    int number = 0, failed = 0;
    size_t i, j;

    open_all(kind);
    connect_server(host);
    connect_endpoints();
    printf("1..%zu\n", 3 * LENGTHS + 1);
    for (i = 0; i < 3; i++) {
        for (j = 0; j < LENGTHS; j++)
            failed += report(++number, checks[i].run(lengths[j]),
                             checks[i].what, lengths[j]);
    }
    failed += report(++number, check_atomic(), "FETCH_AND_ADD", 8);
    close_all();
    return failed ? 1 : 0;
}

static int flood(const char *host, const char *kind, const char *operation)
{
    enum ibv_wr_opcode opcode =
        !strcmp(operation, "read") ? IBV_WR_RDMA_READ : IBV_WR_RDMA_WRITE;
    enum ibv_wc_status status;
    int i;

    open_all(kind);
    connect_server(host);
    connect_endpoints();
    /* Always some under way. */
    for (i = 0; i < 4; i++)
        endpoint_post(&endpoint, opcode, near(0, LENGTH / 4), far);
    while ((status = endpoint_wait(&endpoint)) == IBV_WC_SUCCESS)
        endpoint_post(&endpoint, opcode, near(0, LENGTH / 4), far);
    puts(ibv_wc_status_str(status));
    close_all();
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "serve"))
        return serve(argv[2]);
    if (argc == 4 && !strcmp(argv[1], "check"))
        return check(argv[2], argv[3]);
    if (argc == 5 && !strcmp(argv[1], "flood"))
        return flood(argv[2], argv[3], argv[4]);
    errx(2,
         "usage: %s serve KIND | check HOST KIND | flood HOST KIND "
         "read|write",
         argv[0]);
}
