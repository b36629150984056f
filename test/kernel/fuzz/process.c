/* SPDX-License-Identifier: BSD-3-Clause */
#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device.h"
#include "tap.h"

#define DRIVER "/sys/bus/pci/drivers/softaccel"
#define FORK_STEPS 16

/* What a peer is told of the descriptor that comes with it. */
typedef struct message {
    uint64_t addr; /* exported from there in the sender */
    uint64_t offset;
    uint64_t inode;
    uint32_t number;
    uint32_t page;
} message_t;

/* What it has to say: NULs, or what is wrong. */
typedef struct answer {
    char wrong[96];
} answer_t;

static bool message_send(int socket, const message_t *message, int fd)
{
    char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec data = {(void *)message, sizeof(*message)};
    struct msghdr header = {
        .msg_iov = &data,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof(control),
    };
    struct cmsghdr *rights = CMSG_FIRSTHDR(&header);

    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
    return sendmsg(socket, &header, 0) == sizeof(*message);
}

static bool message_receive(int socket, message_t *message, int *fd_p)
{
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec data = {message, sizeof(*message)};
    struct msghdr header = {
        .msg_iov = &data,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof(control),
    };

    if (recvmsg(socket, &header, MSG_CMSG_CLOEXEC) != sizeof(*message) ||
        CMSG_FIRSTHDR(&header) == NULL)
        return false;
    memcpy(fd_p, CMSG_DATA(CMSG_FIRSTHDR(&header)), sizeof(*fd_p));
    return true;
}

/* The descriptor leads to the memory, the address in this process to none. */
static void peer_look(worker_t *worker, const message_t *message, int fd,
                      answer_t *answer)
{
    const unsigned epoch = atomic_load(&worker->run->epoch);
    struct peervma_export export;
    struct peervma_query query;
    struct stat st;
    tag_t tag;

    if (fstat(fd, &st) != 0 || st.st_ino != message->inode)
        snprintf(answer->wrong, sizeof(answer->wrong), "inode %lu",
                 (unsigned long)st.st_ino);
    if ((!tag_read_dmabuf(worker, fd, message->offset, &tag) ||
         !tag_is(&tag, message->number, message->page)) &&
        epoch_holds(worker, epoch))
        snprintf(answer->wrong, sizeof(answer->wrong), "other memory");
    if (query_at((void *)(uintptr_t)message->addr, &query) != -ENXIO ||
        export_at((void *)(uintptr_t)message->addr, page, &export) != -ENXIO)
        snprintf(answer->wrong, sizeof(answer->wrong),
                 "the address is known here");
}

static _Noreturn void peer_run(worker_t *worker, int socket)
{
    softaccel_buffer_t buffer;
    message_t message;
    answer_t answer;
    int device, fd;

    /* Memory that the other process must not get at. */
    tap_check_equal(softaccel_open(&device), 0);
    tap_check_equal(softaccel_buffer_create(device, page, &buffer), 0);
    tap_check(mremap(buffer.ptr, page, page, MREMAP_MAYMOVE | MREMAP_FIXED,
                     (void *)SECRET_BASE) == (void *)SECRET_BASE);
    fd = export_ok((void *)SECRET_BASE, page, 0, page);
    close(fd);
    while (message_receive(socket, &message, &fd)) {
        memset(&answer, 0, sizeof(answer));
        peer_look(worker, &message, fd, &answer);
        close(fd);
        if (write(socket, &answer, sizeof(answer)) != sizeof(answer))
            break;
    }
    _exit(0);
}

void peer_start(worker_t *worker)
{
    int sockets[2];

    tap_check_equal(
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
    worker->peer_pid = fork();
    tap_check(worker->peer_pid >= 0);
    if (worker->peer_pid == 0) {
        close(sockets[0]);
        peer_run(worker, sockets[1]);
    }
    close(sockets[1]);
    worker->peer = sockets[0];
}

void peer_stop(worker_t *worker)
{
    int status;

    /* Later peers have inherited it, so closing would not be noticed. */
    shutdown(worker->peer, SHUT_RDWR);
    close(worker->peer);
    tap_check_equal(waitpid(worker->peer_pid, &status, 0), worker->peer_pid);
    tap_check_equal(status, 0);
}

/* A page of the own arena that can be exported, whatever happens meanwhile. */
static const place_t *place_to_pass(worker_t *worker, uint64_t *addr_p)
{
    const unsigned start = below(worker, ARENA_PAGES);
    const place_t *place;
    unsigned i;

    for (i = 0; i < ARENA_PAGES; i++) {
        place = &worker->places[(start + i) % ARENA_PAGES];
        if (place->object == NULL || place->object->inode == 0 ||
            !place->by_dmabuf || !place->shared ||
            place->prot != (PROT_READ | PROT_WRITE) ||
            object_is_dead(worker, place->object))
            continue;
        *addr_p = (uintptr_t)worker->arena + (start + i) % ARENA_PAGES * page;
        return place;
    }
    return NULL;
}

void peer_try(worker_t *worker)
{
    const unsigned epoch = atomic_load(&worker->run->epoch);
    struct peervma_export export;
    const place_t *place;
    message_t message;
    answer_t answer;

    place = place_to_pass(worker, &message.addr);
    if (place == NULL)
        return;
    worker->calls++;
    if (export_at((void *)(uintptr_t)message.addr, page, &export) != 0) {
        complain(worker, "EXPORT to pass on: reason %u", export.reason);
        return;
    }
    message.offset = export.offset;
    message.inode = place->object->inode;
    message.number = place->object->number;
    message.page = place->page;
    count(worker, COUNT_PASSED);
    if (!message_send(worker->peer, &message, export.fd) ||
        read(worker->peer, &answer, sizeof(answer)) != sizeof(answer))
        complain(worker, "no answer from the peer");
    else if (answer.wrong[0] != '\0' && epoch_holds(worker, epoch))
        complain(worker, "passed on: %s", answer.wrong);
    close(export.fd);
}

void fork_try(worker_t *worker, void (*step)(worker_t *worker))
{
    int status = 0, i;
    pid_t pid;

    count(worker, COUNT_FORK);
    pid = fork();
    if (pid == 0) {
        for (i = 0; i < FORK_STEPS; i++)
            step(worker);
        _exit(atomic_load(&worker->run->failed));
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        complain(worker, "fork: %m");
    else if (status != 0 && !atomic_load(&worker->run->failed))
        complain(worker, "a child ended with status %#x", status);
}

static char pci[32]; /* the device's PCI address */

void device_find(void)
{
    const struct dirent *entry;
    DIR *dir = opendir(DRIVER);

    tap_check(dir != NULL);
    while ((entry = readdir(dir)) != NULL)
        if (strchr(entry->d_name, ':') != NULL)
            snprintf(pci, sizeof(pci), "%.31s", entry->d_name);
    closedir(dir);
    tap_check(pci[0] != '\0');
}

static bool driver_write(const char *path)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, pci, strlen(pci)) > 0;

    if (fd >= 0)
        close(fd);
    return written;
}

void device_rebind(worker_t *worker)
{
    unsigned epoch = atomic_load(&worker->run->epoch);
    const useconds_t pause = below(worker, 3000);

    if (epoch % 2 != 0 ||
        !atomic_compare_exchange_strong(&worker->run->epoch, &epoch, epoch + 1))
        return;
    count(worker, COUNT_UNBIND);
    if (!driver_write(DRIVER "/unbind"))
        complain(worker, "unbinding %s: %m", pci);
    usleep(pause);
    if (!driver_write(DRIVER "/bind"))
        complain(worker, "binding %s: %m", pci);
    atomic_fetch_add(&worker->run->epoch, 1);
}
