/* SPDX-License-Identifier: BSD-3-Clause */
#include "ipc_service.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc_outbox.h"
#include "ipc_requests.h"
#include "stats.h"

/* So long a peer waits who could not be accepted for lack of descriptors. */
#define ACCEPT_PAUSE_MS 50

typedef struct connection {
    struct connection *next;
    int fd;
    int to_owner; /* else from a peer */
    int broken;   /* the thread is to remove it */
    uct_peervma_ipc_token_t owner;
    uct_peervma_ipc_outbox_t outbox;
} connection_t;

/*
 * `lifetime` is held over all of a start and all of a stop, which waits for the
 * thread; the thread never takes it. Whoever takes both takes it first.
 */
static struct {
    pthread_mutex_t lifetime;
    pthread_mutex_t lock;
    unsigned users;
    const uct_peervma_ipc_service_ops_t *ops;
    void *arg;
    uct_peervma_ipc_token_t token;
    int listener;
    int wake; /* eventfd: connections or letters were added, or stop */
    int running;
    int stopping;
    pthread_t thread;
    connection_t *connections;
    unsigned connection_count;
} service = {.lifetime = PTHREAD_MUTEX_INITIALIZER,
             .lock = PTHREAD_MUTEX_INITIALIZER,
             .listener = -1,
             .wake = -1};

const uct_peervma_ipc_token_t *uct_peervma_ipc_service_token(void)
{
    return &service.token;
}

/* It is set without the lock. */
static int is_stopping(void)
{
    return __atomic_load_n(&service.stopping, __ATOMIC_ACQUIRE);
}

static void wake_thread(void)
{
    const uint64_t one = 1;

    if (write(service.wake, &one, sizeof(one)) < 0) {
        return; /* it is awake: the counter is full */
    }
}

/* Under the lock. */
static connection_t *add_connection(int fd,
                                    const uct_peervma_ipc_token_t *owner)
{
    connection_t *connection = calloc(1, sizeof(*connection));

    if (connection != NULL) {
        connection->fd = fd;
        connection->to_owner = (owner != NULL);
        if (owner != NULL) {
            connection->owner = *owner;
        }
        connection->next = service.connections;
        service.connections = connection;
        ++service.connection_count;
    }
    return connection;
}

/* -errno: whoever waits still does. */
static int accept_peer(void)
{
    int fd = uct_peervma_ipc_accept(service.listener);
    int ok;

    if (fd < 0) {
        return fd;
    }
    if (!uct_peervma_ipc_is_own_user(fd)) {
        uct_peervma_stat_add(UCT_PEERVMA_STAT_IPC_REFUSED, 1);
        close(fd);
        return 0;
    }
    pthread_mutex_lock(&service.lock);
    ok = add_connection(fd, NULL) != NULL;
    pthread_mutex_unlock(&service.lock);
    if (!ok) {
        close(fd);
    }
    return 0;
}

/* The drop of an export is promised before it is looked for, so that none is
 * missed that comes meanwhile. */
static int serve_peer(connection_t *connection,
                      const uct_peervma_ipc_message_t *message)
{
    uint64_t offset = 0;
    int fd, ret;

    if (message->type != UCT_PEERVMA_IPC_GET) {
        return -EPROTO;
    }
    pthread_mutex_lock(&service.lock);
    ret = uct_peervma_ipc_outbox_promise(&connection->outbox, message->id);
    pthread_mutex_unlock(&service.lock);
    if (ret != 0) {
        return ret;
    }

    fd = service.ops->open(message->id, &offset, service.arg);
    uct_peervma_stat_add((fd < 0) ? UCT_PEERVMA_STAT_IPC_REFUSED
                                  : UCT_PEERVMA_STAT_IPC_EXPORTS,
                         1);

    pthread_mutex_lock(&service.lock);
    if (fd == -ESTALE) { /* there is no such export */
        uct_peervma_ipc_outbox_unpromise(&connection->outbox, message->id);
    }
    ret = uct_peervma_ipc_outbox_send(
        &connection->outbox, connection->fd, UCT_PEERVMA_IPC_GIVE, message->id,
        (fd < 0) ? fd : 0, offset, (fd < 0) ? -1 : fd);
    pthread_mutex_unlock(&service.lock);
    return ret;
}

static int hear_owner(const connection_t *connection,
                      const uct_peervma_ipc_message_t *message, int fd)
{
    int result = (message->error < 0) ? message->error : -EPROTO;

    switch (message->type) {
    case UCT_PEERVMA_IPC_GIVE:
        result = ((message->error == 0) && (fd >= 0)) ? fd : result;
        if (!uct_peervma_ipc_requests_answer(connection, message->id, result,
                                             message->offset)) {
            result = -ETIMEDOUT; /* nobody waits any more */
        }
        if ((fd >= 0) && (result != fd)) {
            close(fd);
        }
        return 0;
    case UCT_PEERVMA_IPC_DROP:
        service.ops->dropped(&connection->owner, message->id, service.arg);
        return 0;
    default:
        return -EPROTO;
    }
}

static int hear(connection_t *connection)
{
    uct_peervma_ipc_message_t message;
    int fd = -1, ret;

    ret = uct_peervma_ipc_receive(connection->fd, &message, &fd);
    if (ret != 0) {
        return ((ret == -EAGAIN) || (ret == -EINTR)) ? 0 : ret;
    }
    if (connection->to_owner) {
        return hear_owner(connection, &message, fd);
    }
    if (fd >= 0) {
        close(fd);
    }
    return serve_peer(connection, &message);
}

static void handle_connection(connection_t *connection, short events)
{
    int ret = 0;

    if (events & POLLOUT) {
        pthread_mutex_lock(&service.lock);
        ret = uct_peervma_ipc_outbox_flush(&connection->outbox, connection->fd);
        pthread_mutex_unlock(&service.lock);
    }
    if ((ret == 0) && (events & ~POLLOUT)) {
        ret = hear(connection);
    }
    if (ret != 0) {
        pthread_mutex_lock(&service.lock);
        connection->broken = 1;
        pthread_mutex_unlock(&service.lock);
    }
}

/* An owner that is gone takes with it all that it exported. */
static void remove_broken(void)
{
    connection_t **link = &service.connections, *connection;

    pthread_mutex_lock(&service.lock);
    while (*link != NULL) {
        connection = *link;
        if (!connection->broken && !is_stopping()) {
            link = &connection->next;
            continue;
        }
        *link = connection->next;
        --service.connection_count;
        uct_peervma_ipc_requests_fail(connection);
        pthread_mutex_unlock(&service.lock);

        close(connection->fd);
        uct_peervma_ipc_outbox_clear(&connection->outbox);
        if (connection->to_owner) {
            service.ops->dropped(&connection->owner, 0, service.arg);
        }
        free(connection);

        pthread_mutex_lock(&service.lock);
        link = &service.connections;
    }
    pthread_mutex_unlock(&service.lock);
}

/* A peer that does not read its answers is not listened to. */
static short awaited(const connection_t *connection)
{
    if (connection->outbox.waiting == NULL) {
        return POLLIN;
    }
    return connection->to_owner ? POLLIN | POLLOUT : POLLOUT;
}

/*
 * Only this thread removes connections, so that it may use those in the list
 * without the lock. NULL: no memory.
 */
static struct pollfd *list_descriptors(connection_t ***connections_p,
                                       unsigned *count_p)
{
    connection_t *connection, **connections;
    struct pollfd *fds;
    unsigned i = 0;

    pthread_mutex_lock(&service.lock);
    fds = calloc(service.connection_count + 2, sizeof(*fds));
    connections = calloc(service.connection_count + 1, sizeof(*connections));
    if ((fds == NULL) || (connections == NULL)) {
        pthread_mutex_unlock(&service.lock);
        free(fds);
        free(connections);
        return NULL;
    }
    for (connection = service.connections; connection != NULL;
         connection = connection->next, ++i) {
        connections[i] = connection;
        fds[i] = (struct pollfd){.fd = connection->fd,
                                 .events = awaited(connection)};
    }
    fds[i] = (struct pollfd){.fd = service.listener, .events = POLLIN};
    fds[i + 1] = (struct pollfd){.fd = service.wake, .events = POLLIN};
    pthread_mutex_unlock(&service.lock);
    *connections_p = connections;
    *count_p = i;
    return fds;
}

static void serve_once(void)
{
    static int paused; /* the listener, which would be ready all the time */
    connection_t **connections;
    struct pollfd *fds;
    unsigned count, i;
    uint64_t wakes;
    int ready;

    fds = list_descriptors(&connections, &count);
    if (fds == NULL) {
        usleep(10000);
        return;
    }
    if (paused) {
        fds[count].fd = -1;
    }
    ready = poll(fds, count + 2, paused ? ACCEPT_PAUSE_MS : -1);
    paused = 0;
    if (ready > 0) {
        for (i = 0; i < count; ++i) {
            if (fds[i].revents != 0) {
                handle_connection(connections[i], fds[i].revents);
            }
        }
        if (fds[count].revents != 0) {
            paused = (accept_peer() != 0);
        }
        if ((fds[count + 1].revents != 0) &&
            (read(service.wake, &wakes, sizeof(wakes)) < 0)) {
            usleep(1000);
        }
    }
    free(fds);
    free(connections);
    remove_broken();
}

static void *service_thread(void *arg)
{
    (void)arg;
    while (!is_stopping()) {
        serve_once();
    }
    remove_broken();
    return NULL;
}

/* The child of a fork holds no end of its parent's conversations. */
static void leave_in_child(void)
{
    const pthread_mutex_t unlocked = PTHREAD_MUTEX_INITIALIZER;
    connection_t *connection;

    for (connection = service.connections; connection != NULL;
         connection = connection->next) {
        close(connection->fd);
        uct_peervma_ipc_outbox_clear(&connection->outbox);
    }
    if (service.users > 0) {
        close(service.listener);
        close(service.wake);
    }
    /* Whoever held them stayed in the parent. */
    service.lifetime = service.lock = unlocked;
    uct_peervma_ipc_requests_forget();
    service.connections = NULL;
    service.connection_count = 0;
    service.users = 0;
    service.running = 0;
    service.listener = service.wake = -1;
}

/* Under the lock. The application's signals are not for this thread. */
static int start_thread(void)
{
    sigset_t all, before;
    int ret;

    if (service.running) {
        return 0;
    }
    if (service.users == 0) {
        return -ESHUTDOWN;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    ret = -pthread_create(&service.thread, NULL, service_thread, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (ret == 0) {
        pthread_setname_np(service.thread, "peervma-ipc");
        service.running = 1;
    }
    return ret;
}

int uct_peervma_ipc_service_answer(void)
{
    int ret;

    pthread_mutex_lock(&service.lock);
    ret = start_thread();
    pthread_mutex_unlock(&service.lock);
    return ret;
}

static int open_descriptors(void)
{
    static int watches_forks;
    int ret;

    ret = uct_peervma_ipc_token_create(&service.token);
    if (ret != 0) {
        return ret;
    }
    service.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (service.wake < 0) {
        return -errno;
    }
    service.listener = uct_peervma_ipc_listen(&service.token);
    if (service.listener < 0) {
        ret = service.listener;
        close(service.wake);
        return ret;
    }
    if (!watches_forks) {
        watches_forks = (pthread_atfork(NULL, NULL, leave_in_child) == 0);
    }
    return 0;
}

int uct_peervma_ipc_service_start(const uct_peervma_ipc_service_ops_t *ops,
                                  void *arg)
{
    int ret = 0;

    pthread_mutex_lock(&service.lifetime);
    pthread_mutex_lock(&service.lock);
    if (service.users == 0) {
        ret = open_descriptors();
        service.ops = ops;
        service.arg = arg;
    }
    service.users += (ret == 0);
    pthread_mutex_unlock(&service.lock);
    pthread_mutex_unlock(&service.lifetime);
    return ret;
}

/* With no user left nobody starts the thread any more. */
static void end(int running)
{
    if (running) {
        __atomic_store_n(&service.stopping, 1, __ATOMIC_RELEASE);
        wake_thread();
        pthread_join(service.thread, NULL);
    }
    service.ops->dropped(NULL, 0, service.arg);

    pthread_mutex_lock(&service.lock);
    service.running = service.stopping = 0;
    close(service.listener);
    close(service.wake);
    service.listener = service.wake = -1;
    pthread_mutex_unlock(&service.lock);
}

void uct_peervma_ipc_service_stop(void)
{
    int last, running;

    pthread_mutex_lock(&service.lifetime);
    pthread_mutex_lock(&service.lock);
    /* In the child of a fork there is nothing left. */
    last = (service.users > 0) && (--service.users == 0);
    running = service.running;
    pthread_mutex_unlock(&service.lock);
    if (last) {
        end(running);
    }
    pthread_mutex_unlock(&service.lifetime);
}

/* Under the lock, by other threads than the service's: what was put into the
 * outbox waits for that one if there was no room. */
static void leave_to_thread(const connection_t *connection)
{
    if (connection->outbox.waiting != NULL) {
        wake_thread();
    }
}

void uct_peervma_ipc_service_tell_dropped(uint64_t id)
{
    connection_t *connection;

    pthread_mutex_lock(&service.lock);
    for (connection = service.connections; connection != NULL;
         connection = connection->next) {
        if (uct_peervma_ipc_outbox_drop(&connection->outbox, connection->fd,
                                        id) != 0) {
            /* Who cannot be told must not go on: he sees the end. */
            shutdown(connection->fd, SHUT_RDWR);
        }
        leave_to_thread(connection);
    }
    pthread_mutex_unlock(&service.lock);
}

/* Under the lock. */
static connection_t *find_owner(const uct_peervma_ipc_token_t *owner)
{
    connection_t *connection;

    for (connection = service.connections; connection != NULL;
         connection = connection->next) {
        if (connection->to_owner && !connection->broken &&
            uct_peervma_ipc_token_equals(&connection->owner, owner)) {
            break;
        }
    }
    return connection;
}

/* Under the lock: the connection to an owner, made if there is none. */
static int connect_owner(const uct_peervma_ipc_token_t *owner,
                         connection_t **connection_p)
{
    connection_t *connection = find_owner(owner);
    int fd;

    if (connection == NULL) {
        fd = uct_peervma_ipc_connect(owner);
        if (fd < 0) {
            return fd;
        }
        connection = add_connection(fd, owner);
        if (connection == NULL) {
            close(fd);
            return -ENOMEM;
        }
        wake_thread();
    }
    *connection_p = connection;
    return 0;
}

int uct_peervma_ipc_service_request(const uct_peervma_ipc_token_t *owner,
                                    uint64_t id, uint64_t *offset_p)
{
    uct_peervma_ipc_request_t request;
    connection_t *connection;
    int ret;

    pthread_mutex_lock(&service.lock);
    ret = start_thread();
    if (ret == 0) {
        ret = connect_owner(owner, &connection);
    }
    if (ret == 0) {
        uct_peervma_ipc_request_add(&request, connection, id);
        ret = uct_peervma_ipc_outbox_send(&connection->outbox, connection->fd,
                                          UCT_PEERVMA_IPC_GET, id, 0, 0, -1);
        if (ret != 0) {
            uct_peervma_ipc_request_remove(&request);
        }
        leave_to_thread(connection);
    }
    pthread_mutex_unlock(&service.lock);
    if (ret == 0) {
        ret = uct_peervma_ipc_request_await(&request);
    }
    if (ret >= 0) {
        *offset_p = request.offset;
    }
    return ret;
}
