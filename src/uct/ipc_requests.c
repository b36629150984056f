/* SPDX-License-Identifier: BSD-3-Clause */
#include "ipc_requests.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <time.h>

/* An owner answers at once, unless it is stopped or its node thrashes. */
#define ANSWER_SECONDS 10

static struct {
    pthread_mutex_t lock;
    pthread_cond_t answered;
    uct_peervma_ipc_request_t *first;
} requests = {.lock = PTHREAD_MUTEX_INITIALIZER,
              .answered = PTHREAD_COND_INITIALIZER};

void uct_peervma_ipc_request_add(uct_peervma_ipc_request_t *request,
                                 const void *connection, uint64_t id)
{
    request->connection = connection;
    request->id = id;
    request->result = -EINPROGRESS;
    pthread_mutex_lock(&requests.lock);
    request->next = requests.first;
    requests.first = request;
    pthread_mutex_unlock(&requests.lock);
}

static void unlink_request(uct_peervma_ipc_request_t *request)
{
    uct_peervma_ipc_request_t **link = &requests.first;

    while (*link != request) {
        link = &(*link)->next;
    }
    *link = request->next;
}

int uct_peervma_ipc_request_await(uct_peervma_ipc_request_t *request)
{
    struct timespec until;
    int ret = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ANSWER_SECONDS;
    pthread_mutex_lock(&requests.lock);
    while ((request->result == -EINPROGRESS) && (ret == 0)) {
        ret =
            pthread_cond_timedwait(&requests.answered, &requests.lock, &until);
    }
    unlink_request(request);
    pthread_mutex_unlock(&requests.lock);
    return (request->result == -EINPROGRESS) ? -ETIMEDOUT : request->result;
}

void uct_peervma_ipc_request_remove(uct_peervma_ipc_request_t *request)
{
    pthread_mutex_lock(&requests.lock);
    unlink_request(request);
    pthread_mutex_unlock(&requests.lock);
}

int uct_peervma_ipc_requests_answer(const void *connection, uint64_t id,
                                    int result, uint64_t offset)
{
    uct_peervma_ipc_request_t *request;

    pthread_mutex_lock(&requests.lock);
    for (request = requests.first; request != NULL; request = request->next) {
        if ((request->connection == connection) && (request->id == id) &&
            (request->result == -EINPROGRESS)) {
            request->result = result;
            request->offset = offset;
            pthread_cond_broadcast(&requests.answered);
            break;
        }
    }
    pthread_mutex_unlock(&requests.lock);
    return request != NULL;
}

void uct_peervma_ipc_requests_fail(const void *connection)
{
    uct_peervma_ipc_request_t *request;

    pthread_mutex_lock(&requests.lock);
    for (request = requests.first; request != NULL; request = request->next) {
        if ((request->connection == connection) &&
            (request->result == -EINPROGRESS)) {
            request->result = -ECONNRESET;
        }
    }
    pthread_cond_broadcast(&requests.answered);
    pthread_mutex_unlock(&requests.lock);
}

void uct_peervma_ipc_requests_forget(void)
{
    const pthread_mutex_t unlocked = PTHREAD_MUTEX_INITIALIZER;

    requests.lock = unlocked; /* whoever held it stayed in the parent */
    requests.first = NULL;
}
