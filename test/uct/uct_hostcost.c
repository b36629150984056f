/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * uct_hostcost PLUGIN BYTES ROUNDS: load the plugin ("-": none), start UCX, and
 * send that many messages from host memory to oneself, in measured(), whose
 * instructions callgrind counts.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ucp/api/ucp.h>

/* Until what UCX sets up at the first messages is there. */
#define FIRST_ROUNDS 100

typedef struct {
    ucp_worker_h worker;
    ucp_ep_h ep;
    char *message;
    char *received;
    size_t length;
} exchange_t;

static int done(ucp_worker_h worker, void *request)
{
    ucs_status_t status = UCS_PTR_STATUS(request);

    while (UCS_PTR_IS_PTR(request) &&
           ((status = ucp_request_check_status(request)) == UCS_INPROGRESS)) {
        ucp_worker_progress(worker);
    }
    if (UCS_PTR_IS_PTR(request)) {
        ucp_request_free(request);
    }
    return status == UCS_OK;
}

static int rounds(const exchange_t *exchange, unsigned count)
{
    const ucp_request_param_t params = {.op_attr_mask = 0};
    void *send, *receive;

    for (; count > 0; --count) {
        receive = ucp_tag_recv_nbx(exchange->worker, exchange->received,
                                   exchange->length, 1, ~0, &params);
        send = ucp_tag_send_nbx(exchange->ep, exchange->message,
                                exchange->length, 1, &params);
        if (!done(exchange->worker, send) || !done(exchange->worker, receive)) {
            return 0;
        }
    }
    return 1;
}

/* callgrind knows it by its name. */
__attribute__((noinline)) int measured(const exchange_t *exchange,
                                       unsigned count);

int measured(const exchange_t *exchange, unsigned count)
{
    return rounds(exchange, count);
}

static void must(ucs_status_t status, const char *what)
{
    if (status != UCS_OK) {
        printf("%s: %s\n", what, ucs_status_string(status));
        exit(1);
    }
}

static void connect_to_self(exchange_t *exchange)
{
    ucp_ep_params_t params = {.field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS};
    ucp_address_t *address;
    size_t length;

    must(ucp_worker_get_address(exchange->worker, &address, &length),
         "address");
    params.address = address;
    must(ucp_ep_create(exchange->worker, &params, &exchange->ep), "endpoint");
    ucp_worker_release_address(exchange->worker, address);
}

static void create_buffers(exchange_t *exchange)
{
    exchange->message = malloc(exchange->length);
    exchange->received = calloc(1, exchange->length);
    if ((exchange->message == NULL) || (exchange->received == NULL)) {
        printf("out of memory\n");
        exit(1);
    }
    memset(exchange->message, 'x', exchange->length);
}

int main(int argc, char **argv)
{
    const ucp_params_t params = {.field_mask = UCP_PARAM_FIELD_FEATURES,
                                 .features = UCP_FEATURE_TAG};
    const ucp_worker_params_t worker_params = {.field_mask = 0};
    const ucp_request_param_t close_params = {.op_attr_mask = 0};
    exchange_t exchange;
    ucp_context_h context;
    int ok;

    if ((argc != 4) || ((strcmp(argv[1], "-") != 0) &&
                        (dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) == NULL))) {
        printf("not loaded: %s\n", argc == 4 ? dlerror() : "wrong arguments");
        return 2;
    }
    exchange.length = strtoul(argv[2], NULL, 0);
    create_buffers(&exchange);
    must(ucp_init(&params, NULL, &context), "ucp_init");
    must(ucp_worker_create(context, &worker_params, &exchange.worker),
         "worker");
    connect_to_self(&exchange);

    ok = rounds(&exchange, FIRST_ROUNDS) &&
         measured(&exchange, (unsigned)strtoul(argv[3], NULL, 0)) &&
         (memcmp(exchange.message, exchange.received, exchange.length) == 0);
    ok &= done(exchange.worker, ucp_ep_close_nbx(exchange.ep, &close_params));
    ucp_worker_destroy(exchange.worker);
    ucp_cleanup(context);
    free(exchange.message);
    free(exchange.received);
    return ok ? 0 : 1;
}
