/* SPDX-License-Identifier: BSD-3-Clause */
#include "test_buffer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

int test_buffer_create(const struct accelerator *accelerator, size_t size,
                       struct test_buffer *buffer_p, const char **step_p)
{
    struct test_buffer buffer;
    int ret;

    *step_p = "opening the node";
    ret = device_open(accelerator->node, &buffer.device);
    if (ret != 0) {
        return ret;
    }
    *step_p = "allocating";
    ret = device_buffer_create(&buffer.device, size, &buffer.buffer);
    if (ret != 0) {
        goto err_close;
    }
    *step_p = "mapping";
    ret = device_buffer_map(&buffer.device, &buffer.buffer, NULL, &buffer.ptr);
    if (ret != 0) {
        goto err_free;
    }
    buffer.size = buffer.buffer.length;
    buffer.way = device_way(&buffer.device);
    *buffer_p = buffer;
    return 0;

err_free:
    device_buffer_close(&buffer.device, &buffer.buffer);
err_close:
    device_close(&buffer.device);
    return ret;
}

void test_buffer_explain(const struct accelerator *accelerator, int error,
                         const char *step, char *text, size_t size)
{
    const char *driver = accelerator->driver;

    if (error == -EOPNOTSUPP) {
        snprintf(text, size,
                 "no way to allocate a test buffer: driver %s has no dumb "
                 "buffers, and peervma knows no other call of it",
                 driver[0] != '\0' ? driver : "?");
    } else if (error == -EACCES || error == -EPERM) {
        snprintf(text, size,
                 "%s: no permission: join the group that owns the node (ls -l "
                 "%s), usually render or video",
                 step, accelerator->node);
    } else {
        snprintf(text, size, "%s: %s", step, strerror(-error));
    }
}

void test_buffer_destroy(struct test_buffer *buffer)
{
    munmap(buffer->ptr, buffer->size);
    device_buffer_close(&buffer->device, &buffer->buffer);
    device_close(&buffer->device);
}
