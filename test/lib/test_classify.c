/* SPDX-License-Identifier: BSD-3-Clause */
/* What kind of memory a mapping is. */
#include <linux/magic.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

#include "classify.h"
#include "fake.h"
#include "sysfs.h"

static struct peervma_class classify(const char *path, uint64_t inode)
{
    struct peervma_vma vma = {.start = 1, .end = 2, .inode = inode};
    struct peervma_class class;

    snprintf(vma.path, sizeof(vma.path), "%s", path);
    peervma_classify(&fake.view, &vma, &class);
    return class;
}

static void char_device(const char *path, unsigned maj, unsigned min)
{
    fake_identify(path, &(struct peervma_file){
                            .mode = S_IFCHR | 0600,
                            .inode = 300,
                            .device = makedev(maj, min),
                        });
}

static void a_drm_node_is_known_by_its_number(void **state)
{
    struct peervma_class class;

    (void)state;
    fake_drm_device(&fake, "softaccel");
    class = classify("/dev/dri/renderD128", 300);
    assert_int_equal(PEERVMA_KIND_DRM, class.kind);
    assert_true(class.device == makedev(226, 128));
    assert_int_equal(1, class.pci.valid);
    assert_int_equal(5, class.pci.device);
    assert_int_equal(1, peervma_sysfs_numa_node(&fake.view, &class.pci));

    /* By another name, and not by its name. */
    char_device("/srv/gpu", 226, 128);
    char_device("/dev/dri/renderD129", 1, 3);
    assert_int_equal(PEERVMA_KIND_DRM, classify("/srv/gpu", 300).kind);
    class = classify("/dev/dri/renderD129", 300);
    assert_int_equal(PEERVMA_KIND_NONE, class.kind);
    assert_true(class.unsure);
}

static void an_accel_node_is_a_drm_kind(void **state)
{
    struct peervma_class class;

    (void)state;
    char_device("/dev/accel/accel0", 261, 0);
    class = classify("/dev/accel/accel0", 300);
    assert_int_equal(PEERVMA_KIND_DRM, class.kind);
    assert_int_equal(0, class.pci.valid); /* sysfs knows nothing of it */
}

static void a_virtio_node_belongs_to_the_device_above(void **state)
{
    (void)state;
    char_device("/dev/dri/card0", 226, 0);
    fake_folder(&fake, "sys/devices/pci0000:00/0000:00:02.0/virtio1/drm/card0");
    fake_link(&fake,
              "sys/devices/pci0000:00/0000:00:02.0/virtio1/drm/card0/device",
              "../..");
    fake_link(&fake, "sys/dev/char/226:0",
              "../../devices/pci0000:00/0000:00:02.0/virtio1/drm/card0");
    assert_int_equal(2, classify("/dev/dri/card0", 300).pci.device);
}

static void a_usb_node_does_not_belong_to_its_bridge(void **state)
{
    (void)state;
    char_device("/dev/dri/card0", 226, 0);
    fake_folder(&fake, "sys/devices/pci0000:00/0000:00:14.0/usb1/drm/card0");
    fake_link(&fake,
              "sys/devices/pci0000:00/0000:00:14.0/usb1/drm/card0/device",
              "../..");
    fake_link(&fake, "sys/dev/char/226:0",
              "../../devices/pci0000:00/0000:00:14.0/usb1/drm/card0");
    assert_int_equal(0, classify("/dev/dri/card0", 300).pci.valid);
}

static void a_dmabuf_is_in_no_folder(void **state)
{
    (void)state;
    assert_int_equal(PEERVMA_KIND_DMABUF, classify("/dmabuf:", 5).kind);
    assert_int_equal(PEERVMA_KIND_DMABUF, classify("/dmabuf:name", 5).kind);
    assert_int_equal(PEERVMA_KIND_NONE, classify("/tmp/dmabuf:", 5).kind);

    /* A file that is called so. */
    fake_identify("/dmabuf:x",
                  &(struct peervma_file){.mode = S_IFREG, .inode = 5});
    assert_int_equal(PEERVMA_KIND_NONE, classify("/dmabuf:x", 5).kind);
    assert_false(classify("/dmabuf:x", 5).unsure);
    assert_int_equal(PEERVMA_KIND_DMABUF, classify("/dmabuf:x", 6).kind);
}

static void p2pdma_memory_is_of_the_device_above(void **state)
{
    static const char path[] =
        "/sys/devices/pci0000:00/0000:00:09.0/p2pmem/allocate";
    static const char none[] = "/sys/devices/platform/p2pmem/allocate";
    struct peervma_file file = {
        .mode = S_IFREG,
        .inode = 9,
        .fs_magic = SYSFS_MAGIC,
    };
    struct peervma_class class;

    (void)state;
    fake_identify(path, &file);
    fake_identify(none, &file);
    class = classify(path, 9);
    assert_int_equal(PEERVMA_KIND_BAR, class.kind);
    assert_int_equal(1, class.pci.valid);
    assert_int_equal(9, class.pci.device);
    assert_int_equal(PEERVMA_CACHE_UNKNOWN, class.cache);
    assert_int_equal(PEERVMA_KIND_NONE, classify(none, 9).kind);
}

static void a_bar_is_a_resource_in_sysfs(void **state)
{
    static const char uc[] = "/sys/devices/pci0000:00/0000:00:04.0/resource0";
    static const char wc[] =
        "/sys/devices/pci0000:00/0000:00:04.0/resource2_wc";
    static const char all[] = "/sys/devices/pci0000:00/0000:00:04.0/resource";
    static const char other[] = "/sys/devices/platform/x/resource2";
    static const char elsewhere[] = "/tmp/0000:00:04.0/resource2";
    struct peervma_file file = {
        .mode = S_IFREG,
        .inode = 9,
        .fs_magic = SYSFS_MAGIC,
    };
    struct peervma_class class;

    (void)state;
    fake_identify(wc, &file);
    fake_identify(uc, &file);
    assert_int_equal(PEERVMA_CACHE_UNCACHED, classify(uc, 9).cache);
    assert_int_equal(PEERVMA_CACHE_WRITE_COMBINING, classify(wc, 9).cache);
    fake_identify(all, &file);
    fake_identify(other, &file);
    file.fs_magic = EXT4_SUPER_MAGIC;
    fake_identify(elsewhere, &file);

    class = classify(wc, 9);
    assert_int_equal(PEERVMA_KIND_BAR, class.kind);
    assert_int_equal(1, class.pci.valid);
    assert_int_equal(4, class.pci.device);
    assert_int_equal(PEERVMA_KIND_NONE, classify(all, 9).kind);
    assert_int_equal(PEERVMA_KIND_NONE, classify(other, 9).kind);
    assert_int_equal(PEERVMA_KIND_NONE, classify(elsewhere, 9).kind);
}

static void uio_and_vfio_are_known_by_subsystem_or_name(void **state)
{
    (void)state;
    char_device("/dev/uio0", 240, 0);
    fake_folder(&fake, "sys/class/uio");
    fake_link(&fake, "sys/dev/char/240:0/subsystem", "../../../class/uio");
    assert_int_equal(PEERVMA_KIND_BAR, classify("/dev/uio0", 300).kind);

    char_device("/dev/vfio/devices/vfio0", 241, 0);
    fake_folder(&fake, "sys/class/vfio-dev");
    fake_link(&fake, "sys/dev/char/241:0/subsystem", "../../../class/vfio-dev");
    assert_int_equal(PEERVMA_KIND_VFIO,
                     classify("/dev/vfio/devices/vfio0", 300).kind);
    assert_int_equal(PEERVMA_KIND_VFIO,
                     classify("anon_inode:[vfio-device]", 7).kind);
}

static void ordinary_files_are_none(void **state)
{
    struct peervma_class class;

    (void)state;
    fake_identify("/usr/lib/libc.so.6",
                  &(struct peervma_file){.mode = S_IFREG, .inode = 4});
    class = classify("/usr/lib/libc.so.6", 4);
    assert_int_equal(PEERVMA_KIND_NONE, class.kind);
    assert_false(class.unsure);
    class = classify("/usr/lib/gone.so (deleted)", 4);
    assert_int_equal(PEERVMA_KIND_NONE, class.kind);
    assert_false(class.unsure);
    class = classify("/memfd:buffer (deleted)", 4);
    assert_int_equal(PEERVMA_KIND_NONE, class.kind);
    assert_false(class.unsure);
}

/* The name now leads to another file than the one mapped. */
static void a_replaced_node_is_left_to_the_module(void **state)
{
    struct peervma_class class;

    (void)state;
    char_device("/dev/dri/renderD128", 226, 128);
    class = classify("/dev/dri/renderD128", 301);
    assert_int_equal(PEERVMA_KIND_NONE, class.kind);
    assert_true(class.unsure);
}

static void another_process_has_its_own_root(void **state)
{
    (void)state;
    char_device("/proc/77/root/dev/dri/renderD128", 226, 128);
    snprintf(fake.view.root, sizeof(fake.view.root), "/proc/77/root");
    assert_int_equal(PEERVMA_KIND_DRM,
                     classify("/dev/dri/renderD128", 300).kind);
}

static void pci_addresses_are_read(void **state)
{
    static const char *const bad[] = {
        "",
        "0000",
        "0000:00",
        "0000:00:04",
        "000:00:4.0",
        "0000:00:04.0x",
        "0000:00:04.01",
        "virtio0",
        "+000:0:4.0",
        "0000:00:04.g",
        "gggg:00:04.0",
        "0000: 0:+4.0",
        "00000:00:04.0",
    };
    peervma_pci_t pci;
    size_t i;

    (void)state;
    assert_true(peervma_pci_parse("10002:fe:1f.7/resource0", &pci));
    assert_int_equal(0x10002, pci.domain);
    assert_int_equal(0xfe, pci.bus);
    assert_int_equal(0x1f, pci.device);
    assert_int_equal(7, pci.function);
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (peervma_pci_parse(bad[i], &pci)) {
            fail_msg("taken for a PCI address: '%s'", bad[i]);
        }
    }
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_drm_node_is_known_by_its_number),
        TEST(an_accel_node_is_a_drm_kind),
        TEST(a_virtio_node_belongs_to_the_device_above),
        TEST(a_usb_node_does_not_belong_to_its_bridge),
        TEST(a_dmabuf_is_in_no_folder),
        TEST(a_bar_is_a_resource_in_sysfs),
        TEST(p2pdma_memory_is_of_the_device_above),
        TEST(uio_and_vfio_are_known_by_subsystem_or_name),
        TEST(ordinary_files_are_none),
        TEST(a_replaced_node_is_left_to_the_module),
        TEST(another_process_has_its_own_root),
        cmocka_unit_test(pci_addresses_are_read),
    };

    return cmocka_run_group_tests_name("classify", tests, NULL, NULL);
}
