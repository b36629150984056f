/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any device memory that this node has: looked up, exported, registered, and
 * written and read by the NIC, of which the bytes are the proof.
 */
#include "node.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <infiniband/verbs.h>
#include <virtgpu_drm.h>
#include <xf86drm.h>

#include "fabric.h"

#define RW (PROT_READ | PROT_WRITE)

/* The part that moves: neither it nor its ends are aligned. */
#define FIRST (PAGE + 40)
#define LENGTH (5 * PAGE - 3)

static peervma_context_t *context;
static fabric_t fabric;
static endpoint_t near, far;
static uint8_t *host;
static struct ibv_mr *host_region;

static int open_all(void **state)
{
    (void)state;
    fabric_open(&fabric);
    endpoint_create_pair(&fabric, &near, &far);
    host = aligned_alloc(PAGE, SIZE);
    host_region = ibv_reg_mr(fabric.pd, host, SIZE, FABRIC_ALL_ACCESS);
    assert_non_null(host_region);
    context = node_context(PEERVMA_CONTEXT_NOTIFIED);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    node_context_close(context);
    ibv_dereg_mr(host_region);
    free(host);
    endpoint_destroy(&near);
    endpoint_destroy(&far);
    fabric_close(&fabric);
    return 0;
}

/* A region of the NIC by the pointer alone, as any program would make it. */
static struct ibv_mr *register_pointer(const void *address, size_t length,
                                       const char *provider)
{
    peervma_export_t export;
    struct ibv_mr *region;

    assert_int_equal(
        0, peervma_region_export(context, address, length, &export, NULL));
    assert_string_equal(provider, export.provider);
    region =
        ibv_reg_dmabuf_mr(fabric.pd, export.offset, length, (uintptr_t)address,
                          export.fd, FABRIC_ALL_ACCESS);
    if (region == NULL) {
        fail_msg("ibv_reg_dmabuf_mr: %s", strerror(errno));
    }
    close(export.fd);
    return region;
}

static void move(enum ibv_wr_opcode opcode, const struct ibv_mr *region,
                 const uint8_t *device)
{
    span_t here = {(uintptr_t)host, LENGTH, host_region->lkey};
    span_t there = {(uintptr_t)device, LENGTH, region->rkey};

    assert_int_equal(IBV_WC_SUCCESS,
                     endpoint_transfer(&near, opcode, here, there));
}

static void access_by_cpu(uint8_t *device, void (*work)(uint8_t *bytes))
{
    peervma_access_t access;

    assert_int_equal(
        0, peervma_access_begin(context, device, LENGTH,
                                PEERVMA_ACCESS_READ | PEERVMA_ACCESS_WRITE,
                                &access));
    work(device);
    assert_int_equal(0, peervma_access_end(&access));
}

static void expect_pattern(uint8_t *bytes)
{
    size_t i;

    for (i = 0; i < LENGTH; i++) {
        if (bytes[i] != softaccel_pattern(21, i)) {
            fail_msg("byte %zu is wrong", i);
        }
    }
}

static void turn_bits(uint8_t *bytes)
{
    size_t i;

    for (i = 0; i < LENGTH; i++) {
        bytes[i] = (uint8_t)~bytes[i];
    }
}

static void expect_moved(uint8_t *base, peervma_kind_t kind,
                         const char *provider)
{
    uint64_t written = fabric_counter("dmabuf_write_bytes");
    uint64_t read = fabric_counter("dmabuf_read_bytes");
    uint8_t *device = base + FIRST;
    struct ibv_mr *region;
    size_t i;

    assert_int_equal(kind, node_expect(context, device, base, SIZE).kind);
    region = register_pointer(device, LENGTH, provider);
    for (i = 0; i < LENGTH; i++) {
        host[i] = softaccel_pattern(21, i);
    }
    move(IBV_WR_RDMA_WRITE, region, device);
    access_by_cpu(device, expect_pattern);
    access_by_cpu(device, turn_bits);
    move(IBV_WR_RDMA_READ, region, device);
    turn_bits(host);
    expect_pattern(host);
    assert_int_equal(0, ibv_dereg_mr(region));

    /* The NIC went to the dma-buf for it, and not by another way. */
    assert_int_equal(written + LENGTH, fabric_counter("dmabuf_write_bytes"));
    assert_int_equal(read + LENGTH, fabric_counter("dmabuf_read_bytes"));
}

static void softaccel_memory_moves(void **state)
{
    softaccel_buffer_t buffer = node_buffer();

    (void)state;
    expect_moved(buffer.ptr, PEERVMA_KIND_DRM, "drm");
    node_buffer_destroy(&buffer);
}

static void move_dmabuf(int fd)
{
    uint8_t *base = node_mmap(NULL, SIZE, RW, MAP_SHARED, fd, 0);

    expect_moved(base, PEERVMA_KIND_DMABUF, "fd");
    node_munmap(base, SIZE);
    close(fd);
}

static void a_softaccel_dmabuf_moves(void **state)
{
    softaccel_buffer_t buffer = node_buffer();

    (void)state;
    move_dmabuf(node_dmabuf(&buffer));
    node_buffer_destroy(&buffer);
}

/* With no descriptor left, peervma.ko knows the object still. */
static void expect_moved_by_the_kernel(uint8_t *base, peervma_kind_t kind)
{
    peervma_export_t export;

    if (node_module == MODULE_USABLE) {
        expect_moved(base, kind, "kernel");
    } else {
        assert_int_equal(
            -ENODEV, peervma_region_export(context, base, SIZE, &export, NULL));
    }
}

static void a_dmabuf_that_is_closed_moves(void **state)
{
    softaccel_buffer_t buffer = node_buffer();
    int fd = node_dmabuf(&buffer);
    uint8_t *base = node_mmap(NULL, SIZE, RW, MAP_SHARED, fd, 0);

    (void)state;
    close(fd);
    expect_moved_by_the_kernel(base, PEERVMA_KIND_DMABUF);
    node_munmap(base, SIZE);
    node_buffer_destroy(&buffer);
}

static void a_dma_heap_buffer_moves(void **state)
{
    (void)state;
    move_dmabuf(node_heap(SIZE));
}

static void a_udmabuf_moves(void **state)
{
    int udmabuf = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
    int memory = memfd_create("rdma", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    struct udmabuf_create create = {
        .memfd = (uint32_t)memory,
        .flags = UDMABUF_FLAGS_CLOEXEC,
        .size = SIZE,
    };
    int fd;

    (void)state;
    assert_true(udmabuf >= 0 && memory >= 0);
    assert_int_equal(0, ftruncate(memory, SIZE));
    assert_int_equal(0, fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK));
    fd = ioctl(udmabuf, UDMABUF_CREATE, &create);
    assert_true(fd >= 0);
    close(udmabuf);
    close(memory);
    move_dmabuf(fd);
}

/* The first node of a kind (card or render) of a driver. */
static int open_drm(const char *driver, int type)
{
    int fd = drmOpenWithType(driver, NULL, type);

    if (fd < 0) {
        fail_msg("no node of %s", driver);
    }
    return fd;
}

/* A buffer of the call that all simple displays have. */
static uint32_t create_dumb(int fd)
{
    struct drm_mode_create_dumb create = {
        .width = SIZE / 4,
        .height = 1,
        .bpp = 32,
    };

    assert_int_equal(0, drmIoctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &create));
    assert_int_equal(SIZE, create.size);
    return create.handle;
}

static uint8_t *map_dumb(int fd, uint32_t handle)
{
    struct drm_mode_map_dumb map = {.handle = handle};

    assert_int_equal(0, drmIoctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &map));
    return node_mmap(NULL, SIZE, RW, MAP_SHARED, fd, map.offset);
}

static void expect_dumb_moved(const char *driver)
{
    int fd = open_drm(driver, DRM_NODE_PRIMARY);
    uint8_t *base = map_dumb(fd, create_dumb(fd));

    expect_moved(base, PEERVMA_KIND_DRM, "drm");
    node_munmap(base, SIZE);
    close(fd);
}

/* vgem has no call of its own. */
static void vgem_memory_moves(void **state)
{
    (void)state;
    expect_dumb_moved("vgem");
}

/* What fills a screen. */
static void virtio_gpu_s_dumb_buffers_move(void **state)
{
    (void)state;
    expect_dumb_moved("virtio_gpu");
}

/* The call of its render node; without 3D this is all that it asks for. */
static uint8_t *map_virtio_gpu(int fd)
{
    struct drm_virtgpu_resource_create create = {
        .target = 2, /* PIPE_TEXTURE_2D */
        .format = 1, /* VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM */
        .width = SIZE / 4,
        .height = 1,
        .depth = 1,
        .array_size = 1,
        .size = SIZE,
        .stride = SIZE,
    };
    struct drm_virtgpu_map map = {.handle = 0};

    assert_int_equal(0,
                     drmIoctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &create));
    map.handle = create.bo_handle;
    assert_int_equal(0, drmIoctl(fd, DRM_IOCTL_VIRTGPU_MAP, &map));
    return node_mmap(NULL, SIZE, RW, MAP_SHARED, fd, map.offset);
}

static void virtio_gpu_s_own_resources_move(void **state)
{
    int fd = open_drm("virtio_gpu", DRM_NODE_RENDER);
    uint8_t *other = map_virtio_gpu(fd), *base = map_virtio_gpu(fd);

    (void)state;
    expect_moved(base, PEERVMA_KIND_DRM, "drm");
    expect_moved(other, PEERVMA_KIND_DRM, "drm");
    close(fd);
    expect_moved_by_the_kernel(base, PEERVMA_KIND_DRM);
    node_munmap(base, SIZE);
    node_munmap(other, SIZE);
}

static void a_virtio_gpu_dmabuf_moves(void **state)
{
    int fd = open_drm("virtio_gpu", DRM_NODE_PRIMARY), dmabuf;

    (void)state;
    assert_int_equal(0, drmPrimeHandleToFD(fd, create_dumb(fd),
                                           DRM_CLOEXEC | DRM_RDWR, &dmabuf));
    close(fd);
    move_dmabuf(dmabuf);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(softaccel_memory_moves),
        cmocka_unit_test(a_softaccel_dmabuf_moves),
        cmocka_unit_test(a_dmabuf_that_is_closed_moves),
        cmocka_unit_test(a_dma_heap_buffer_moves),
        cmocka_unit_test(a_udmabuf_moves),
        cmocka_unit_test(vgem_memory_moves),
        cmocka_unit_test(virtio_gpu_s_dumb_buffers_move),
        cmocka_unit_test(virtio_gpu_s_own_resources_move),
        cmocka_unit_test(a_virtio_gpu_dmabuf_moves),
    };

    node_arguments(argc, argv);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, open_all, close_all);
}
