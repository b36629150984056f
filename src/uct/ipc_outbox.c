/* SPDX-License-Identifier: BSD-3-Clause */
#include "ipc_outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct uct_peervma_ipc_letter {
    uct_peervma_ipc_letter_t *next;
    uct_peervma_ipc_type_t type;
    int error;
    int fd;
    uint64_t id;
    uint64_t offset;
};

static void destroy(uct_peervma_ipc_letter_t *letter)
{
    if (letter->fd >= 0) {
        close(letter->fd);
    }
    free(letter);
}

int uct_peervma_ipc_outbox_flush(uct_peervma_ipc_outbox_t *outbox, int socket)
{
    uct_peervma_ipc_letter_t *letter;
    int ret;

    while ((letter = outbox->waiting) != NULL) {
        ret = uct_peervma_ipc_send(socket, letter->type, letter->id,
                                   letter->error, letter->offset, letter->fd);
        if (ret == -EAGAIN) {
            return 0;
        }
        if (ret != 0) {
            return ret;
        }
        outbox->waiting = letter->next;
        destroy(letter);
    }
    return 0;
}

static int post(uct_peervma_ipc_outbox_t *outbox, int socket,
                uct_peervma_ipc_letter_t *letter)
{
    letter->next = NULL;
    if (outbox->waiting == NULL) {
        outbox->waiting = letter;
    } else {
        outbox->last->next = letter;
    }
    outbox->last = letter;
    return uct_peervma_ipc_outbox_flush(outbox, socket);
}

int uct_peervma_ipc_outbox_send(uct_peervma_ipc_outbox_t *outbox, int socket,
                                uct_peervma_ipc_type_t type, uint64_t id,
                                int error, uint64_t offset, int fd)
{
    uct_peervma_ipc_letter_t *letter = malloc(sizeof(*letter));

    if (letter == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return -ENOMEM;
    }
    *letter = (uct_peervma_ipc_letter_t){
        .type = type, .error = error, .fd = fd, .id = id, .offset = offset};
    return post(outbox, socket, letter);
}

/* The link to the promise of `id`, or to the end. */
static uct_peervma_ipc_letter_t **find(uct_peervma_ipc_outbox_t *outbox,
                                       uint64_t id)
{
    uct_peervma_ipc_letter_t **link = &outbox->promised;

    while ((*link != NULL) && ((*link)->id != id)) {
        link = &(*link)->next;
    }
    return link;
}

static uct_peervma_ipc_letter_t *take(uct_peervma_ipc_outbox_t *outbox,
                                      uint64_t id)
{
    uct_peervma_ipc_letter_t **link = find(outbox, id), *letter = *link;

    if (letter != NULL) {
        *link = letter->next;
    }
    return letter;
}

int uct_peervma_ipc_outbox_promise(uct_peervma_ipc_outbox_t *outbox,
                                   uint64_t id)
{
    uct_peervma_ipc_letter_t *letter = *find(outbox, id);

    if (letter == NULL) {
        letter = malloc(sizeof(*letter));
        if (letter == NULL) {
            return -ENOMEM;
        }
        *letter = (uct_peervma_ipc_letter_t){.next = outbox->promised,
                                             .type = UCT_PEERVMA_IPC_DROP,
                                             .fd = -1,
                                             .id = id};
        outbox->promised = letter;
    }
    return 0;
}

void uct_peervma_ipc_outbox_unpromise(uct_peervma_ipc_outbox_t *outbox,
                                      uint64_t id)
{
    free(take(outbox, id));
}

int uct_peervma_ipc_outbox_drop(uct_peervma_ipc_outbox_t *outbox, int socket,
                                uint64_t id)
{
    uct_peervma_ipc_letter_t *letter = take(outbox, id);

    return (letter != NULL) ? post(outbox, socket, letter) : 0;
}

static void destroy_all(uct_peervma_ipc_letter_t **list)
{
    uct_peervma_ipc_letter_t *letter;

    while ((letter = *list) != NULL) {
        *list = letter->next;
        destroy(letter);
    }
}

void uct_peervma_ipc_outbox_clear(uct_peervma_ipc_outbox_t *outbox)
{
    destroy_all(&outbox->waiting);
    destroy_all(&outbox->promised);
}
