/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The first byte says what a path leads to; the rest is the path of a mapping,
 * a PCI device's name and the text of its numa_node.
 */
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "classify.h"
#include "fuzz.h"
#include "sysfs.h"

static struct peervma_file found;
static bool is_found;

static int identify(const char *path, struct peervma_file *file_p)
{
    FUZZ_CHECK(path[0] == '/');
    *file_p = found;
    return is_found ? 0 : -2;
}

static void choose_file(uint8_t choice)
{
    static const unsigned majors[] = {1, 226, 261, 240};

    is_found = choice & 1;
    found = (struct peervma_file){
        .mode = choice & 2 ? S_IFCHR | 0600 : S_IFREG | 0600,
        .inode = choice & 4 ? 300 : 301,
        .device = makedev(majors[choice >> 3 & 3], 128),
        .fs_magic = choice & 32 ? SYSFS_MAGIC : EXT4_SUPER_MAGIC,
    };
}

/* What is taken for a PCI device's name is written like that. */
static void check_pci(const char *text)
{
    size_t length = strcspn(text, "/");
    peervma_pci_t pci = {.valid = 0};
    char name[32];

    if (!peervma_pci_parse(text, &pci)) {
        FUZZ_CHECK(!pci.valid);
        return;
    }
    FUZZ_CHECK(pci.valid);
    snprintf(name, sizeof(name), "%04x:%02x:%02x.%x", pci.domain, pci.bus,
             pci.device, pci.function);
    FUZZ_CHECK(strlen(name) == length && memcmp(name, text, length) == 0);
}

static void check_tail(const char *path)
{
    const char *tail;
    int count;

    for (count = 1; count < 4; count++) {
        tail = peervma_path_tail(path, count);
        FUZZ_CHECK(*tail == '\0' || (tail > path && tail[-1] == '/'));
    }
}

static void check_class(const struct peervma_view *view, const char *path)
{
    static struct peervma_vma vma = {.start = 4096, .end = 8192, .inode = 300};
    struct peervma_class class;

    snprintf(vma.path, sizeof(vma.path), "%s", path);
    peervma_classify(view, &vma, &class);
    FUZZ_CHECK(class.kind == PEERVMA_KIND_NONE || !class.unsure);
    /* Only i915 hides which node it is. */
    FUZZ_CHECK(class.kind != PEERVMA_KIND_DRM || class.device != 0 ||
               strncmp(path, "anon_inode:i915", 15) == 0);
    /* Memory of a device is never made out of an ordinary file's name. */
    if (is_found && found.inode == vma.inode && path[0] == '/' &&
        S_ISREG(found.mode) && found.fs_magic != SYSFS_MAGIC) {
        FUZZ_CHECK(class.kind == PEERVMA_KIND_NONE);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const peervma_pci_t pci = {.device = 5, .valid = 1};
    static struct peervma_view view;
    static char sysfs[64];
    static int fd = -1;
    char *text;

    if (fd < 0) {
        fd = fuzz_file("sys/bus/pci/devices/0000:00:05.0/numa_node");
        snprintf(sysfs, sizeof(sysfs), "%s/sys", fuzz_folder());
        peervma_view_self(&view);
        view.sysfs = sysfs;
        view.identify = identify;
    }
    if (size == 0) {
        return 0;
    }
    text = malloc(size);
    FUZZ_CHECK(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    choose_file(data[0]);
    check_pci(text);
    check_tail(text);
    check_class(&view, text);
    fuzz_write(fd, data + 1, size - 1);
    FUZZ_CHECK(peervma_sysfs_numa_node(&view, &pci) >= -1);
    free(text);
    return 0;
}
