/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Maps an accelerator buffer through its node, through a dma-buf that stays
 * open, and for reading only; prints the three addresses in a line and waits to
 * be killed. For `peervma explain`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "softaccel_client.h"

#define SIZE 65536

static void must(int result, const char *what)
{
    if (result != 0) {
        fprintf(stderr, "lib_hold: %s: %s\n", what, strerror(-result));
        exit(EXIT_FAILURE);
    }
}

int main(void)
{
    softaccel_buffer_t buffer;
    void *dmabuf, *readable;
    int device, fd;

    must(softaccel_open(&device), "the accelerator");
    must(softaccel_buffer_create(device, SIZE, &buffer), "a buffer");
    must(softaccel_buffer_export(&buffer, &fd), "its dma-buf");
    dmabuf = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    readable = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, device,
                    (off_t)buffer.mmap_offset);
    if (dmabuf == MAP_FAILED || readable == MAP_FAILED) {
        perror("lib_hold: mmap");
        return EXIT_FAILURE;
    }

    printf("%p %p %p\n", buffer.ptr, dmabuf, readable);
    fflush(stdout);
    for (;;) {
        pause();
    }
}
