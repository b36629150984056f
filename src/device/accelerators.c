/* SPDX-License-Identifier: BSD-3-Clause */
#include <drm.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "accelerators.h"
#include "files.h"
#include "sysfs.h"

/* In linux/ioport.h, which is the kernel's own: a range of memory. */
#define RESOURCE_MEMORY 0x200

/* In order of preference: a device is told once, by its first node. */
static const struct node_class {
    const char *subsystem;
    const char *prefix; /* of the names that are nodes */
    const char *devfs;
} node_classes[] = {
    {"drm", "renderD", "/dev/dri"},
    {"accel", "accel", "/dev/accel"},
    {"drm", "card", "/dev/dri"},
};

#define NODE_CLASSES (sizeof(node_classes) / sizeof(node_classes[0]))

struct search {
    const char *sysfs;
    const struct node_class *class;
    bool found;    /* for is_told() */
    char name[64]; /* for read_card() */
    accelerator_cb_t cb;
    void *arg;
};

/* "card0", but not its connector "card0-VGA-1". */
static bool is_node(const struct node_class *class, const char *name)
{
    size_t length = strlen(class->prefix);

    return strncmp(name, class->prefix, length) == 0 && name[length] != '\0' &&
           name[length + strspn(name + length, "0123456789")] == '\0';
}

static void find_node(const char *name, void *arg)
{
    struct search *search = arg;

    search->found = search->found || is_node(search->class, name);
}

/* Has the device a node of a class before this one? */
static bool is_told(const struct node_class *class, const char *device)
{
    struct search search = {.found = false};
    char path[PATH_MAX];

    for (search.class = node_classes; search.class < class; search.class ++) {
        path_make(path, "%s/%s", device, search.class->subsystem);
        for_each_entry(path, find_node, &search);
    }
    return search.found;
}

static void keep_node(const char *name, void *arg)
{
    struct search *search = arg;

    if (is_node(search->class, name)) {
        snprintf(search->name, sizeof(search->name), "%s", name);
    }
}

static void read_card(const char *device, char *card, size_t size)
{
    struct search search = {.class = &node_classes[NODE_CLASSES - 1]};
    char path[PATH_MAX];

    path_make(path, "%s/drm", device);
    for_each_entry(path, keep_node, &search);
    if (search.name[0] != '\0') {
        snprintf(card, size, "%s/%.32s", search.class->devfs, search.name);
    }
}

/* Of a device without a bus, as vgem's is, only the node knows the driver. */
static void ask_driver(const char *node, char *driver, size_t size)
{
    struct drm_version version = {.name = driver, .name_len = size - 1};
    int fd = open(node, O_RDWR | O_CLOEXEC);

    if (fd >= 0 && ioctl(fd, DRM_IOCTL_VERSION, &version) == 0 &&
        version.name_len < size) {
        driver[version.name_len] = '\0';
    }
    if (fd >= 0) {
        close(fd);
    }
}

static uint64_t read_largest_bar(const char *device)
{
    unsigned long long start, end, flags, largest = 0;
    char path[PATH_MAX];
    FILE *file;

    path_make(path, "%s/resource", device);
    file = fopen(path, "re");
    if (file == NULL) {
        return 0;
    }
    while (fscanf(file, "%llx %llx %llx", &start, &end, &flags) == 3) {
        if ((flags & RESOURCE_MEMORY) && end - start + 1 > largest) {
            largest = end - start + 1;
        }
    }
    fclose(file);
    return largest;
}

/* The node's device number, by which libpeervma knows its PCI device. */
static dev_t read_device_number(const char *node)
{
    unsigned major_number, minor_number;
    char path[PATH_MAX], text[32];

    path_make(path, "%s/dev", node);
    if (!read_line(path, text, sizeof(text)) ||
        sscanf(text, "%u:%u", &major_number, &minor_number) != 2) {
        return 0;
    }
    return makedev(major_number, minor_number);
}

static void tell_node(const char *name, void *arg)
{
    const struct search *search = arg;
    struct peervma_view view = {.sysfs = search->sysfs};
    char node[PATH_MAX], device[PATH_MAX], path[PATH_MAX];
    struct accelerator accelerator = {.card = ""};

    path_make(node, "%s/class/%s/%s", search->sysfs, search->class->subsystem,
              name);
    path_make(device, "%s/device", node);
    if (!is_node(search->class, name) || is_told(search->class, device)) {
        return;
    }

    snprintf(accelerator.node, sizeof(accelerator.node), "%s/%s",
             search->class->devfs, name);
    read_card(device, accelerator.card, sizeof(accelerator.card));
    path_make(path, "%s/driver", device);
    if (!read_link_name(path, accelerator.driver, sizeof(accelerator.driver))) {
        ask_driver(accelerator.node, accelerator.driver,
                   sizeof(accelerator.driver));
    }
    accelerator.pci = peervma_sysfs_char_pci(&view, read_device_number(node));
    accelerator.numa_node = peervma_sysfs_numa_node(&view, &accelerator.pci);
    accelerator.largest_bar = read_largest_bar(device);
    accelerator.usable = access(accelerator.node, R_OK | W_OK) == 0;
    search->cb(&accelerator, search->arg);
}

bool machine_is_node(const char *node, const char *name)
{
    return name == NULL || strcmp(name, node) == 0 ||
           strcmp(name, strrchr(node, '/') + 1) == 0;
}

const char *machine_pci_text(const peervma_pci_t *pci, char text[PCI_TEXT])
{
    snprintf(text, PCI_TEXT, "%04x:%02x:%02x.%x", pci->domain & 0xffffff,
             pci->bus, pci->device, pci->function & 7);
    return text;
}

int machine_accelerators(const char *sysfs, accelerator_cb_t cb, void *arg)
{
    struct search search = {.sysfs = sysfs, .cb = cb, .arg = arg};
    char path[PATH_MAX];
    size_t i;
    int ret = 0;

    for (i = 0; i < NODE_CLASSES && ret == 0; i++) {
        search.class = &node_classes[i];
        path_make(path, "%s/class/%s", sysfs, search.class->subsystem);
        ret = for_each_entry(path, tell_node, &search);
    }
    return ret;
}
