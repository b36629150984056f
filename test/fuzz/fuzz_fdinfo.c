/* SPDX-License-Identifier: BSD-3-Clause */
/* What /proc/PID/fdinfo says of dma-bufs and of VFIO devices. */
#include <ctype.h>
#include <string.h>

#include "dmabuf_info.h"
#include "fuzz.h"
#include "sysfs.h"
#include "vfio_fdinfo.h"

/*
 * The word behind the first line that is `key` and a word. NULL: no such line.
 * Where a line ends early, at a zero, its rest is nobody's.
 */
static const char *first_word(const char *text, size_t size, const char *key,
                              size_t *length_p)
{
    const char *line = text, *end, *word;

    for (; line < text + size; line = end + 1) {
        end = memchr(line, '\n', size - (size_t)(line - text));
        end = end != NULL ? end : text + size;
        if ((size_t)(end - line) <= strlen(key) ||
            memcmp(line, key, strlen(key)) != 0) {
            continue;
        }
        for (word = line + strlen(key);
             word < end && isspace((unsigned char)*word); word++) {
        }
        *length_p = 0;
        while (word + *length_p < end && word[*length_p] != '\0' &&
               !isspace((unsigned char)word[*length_p])) {
            ++*length_p;
        }
        if (*length_p > 0) {
            return word;
        }
    }
    return NULL;
}

static void check_word(const char *text, size_t size, const char *key,
                       const char *found)
{
    size_t length;
    const char *word = first_word(text, size, key, &length);

    FUZZ_CHECK((word != NULL) == (found[0] != '\0'));
    if (word != NULL) {
        length = length < 63 ? length : 63;
        FUZZ_CHECK(strlen(found) == length);
        FUZZ_CHECK(memcmp(found, word, length) == 0);
    }
}

static void check_dmabuf(const char *proc, const char *text, size_t size)
{
    struct dmabuf_info info;
    bool found = dmabuf_info_read(proc, 7, &info);

    check_word(text, size, "exp_name:", info.exporter);
    check_word(text, size, "name:", info.name);
    FUZZ_CHECK(found == (info.exporter[0] != '\0'));
}

/* A device that is named is the tail of a line of the key's. */
static void check_vfio(const char *proc, const char *text, size_t size)
{
    peervma_pci_t pci = {.valid = 0};
    char name[32];

    if (!peervma_vfio_fdinfo(proc, "7", &pci)) {
        return;
    }
    FUZZ_CHECK(pci.valid);
    snprintf(name, sizeof(name), "/%04x:%02x:%02x.%x", pci.domain, pci.bus,
             pci.device, pci.function);
    FUZZ_CHECK(memmem(text, size, name, strlen(name)) != NULL);
    FUZZ_CHECK(memmem(text, size, "vfio-device-syspath:", 20) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char proc[64];
    static int fd = -1;

    if (fd < 0) {
        fd = fuzz_file("proc/fdinfo/7");
        snprintf(proc, sizeof(proc), "%s/proc", fuzz_folder());
    }
    fuzz_write(fd, data, size);
    check_dmabuf(proc, (const char *)data, size);
    check_vfio(proc, (const char *)data, size);
    return 0;
}
