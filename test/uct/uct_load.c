/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * uct_load PLUGIN [device|beyond]: load the plugin ("-": leave that to others),
 * start UCX, and send a message to oneself, with "device" between buffers that
 * look like device memory. With "beyond" by their registration, after one of
 * the mapping before them that reaches into theirs. Prints whether UCX has the
 * component, and what it takes the buffers for; exits with 0 if UCX works, with
 * 77 if there is no such buffer to be had.
 * uct_load --minor: print the 18 of UCX 1.18.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <ucp/api/ucp.h>
#include <uct/api/uct.h>

#define LENGTH 1000
#define PAGE 4096
#define EXIT_SKIP 77

/* A mapping of a file of such a name that is no more is listed as that of a
 * dma-buf. There are two, side by side; this is the second. */
static char *map_device(void)
{
    static const char path[] = "/dmabuf:peervma-test";
    char *space;
    int fd, i;

    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return NULL;
    }
    unlink(path);
    if (ftruncate(fd, PAGE) != 0) {
        close(fd);
        return NULL;
    }
    space = mmap(NULL, 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (i = 0; (space != MAP_FAILED) && (i < 2); ++i) {
        if (mmap(space + i * PAGE, PAGE, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
            space = MAP_FAILED;
        }
    }
    close(fd);
    return (space == MAP_FAILED) ? NULL : space + PAGE;
}

static ucs_status_t map_memory(ucp_context_h context, char *buffer,
                               size_t length, ucp_mem_h *memh_p)
{
    ucp_mem_map_params_t params = {.field_mask =
                                       UCP_MEM_MAP_PARAM_FIELD_ADDRESS |
                                       UCP_MEM_MAP_PARAM_FIELD_LENGTH,
                                   .address = buffer,
                                   .length = length};

    return ucp_mem_map(context, &params, memh_p);
}

static void print_type(ucp_context_h context, char *buffer)
{
    ucp_mem_attr_t attr = {.field_mask = UCP_MEM_ATTR_FIELD_MEM_TYPE};
    ucp_mem_h memh;

    if (map_memory(context, buffer, LENGTH, &memh) != UCS_OK) {
        printf("memory: cannot be registered\n");
        return;
    }
    if (ucp_mem_query(memh, &attr) == UCS_OK) {
        printf("memory: %s\n", ucs_memory_type_names[attr.mem_type]);
    }
    ucp_mem_unmap(context, memh);
}

static int count_components(const char *name)
{
    uct_component_attr_t attr = {.field_mask = UCT_COMPONENT_ATTR_FIELD_NAME};
    uct_component_h *components;
    unsigned count, i;
    int found = 0;

    if (uct_query_components(&components, &count) != UCS_OK) {
        return 0;
    }
    for (i = 0; i < count; ++i) {
        found += (uct_component_query(components[i], &attr) == UCS_OK) &&
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

/* By its registration, or without. */
static int send_to_self(ucp_worker_h worker, char *buffer, ucp_mem_h memh)
{
    ucp_ep_params_t ep_params = {.field_mask =
                                     UCP_EP_PARAM_FIELD_REMOTE_ADDRESS};
    const ucp_request_param_t close_params = {.op_attr_mask = 0};
    const ucp_request_param_t params = {
        .op_attr_mask = (memh != NULL) ? UCP_OP_ATTR_FIELD_MEMH : 0,
        .memh = memh};
    char *message = buffer, *received = buffer + LENGTH;
    ucp_address_t *address;
    void *receive;
    size_t length;
    ucp_ep_h ep;
    int ok;

    memset(message, 'x', LENGTH);
    memset(received, 0, LENGTH);
    if (ucp_worker_get_address(worker, &address, &length) != UCS_OK) {
        return 0;
    }
    ep_params.address = address;
    ok = ucp_ep_create(worker, &ep_params, &ep) == UCS_OK;
    ucp_worker_release_address(worker, address);
    if (!ok) {
        return 0;
    }
    receive = ucp_tag_recv_nbx(worker, received, LENGTH, 1, ~0, &params);
    ok = done(worker, ucp_tag_send_nbx(ep, message, LENGTH, 1, &params)) &&
         done(worker, receive) && (memcmp(message, received, LENGTH) == 0);
    return done(worker, ucp_ep_close_nbx(ep, &close_params)) && ok;
}

/* A wrong registration does nothing to proper ones. */
static int send_after_wrong(ucp_context_h context, ucp_worker_h worker,
                            char *buffer)
{
    ucp_mem_h memh, wrong;
    int ok;

    if (map_memory(context, buffer, 2 * LENGTH, &memh) != UCS_OK) {
        return 0;
    }
    ok = (map_memory(context, buffer - PAGE, 2 * PAGE, &wrong) != UCS_OK) &&
         send_to_self(worker, buffer, memh);
    ucp_mem_unmap(context, memh);
    return ok;
}

static int run(char *buffer, int is_beyond)
{
    const ucp_params_t params = {.field_mask = UCP_PARAM_FIELD_FEATURES,
                                 .features = UCP_FEATURE_TAG};
    const ucp_worker_params_t worker_params = {.field_mask = 0};
    ucp_context_h context;
    ucp_worker_h worker;
    int count, ok;

    if (ucp_init(&params, NULL, &context) != UCS_OK) {
        return 2;
    }
    if (ucp_worker_create(context, &worker_params, &worker) != UCS_OK) {
        return 2;
    }
    count = count_components("peervma");
    printf("component: %s\n", (count == 0)   ? "no"
                              : (count == 1) ? "yes"
                                             : "more than one");
    print_type(context, buffer);
    ok = is_beyond ? send_after_wrong(context, worker, buffer)
                   : send_to_self(worker, buffer, NULL);
    ucp_worker_destroy(worker);
    ucp_cleanup(context);
    return ok ? 0 : 1;
}

int main(int argc, char **argv)
{
    static char host[2 * LENGTH];
    unsigned major, minor, release;
    char *buffer = host;

    if ((argc == 2) && (strcmp(argv[1], "--minor") == 0)) {
        ucp_get_version(&major, &minor, &release);
        printf("%u\n", minor);
        return 0;
    }
    if ((argc < 2) || ((strcmp(argv[1], "-") != 0) &&
                       (dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) == NULL))) {
        printf("not loaded: %s\n", argc >= 2 ? dlerror() : "no argument");
        return 2;
    }
    if (argc > 2) {
        buffer = map_device();
        if (buffer == NULL) {
            return EXIT_SKIP;
        }
    }
    return run(buffer, (argc > 2) && (strcmp(argv[2], "beyond") == 0));
}
