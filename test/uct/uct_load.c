/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Load the plugin named by the argument, start UCX, and send a message to
 * oneself. Prints whether UCX has the component; exits with 0 if UCX works.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include <ucp/api/ucp.h>
#include <uct/api/uct.h>

static int has_component(const char *name)
{
    uct_component_attr_t attr = {.field_mask = UCT_COMPONENT_ATTR_FIELD_NAME};
    uct_component_h *components;
    unsigned count, i;
    int found = 0;

    if (uct_query_components(&components, &count) != UCS_OK) {
        return 0;
    }
    for (i = 0; i < count; ++i) {
        found |= (uct_component_query(components[i], &attr) == UCS_OK) &&
                 (strcmp(attr.name, name) == 0);
    }
    uct_release_component_list(components);
    return found;
}

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

static int send_to_self(ucp_worker_h worker)
{
    ucp_ep_params_t ep_params = {.field_mask =
                                     UCP_EP_PARAM_FIELD_REMOTE_ADDRESS};
    const ucp_request_param_t params = {.op_attr_mask = 0};
    char message[1000], received[1000] = "";
    ucp_address_t *address;
    void *receive;
    size_t length;
    ucp_ep_h ep;
    int ok;

    memset(message, 'x', sizeof(message));
    if (ucp_worker_get_address(worker, &address, &length) != UCS_OK) {
        return 0;
    }
    ep_params.address = address;
    ok = ucp_ep_create(worker, &ep_params, &ep) == UCS_OK;
    ucp_worker_release_address(worker, address);
    if (!ok) {
        return 0;
    }
    receive =
        ucp_tag_recv_nbx(worker, received, sizeof(received), 1, ~0, &params);
    ok = done(worker,
              ucp_tag_send_nbx(ep, message, sizeof(message), 1, &params)) &&
         done(worker, receive) &&
         (memcmp(message, received, sizeof(message)) == 0);
    return done(worker, ucp_ep_close_nbx(ep, &params)) && ok;
}

int main(int argc, char **argv)
{
    const ucp_params_t params = {.field_mask = UCP_PARAM_FIELD_FEATURES,
                                 .features = UCP_FEATURE_TAG};
    const ucp_worker_params_t worker_params = {.field_mask = 0};
    ucp_context_h context;
    ucp_worker_h worker;
    int ok;

    if ((argc != 2) || (dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) == NULL)) {
        printf("not loaded: %s\n", argc == 2 ? dlerror() : "no argument");
        return 2;
    }
    if (ucp_init(&params, NULL, &context) != UCS_OK) {
        return 2;
    }
    if (ucp_worker_create(context, &worker_params, &worker) != UCS_OK) {
        return 2;
    }
    printf("component: %s\n", has_component("peervma") ? "yes" : "no");
    ok = send_to_self(worker);
    ucp_worker_destroy(worker);
    ucp_cleanup(context);
    return ok ? 0 : 1;
}
