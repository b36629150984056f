/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every way in which UCP moves bytes from a client to a server: tagged
 * messages, streams, active messages, puts, gets and atomics, between host
 * memory and that of the kind DEVICE ("device", or "fake" or "held" for main
 * memory that looks like a dma-buf's), in all sizes and at odd offsets; then
 * tagged messages of several threads at once, by one worker and by one each.
 * SLEEPS=y: the workers sleep until there is something to do. The client prints
 * TAP for both.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "buffer.h"
#include "peer.h"

#define SIZE ((size_t)3 << 20)
#define AM_ID 7
#define THREADS 4
#define THREAD_ROUNDS 12

static const size_t lengths[] = {1, 8, 100, 4099, 65536, 300007, 2097161};
/* LARGEST in the environment of both processes leaves longer ones out. */
static size_t length_count = sizeof(lengths) / sizeof(lengths[0]);

static void report(peer_t *peer, int ok, const char *what, int from, int to)
{
    peer_report(peer, ok, "%s from %s to %s memory", what,
                buffer_kind_names[from], buffer_kind_names[to]);
}

/* One transfer, of both processes. */
typedef struct {
    peer_t *peer;
    buffer_t *buffer; /* this process's */
    char *bytes;      /* in it */
    size_t length;
    uint64_t remote; /* the server's bytes, for those who access them */
    ucp_rkey_h rkey;
} job_t;

static const ucp_request_param_t no_params;

static int await(const job_t *job, void *request)
{
    return peer_wait(job->peer, request) == UCS_OK;
}

static int flush(const job_t *job)
{
    return await(job, ucp_ep_flush_nbx(job->peer->ep, &no_params));
}

static int tag_client(job_t *job)
{
    return peer_send(job->peer, job->bytes, job->length) == UCS_OK;
}

static int tag_server(job_t *job)
{
    return peer_receive(job->peer, job->bytes, job->length) == UCS_OK;
}

static int stream_client(job_t *job)
{
    return await(job, ucp_stream_send_nbx(job->peer->ep, job->bytes,
                                          job->length, &no_params));
}

static int stream_server(job_t *job)
{
    const ucp_request_param_t params = {
        .op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS,
        .flags = UCP_STREAM_RECV_FLAG_WAITALL,
    };
    size_t length;

    return await(job, ucp_stream_recv_nbx(job->peer->ep, job->bytes,
                                          job->length, &length, &params));
}

static int am_client(job_t *job)
{
    return await(job, ucp_am_send_nbx(job->peer->ep, AM_ID, NULL, 0, job->bytes,
                                      job->length, &no_params));
}

/* The message that has come, to be fetched. */
static void *am_data;
static int am_is_rendezvous;

static ucs_status_t am_arrived(void *arg, const void *header,
                               size_t header_length, void *data, size_t length,
                               const ucp_am_recv_param_t *param)
{
    (void)arg;
    (void)header;
    (void)header_length;
    (void)length;
    am_is_rendezvous = (param->recv_attr & UCP_AM_RECV_ATTR_FLAG_RNDV) != 0;
    am_data = data;
    return UCS_INPROGRESS;
}

static int am_server(job_t *job)
{
    void *data;

    while (am_data == NULL) {
        if ((ucp_worker_progress(job->peer->worker) == 0) &&
            job->peer->sleeps) {
            peer_sleep(job->peer);
        }
    }
    data = am_data;
    am_data = NULL;
    if (!am_is_rendezvous) {
        /* UCP leaves an eager message in host memory, and to the program. */
        memcpy(job->bytes, data, job->length);
        ucp_am_data_release(job->peer->worker, data);
        return 1;
    }
    return await(job, ucp_am_recv_data_nbx(job->peer->worker, data, job->bytes,
                                           job->length, &no_params));
}

static int put_client(job_t *job)
{
    return await(job, ucp_put_nbx(job->peer->ep, job->bytes, job->length,
                                  job->remote, job->rkey, &no_params)) &&
           flush(job);
}

static int get_client(job_t *job)
{
    return await(job, ucp_get_nbx(job->peer->ep, job->bytes, job->length,
                                  job->remote, job->rkey, &no_params)) &&
           flush(job);
}

static int passive_server(job_t *job)
{
    (void)job;
    return 1;
}

static const struct way {
    const char *name;
    int (*client)(job_t *job);
    int (*server)(job_t *job);
    int is_rma;
    int is_get; /* the bytes are the server's */
} ways[] = {{"tagged messages", tag_client, tag_server, 0, 0},
            {"streams", stream_client, stream_server, 0, 0},
            {"active messages", am_client, am_server, 0, 0},
            {"puts", put_client, passive_server, 1, 0},
            {"gets", get_client, passive_server, 1, 1}};

#define WAY_COUNT (sizeof(ways) / sizeof(ways[0]))

/* Transfer and check, with the server's memory exposed around it if need be. */
static int run_way(peer_t *peer, const struct way *way, buffer_t *buffer,
                   size_t length, uint32_t seed)
{
    size_t offset = length * (peer->is_client ? 13 : 7) % 4001;
    int is_source = peer->is_client != way->is_get;
    job_t job = {.peer = peer,
                 .buffer = buffer,
                 .bytes = buffer->bytes + offset,
                 .length = length};
    ucp_mem_h memh = NULL;
    int ok;

    buffer_fill(buffer, offset, length, is_source ? seed : ~seed);
    if (way->is_rma && peer->is_client) {
        job.rkey = peer_reach(peer, &job.remote);
    } else if (way->is_rma) {
        memh = peer_expose(peer, buffer->bytes, buffer->size, job.bytes);
    }
    peer_swap(peer, 0);
    ok = peer->is_client ? way->client(&job) : way->server(&job);
    peer_swap(peer, 0);
    if (!is_source && !buffer_holds(buffer, offset, length, seed)) {
        ok = 0;
    }
    if (!ok) {
        printf("# %s of %zu bytes are wrong\n", way->name, length);
    }
    if (job.rkey != NULL) {
        ucp_rkey_destroy(job.rkey);
    }
    if (memh != NULL) {
        ucp_mem_unmap(peer->context, memh);
    }
    return ok;
}

/* The server's word; the CPU looks at it. */
static uint64_t word_at(const char *bytes)
{
    return *(const volatile uint64_t *)(const void *)bytes;
}

static int atomic(job_t *job, ucp_atomic_op_t op, const uint64_t *operand,
                  void *reply)
{
    ucp_request_param_t params = {
        .op_attr_mask = UCP_OP_ATTR_FIELD_DATATYPE,
        .datatype = ucp_dt_make_contig(sizeof(uint64_t)),
    };

    if (reply != NULL) {
        params.op_attr_mask |= UCP_OP_ATTR_FIELD_REPLY_BUFFER;
        params.reply_buffer = reply;
    }
    return await(job, ucp_atomic_op_nbx(job->peer->ep, op, operand, 1,
                                        job->remote, job->rkey, &params)) &&
           flush(job);
}

/* Replies are in the client's memory of either kind, words in the server's. */
static int run_atomics(peer_t *peer, buffer_t *buffer)
{
    static const uint64_t three = 3, four = 4;
    job_t job = {.peer = peer, .buffer = buffer, .bytes = buffer->bytes + 64};
    uint64_t first;
    ucp_mem_h memh;
    int ok;

    buffer_fill(buffer, 64, sizeof(uint64_t), 9);
    if (!peer->is_client) {
        memh = peer_expose(peer, buffer->bytes, buffer->size, job.bytes);
        first = word_at(job.bytes);
        peer_swap(peer, first);
        peer_swap(peer, 0);
        ok = word_at(job.bytes) == first + three + four;
        ucp_mem_unmap(peer->context, memh);
        return ok;
    }
    job.rkey = peer_reach(peer, &job.remote);
    first = peer_swap(peer, 0);
    ok = atomic(&job, UCP_ATOMIC_OP_ADD, &three, NULL) &&
         atomic(&job, UCP_ATOMIC_OP_ADD, &four, job.bytes) &&
         (word_at(job.bytes) == first + three);
    peer_swap(peer, 0);
    ucp_rkey_destroy(job.rkey);
    return ok;
}

static pthread_barrier_t together;

typedef struct {
    peer_t *peer;
    buffer_t buffer;
    unsigned number;
    int moves; /* its buffer, before each message */
    int ok;
    peer_t own;
} thread_t;

/* Elsewhere, where nothing was. */
static void move(buffer_t *buffer)
{
    char *address =
        mmap(NULL, buffer->size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (address == MAP_FAILED) {
        peer_die("out of memory");
    }
    buffer_move(buffer, address);
}

/* Its messages have a tag of their own. Threads of one worker progress for each
 * other. */
static void *run_thread(void *arg)
{
    thread_t *thread = arg;
    peer_t *peer = thread->peer;
    uint64_t tag = 100 + thread->number;
    unsigned round;
    void *request;
    size_t length;

    thread->ok = 1;
    pthread_barrier_wait(&together);
    for (round = 0; round < THREAD_ROUNDS; ++round) {
        length = lengths[(round + thread->number) % length_count];
        if (thread->moves) {
            move(&thread->buffer);
        }
        if (peer->is_client == (int)(round % 2)) {
            buffer_fill(&thread->buffer, 3, length, round + 1);
            request = ucp_tag_send_nbx(peer->ep, thread->buffer.bytes + 3,
                                       length, tag, &no_params);
            thread->ok &= peer_wait(peer, request) == UCS_OK;
        } else {
            request = ucp_tag_recv_nbx(peer->worker, thread->buffer.bytes + 3,
                                       length, tag, ~UINT64_C(0), &no_params);
            thread->ok &= (peer_wait(peer, request) == UCS_OK) &&
                          buffer_holds(&thread->buffer, 3, length, round + 1);
        }
    }
    return NULL;
}

static int run_all(thread_t *threads, void *(*run)(void *arg))
{
    pthread_t ids[THREADS];
    unsigned i;
    int ok = 1;

    pthread_barrier_init(&together, NULL, THREADS);
    for (i = 0; i < THREADS; ++i) {
        threads[i].number = i;
        if (pthread_create(&ids[i], NULL, run, &threads[i]) != 0) {
            peer_die("no thread");
        }
    }
    for (i = 0; i < THREADS; ++i) {
        pthread_join(ids[i], NULL);
        ok &= threads[i].ok;
    }
    pthread_barrier_destroy(&together);
    return ok;
}

static int run_threads(peer_t *peer, thread_t *threads)
{
    unsigned i;

    /* One would sleep while another has progressed what it waits for. */
    peer->sleeps = 0;
    for (i = 0; i < THREADS; ++i) {
        threads[i].peer = peer;
        threads[i].moves = 0;
    }
    return run_all(threads, run_thread);
}

/* WORKERS in the environment: how many are made, of which the last stays. */
static void *create_worker(void *arg)
{
    const char *workers = getenv("WORKERS");
    unsigned count = (workers != NULL) ? (unsigned)atoi(workers) : 1;
    peer_t *own = &((thread_t *)arg)->own;

    pthread_barrier_wait(&together);
    for (; count > 1; --count) {
        peer_create_worker(own);
        ucp_worker_destroy(own->worker);
    }
    peer_create_worker(own);
    return NULL;
}

static int run_workers(peer_t *peer, thread_t *threads)
{
    unsigned i;
    int ok;

    for (i = 0; i < THREADS; ++i) {
        threads[i].own = *peer;
        threads[i].peer = &threads[i].own;
        threads[i].moves = 1;
    }
    run_all(threads, create_worker);
    for (i = 0; i < THREADS; ++i) {
        peer_create_endpoint(&threads[i].own);
    }
    ok = run_all(threads, run_thread);
    for (i = 0; i < THREADS; ++i) {
        peer_destroy_worker(&threads[i].own);
    }
    return ok;
}

static void run_combination(peer_t *peer, buffer_t *buffer, int from, int to)
{
    size_t way, i;
    int ok;

    for (way = 0; way < WAY_COUNT; ++way) {
        ok = 1;
        for (i = 0; i < length_count; ++i) {
            ok &=
                run_way(peer, &ways[way], buffer, lengths[i], (uint32_t)i + 1);
        }
        report(peer, ok, ways[way].name, from, to);
    }
    report(peer, run_atomics(peer, buffer), "atomics", from, to);
}

static void set_up(peer_t *peer)
{
    const ucp_am_handler_param_t handler = {
        .field_mask = UCP_AM_HANDLER_PARAM_FIELD_ID |
                      UCP_AM_HANDLER_PARAM_FIELD_FLAGS |
                      UCP_AM_HANDLER_PARAM_FIELD_CB,
        .id = AM_ID,
        .flags = UCP_AM_FLAG_WHOLE_MSG | UCP_AM_FLAG_PERSISTENT_DATA,
        .cb = am_arrived,
    };

    peer->features = UCP_FEATURE_TAG | UCP_FEATURE_STREAM | UCP_FEATURE_AM |
                     UCP_FEATURE_RMA | UCP_FEATURE_AMO64;
    peer->thread_mode = UCS_THREAD_MODE_MULTI;
    peer_start(peer);
    if (ucp_worker_set_am_recv_handler(peer->worker, &handler) != UCS_OK) {
        peer_die("no handler");
    }
}

int main(int argc, char **argv)
{
    const char *largest = getenv("LARGEST"), *device = getenv("DEVICE");
    buffer_kind_t kinds[2] = {BUFFER_HOST, BUFFER_DEVICE};
    thread_t threads[2][THREADS];
    buffer_t buffers[2];
    int kind, from, to;
    peer_t peer;
    unsigned i;

    while ((largest != NULL) && (length_count > 1) &&
           (lengths[length_count - 1] > strtoull(largest, NULL, 0))) {
        --length_count;
    }
    if (device != NULL) {
        kinds[1] = buffer_kind_of(device);
    }
    peer_connect(&peer, argc, argv);
    /* Before UCX starts, which would take a file that is mapped later, as fake
     * memory is, for host memory. */
    for (kind = 0; kind < 2; ++kind) {
        buffer_create(&buffers[kind], kinds[kind], SIZE);
        for (i = 0; i < THREADS; ++i) {
            buffer_create(&threads[kind][i].buffer, kinds[kind], SIZE);
        }
    }
    set_up(&peer);
    if (peer.is_client) {
        printf("1..%zu\n", 4 * (WAY_COUNT + 1) + 4);
    }
    for (from = 0; from < 2; ++from) {
        for (to = 0; to < 2; ++to) {
            run_combination(&peer, &buffers[peer.is_client ? from : to],
                            kinds[from], kinds[to]);
        }
    }
    for (kind = 0; kind < 2; ++kind) {
        report(&peer, run_threads(&peer, threads[kind]),
               "messages of four threads at once", kinds[kind], kinds[kind]);
        report(&peer, run_workers(&peer, threads[kind]),
               "messages of four workers at once", kinds[kind], kinds[kind]);
    }
    peer_finish(&peer);
    return 0;
}
