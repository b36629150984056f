/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory to map: objects of drivers, each of its pages marked with the object's
 * number and its own, and memory that is no device's.
 */
#ifndef OBJECT_H
#define OBJECT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define OBJECT_PAGES 16
#define OBJECT_NUMBERS (1U << 18)

enum object_kind {
    OBJECT_ACCEL,
    OBJECT_VGEM,
    OBJECT_HEAP,
    OBJECT_UDMABUF,
    OBJECT_FILE,
    OBJECT_ANONYMOUS,
};

/* A thread's objects; those of the accelerator first. */
#define OBJECTS 10
#define OBJECTS_ACCEL 5

typedef struct object {
    enum object_kind kind;
    uint32_t number;
    uint32_t pages;
    int node; /* the DRM node, or the file; -1: none */
    uint64_t node_offset;
    uint32_t handle;
    bool handle_closed;
    int dmabuf; /* held, so that its inode stays; -1: none */
    ino_t inode;
    unsigned epoch; /* when it was made */
    bool valid;
} object_t;

/* What is known of every object by its number, by all threads. */
typedef struct registry {
    struct {
        atomic_ulong inode; /* of its dma-buf; zero: not known */
        atomic_uint pages;
        atomic_bool retired; /* its thread has let go of it */
    } object[OBJECT_NUMBERS];
} registry_t;

/*
 * At the beginning of each page. As the argument of an ioctl it is a structure
 * that is too short, so the kernel never writes over it.
 */
typedef struct tag {
    uint32_t zero;
    uint32_t magic;
    uint32_t number;
    uint32_t page;
} tag_t;

struct worker;

/* Make all objects of a thread; ends the program where it cannot. */
void objects_create(struct worker *worker);
void objects_destroy(struct worker *worker);

/* Another object in the place of one of the accelerator, in any state. */
void object_replace(struct worker *worker, object_t *object);

/* The mapping stays, but its file has given up the object. */
void object_close_handle(struct worker *worker, object_t *object);

bool object_is_device(const object_t *object);

/* Whether the device of an object has gone since it was made. */
bool object_is_dead(const struct worker *worker, const object_t *object);

/* Read the tag at an offset in a dma-buf: false if its memory is gone. */
bool tag_read_dmabuf(struct worker *worker, int fd, uint64_t offset,
                     tag_t *tag_p);
bool tag_is(const tag_t *tag, uint32_t number, uint32_t page);

#endif
