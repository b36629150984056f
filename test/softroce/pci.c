/* SPDX-License-Identifier: BSD-3-Clause */
#include <config.h>

#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pci.h"
#include "softaccel_client.h"

#define BUS "/sys/bus/pci/"
#define DRIVER BUS "drivers/" SOFTACCEL_DRIVER_NAME

static char address[64];

void pci_find(void)
{
    DIR *dir = opendir(DRIVER);
    struct dirent *entry;

    if (!dir)
        err(1, DRIVER);
    while ((entry = readdir(dir))) {
        if (strchr(entry->d_name, ':'))
            snprintf(address, sizeof(address), "%.63s", entry->d_name);
    }
    closedir(dir);
    if (!*address)
        errx(1, "no device is bound to " SOFTACCEL_DRIVER_NAME);
}

static void tell(const char *file, const char *text)
{
    int fd = open(file, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        err(1, "%s", file);
    close(fd);
}

void pci_unbind(void)
{
    tell(DRIVER "/unbind", address);
}

void pci_bind(void)
{
    tell(DRIVER "/bind", address);
}

void pci_remove(void)
{
    char path[128];

    snprintf(path, sizeof(path), BUS "devices/%s/remove", address);
    tell(path, "1");
}

void pci_rescan(void)
{
    tell(BUS "rescan", "1");
    pci_find();
}

uint8_t *pci_map(uint64_t offset, size_t length)
{
    char path[128];
    uint8_t *bytes;
    int fd;

    snprintf(path, sizeof(path), BUS "devices/%s/resource2", address);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    bytes = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, (off_t)offset);
    if (bytes == MAP_FAILED)
        err(1, "%s", path);
    close(fd);
    return bytes;
}
