/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What processes of one node tell each other about device memory: remote keys,
 * which UCX carries, and messages with dma-bufs, by unix sockets.
 *
 * A process listens on an abstract socket whose name, its token, is in its
 * keys. That works whatever the kernel lets one process do to another by
 * ptrace(2), which pidfd_getfd(2) asks for: Yama forbids it where
 * ptrace_scope is 1, as Ubuntu has it, and containers by seccomp. It needs no
 * folder that both can write, nor numbers of processes that mean the same to
 * both; only the network namespace must be one, and this two processes can
 * compare beforehand: uct_peervma_ipc_node_id().
 */
#ifndef UCT_PEERVMA_IPC_WIRE_H
#define UCT_PEERVMA_IPC_WIRE_H

#include <stdint.h>
#include <sys/types.h>

/* Names a process for as long as it lives; random. */
typedef struct {
    unsigned char bytes[16];
} uct_peervma_ipc_token_t;

/* A remote key: one mapping of device memory of the process `owner`. */
typedef struct {
    uct_peervma_ipc_token_t owner;
    uint64_t id;   /* of the export, never used again; 0: not to be had */
    uint64_t base; /* the mapping's first address in the owner */
    uint64_t length;
} uct_peervma_ipc_key_t;

_Static_assert(sizeof(uct_peervma_ipc_key_t) == 40, "goes by the wire");

typedef enum {
    UCT_PEERVMA_IPC_GET = 1, /* to the owner: the dma-buf of export `id` */
    UCT_PEERVMA_IPC_GIVE,    /* the answer, with a descriptor if !error */
    UCT_PEERVMA_IPC_DROP     /* from the owner: export `id` is no more */
} uct_peervma_ipc_type_t;

typedef struct {
    uint32_t magic;
    uint32_t type;
    uint64_t id;
    uint64_t offset; /* GIVE: of the mapping in the dma-buf */
    int32_t error;   /* GIVE: 0 or negative errno */
    uint32_t reserved;
} uct_peervma_ipc_message_t;

/*
 * The same for two processes if they can reach each other's sockets: the same
 * boot of the same kernel, network namespace, and user.
 */
uint64_t uct_peervma_ipc_node_id(void);

/* 0 or -errno. */
int uct_peervma_ipc_token_create(uct_peervma_ipc_token_t *token_p);

int uct_peervma_ipc_token_equals(const uct_peervma_ipc_token_t *a,
                                 const uct_peervma_ipc_token_t *b);

/* Descriptors of sockets, O_CLOEXEC, or -errno. */
int uct_peervma_ipc_listen(const uct_peervma_ipc_token_t *token);
int uct_peervma_ipc_accept(int listener);
/* -ECONNREFUSED: the process is gone; -EKEYREJECTED: another user's is there.
 */
int uct_peervma_ipc_connect(const uct_peervma_ipc_token_t *token);
/* The same to whoever is there. */
int uct_peervma_ipc_connect_any(const uct_peervma_ipc_token_t *token);

/* Is the process at the other end one of this user's? */
int uct_peervma_ipc_is_own_user(int fd);

/*
 * Send a message, with a descriptor unless `fd` is -1. Never waits. 0 or
 * -errno.
 */
int uct_peervma_ipc_send(int socket, uct_peervma_ipc_type_t type, uint64_t id,
                         int error, uint64_t offset, int fd);

/*
 * Receive a message, and a descriptor (O_CLOEXEC) or -1. Never waits: -EAGAIN.
 * -EPIPE: the other end is closed; -EPROTO: it speaks something else.
 */
int uct_peervma_ipc_receive(int socket, uct_peervma_ipc_message_t *message_p,
                            int *fd_p);

#endif
