/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The server is killed while it reads the client's device memory: the client's
 * request ends with an error, and its memory can be freed and used for
 * something else. The client prints TAP.
 */
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "buffer.h"
#include "peer.h"

#define SIZE ((size_t)32 << 20)
#define PATIENCE 120 /* seconds */

static uint64_t device_bytes(void)
{
    struct softaccel_info info;
    int fd;

    if ((softaccel_open(&fd) != 0) || (softaccel_info(fd, &info) != 0)) {
        peer_die("the accelerator tells nothing");
    }
    close(fd);
    return info.memory_used;
}

static void serve(peer_t *peer)
{
    const ucp_request_param_t params = {.op_attr_mask = 0};
    const struct timespec pause = {.tv_nsec = 100000000};
    buffer_t buffer;
    void *request;
    int i;

    buffer_create(&buffer, BUFFER_DEVICE, SIZE);
    request =
        ucp_tag_recv_nbx(peer->worker, buffer.bytes, SIZE, 1, ~0, &params);
    if (!UCS_PTR_IS_PTR(request)) {
        peer_die("nothing is received");
    }
    peer_swap(peer, 0);
    /* Until the NIC reads, which takes a second for so much. */
    for (i = 0; i < 1000; ++i) {
        ucp_worker_progress(peer->worker);
    }
    nanosleep(&pause, NULL);
    for (i = 0; i < 1000; ++i) {
        ucp_worker_progress(peer->worker);
    }
    if (ucp_request_check_status(request) != UCS_INPROGRESS) {
        peer_die("the message was too quick to be killed");
    }
    raise(SIGKILL);
}

static ucs_status_t send_patiently(peer_t *peer, const buffer_t *buffer)
{
    const ucp_request_param_t params = {.op_attr_mask = 0};
    time_t end = time(NULL) + PATIENCE;
    void *request;

    request = ucp_tag_send_nbx(peer->ep, buffer->bytes, SIZE, 1, &params);
    if (!UCS_PTR_IS_PTR(request)) {
        return UCS_PTR_STATUS(request);
    }
    while ((ucp_request_check_status(request) == UCS_INPROGRESS) &&
           (time(NULL) < end)) {
        ucp_worker_progress(peer->worker);
    }
    return ucp_request_check_status(request);
}

int main(int argc, char **argv)
{
    const ucp_request_param_t force = {
        .op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS,
        .flags = UCP_EP_CLOSE_FLAG_FORCE,
    };
    ucs_status_t status;
    uint64_t before;
    buffer_t buffer;
    peer_t peer;

    peer_connect(&peer, argc, argv);
    peer.errors = UCP_ERR_HANDLING_MODE_PEER;
    peer_start(&peer);
    if (!peer.is_client) {
        serve(&peer);
    }
    before = device_bytes();
    buffer_create(&buffer, BUFFER_DEVICE, SIZE);
    buffer_fill(&buffer, 0, SIZE, 1);
    peer_swap(&peer, 0);
    status = send_patiently(&peer, &buffer);
    printf("1..3\n%sok 1 - the request ends with an error (%s)\n",
           ((status != UCS_OK) && (status != UCS_INPROGRESS)) ? "" : "not ",
           ucs_status_string(status));
    peer_wait(&peer, ucp_ep_close_nbx(peer.ep, &force));
    buffer_destroy(&buffer);
    ucp_worker_destroy(peer.worker);
    ucp_cleanup(peer.context);
    printf("%sok 2 - no registration keeps the memory\n",
           (device_bytes() <= before) ? "" : "not ");
    buffer_create(&buffer, BUFFER_DEVICE, SIZE);
    buffer_fill(&buffer, 0, SIZE, 2);
    printf("%sok 3 - the memory is as good as new\n",
           buffer_holds(&buffer, 0, SIZE, 2) ? "" : "not ");
    buffer_destroy(&buffer);
    return 0;
}
