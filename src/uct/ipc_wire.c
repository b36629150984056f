/* SPDX-License-Identifier: BSD-3-Clause */
#include "ipc_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define MAGIC 0x31435650 /* "PVC1": the version is part of it */

/* Connecting waits only while 4096 others do. */
#define CONNECT_SECONDS 10

static uint64_t hash_bytes(uint64_t hash, const void *data, size_t length)
{
    const unsigned char *bytes = data;
    size_t i;

    for (i = 0; i < length; ++i) {
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
    }
    return hash;
}

uint64_t uct_peervma_ipc_node_id(void)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    char boot[64] = "";
    uint64_t ids[3];
    struct stat st;
    int fd;

    fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (read(fd, boot, sizeof(boot) - 1) < 0) {
            boot[0] = '\0';
        }
        close(fd);
    }
    memset(&st, 0, sizeof(st));
    if (stat("/proc/self/ns/net", &st) != 0) {
        st.st_ino = 0;
    }
    ids[0] = st.st_dev;
    ids[1] = st.st_ino;
    ids[2] = geteuid();
    return hash_bytes(hash_bytes(hash, boot, sizeof(boot)), ids, sizeof(ids));
}

int uct_peervma_ipc_token_create(uct_peervma_ipc_token_t *token_p)
{
    uct_peervma_ipc_token_t token;

    if (getrandom(token.bytes, sizeof(token.bytes), 0) !=
        (ssize_t)sizeof(token.bytes)) {
        return -errno;
    }
    *token_p = token;
    return 0;
}

int uct_peervma_ipc_token_equals(const uct_peervma_ipc_token_t *a,
                                 const uct_peervma_ipc_token_t *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* In the abstract name space: the first byte is zero. */
static socklen_t socket_address(const uct_peervma_ipc_token_t *token,
                                struct sockaddr_un *address_p)
{
    char *name = address_p->sun_path + 1;
    size_t i;
    int length;

    memset(address_p, 0, sizeof(*address_p));
    address_p->sun_family = AF_UNIX;
    length = sprintf(name, "peervma-ipc-");
    for (i = 0; i < sizeof(token->bytes); ++i) {
        length += sprintf(name + length, "%02x", token->bytes[i]);
    }
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
}

int uct_peervma_ipc_listen(const uct_peervma_ipc_token_t *token)
{
    struct sockaddr_un address;
    socklen_t length = socket_address(token, &address);
    int fd, ret;

    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    if ((bind(fd, (struct sockaddr *)&address, length) != 0) ||
        (listen(fd, SOMAXCONN) != 0)) {
        ret = -errno;
        close(fd);
        return ret;
    }
    return fd;
}

int uct_peervma_ipc_accept(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    return (fd < 0) ? -errno : fd;
}

int uct_peervma_ipc_is_own_user(int fd)
{
    struct ucred cred;
    socklen_t length = sizeof(cred);

    return (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &length) == 0) &&
           (cred.uid == geteuid());
}

int uct_peervma_ipc_connect_any(const uct_peervma_ipc_token_t *token)
{
    const struct timeval limit = {.tv_sec = CONNECT_SECONDS};
    struct sockaddr_un address;
    socklen_t length = socket_address(token, &address);
    int fd, ret;

    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    do {
        ret = (connect(fd, (struct sockaddr *)&address, length) == 0) ? 0
                                                                      : -errno;
    } while (ret == -EINTR);
    if (ret != 0) {
        close(fd);
        return ret;
    }
    return fd;
}

/* The name may have been taken after its owner's end. */
int uct_peervma_ipc_connect(const uct_peervma_ipc_token_t *token)
{
    int fd = uct_peervma_ipc_connect_any(token);

    if ((fd >= 0) && !uct_peervma_ipc_is_own_user(fd)) {
        close(fd);
        return -EKEYREJECTED;
    }
    return fd;
}

int uct_peervma_ipc_send(int socket, uct_peervma_ipc_type_t type, uint64_t id,
                         int error, uint64_t offset, int fd)
{
    uct_peervma_ipc_message_t message = {.magic = MAGIC,
                                         .type = type,
                                         .id = id,
                                         .offset = offset,
                                         .error = error};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.space = {0}};
    struct iovec iov = {.iov_base = &message, .iov_len = sizeof(message)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    if (fd >= 0) {
        msg.msg_control = &control;
        msg.msg_controllen = sizeof(control.space);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    }
    if (sendmsg(socket, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        return -errno;
    }
    return 0;
}

/* There is room for one descriptor; the kernel closes what has none. */
static int take_descriptor(struct msghdr *msg)
{
    struct cmsghdr *header = CMSG_FIRSTHDR(msg);
    int fd = -1;

    if ((header != NULL) && (header->cmsg_level == SOL_SOCKET) &&
        (header->cmsg_type == SCM_RIGHTS) &&
        (header->cmsg_len == CMSG_LEN(sizeof(int)))) {
        memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    }
    return fd;
}

int uct_peervma_ipc_receive(int socket, uct_peervma_ipc_message_t *message_p,
                            int *fd_p)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = {.iov_base = message_p, .iov_len = sizeof(*message_p)};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof(control.space)};
    ssize_t length;
    int fd;

    length = recvmsg(socket, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (length < 0) {
        return -errno;
    }
    if (length == 0) {
        return -EPIPE;
    }
    fd = take_descriptor(&msg);
    if ((length != sizeof(*message_p)) || (message_p->magic != MAGIC)) {
        if (fd >= 0) {
            close(fd);
        }
        return -EPROTO;
    }
    *fd_p = fd;
    return 0;
}
