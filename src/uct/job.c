/* SPDX-License-Identifier: BSD-3-Clause */
#include "job.h"

#include "config.h"

#ifdef HAVE_PMIX

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <pmix.h>

#include "explain.h"

/* PMIx keeps names that begin with "pmix" for itself. */
#define KEY "peervma.plugin"
/* The sonames of Open MPI 4 and 5, and of PMIx 4 and 5. */
#define OPEN_MPI "libmpi.so.40"
#define PMIX "libpmix.so.2"
/* As mpi.h has it. */
#define MPI_MAX_LIBRARY_VERSION_STRING 256
/* PMIx answers at once what it has in this process. If its thread is gone, as
 * in a child after fork(), it never does. */
#define GIVE_UP_S 2
#define NODE_MAX 256

/* What is used of the PMIx of this process. */
static struct {
    int (*initialized)(void);
    pmix_status_t (*init)(pmix_proc_t *proc, pmix_info_t info[], size_t count);
    pmix_status_t (*finalize)(const pmix_info_t info[], size_t count);
    pmix_status_t (*put)(pmix_scope_t scope, const char key[],
                         pmix_value_t *value);
    pmix_status_t (*get_nb)(const pmix_proc_t *proc, const char key[],
                            const pmix_info_t info[], size_t count,
                            pmix_value_cbfunc_t done, void *arg);
} pmix;

/* Whoever asks and PMIx share it: it lives until both are done. */
typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t answered;
    int users;
    int found;
    uint32_t number;
    char text[NODE_MAX];
} question_t;

static struct {
    pthread_mutex_t lock; /* over a check; PMIx's thread never takes it */
    pmix_proc_t self;
    char address_key[64]; /* under which MPI leaves the addresses for UCX */
    uint32_t size;        /* of the job */
    char *is_known;       /* of each rank, whether it has the plugin */
    unsigned checks;
} job = {.lock = PTHREAD_MUTEX_INITIALIZER};

static atomic_int seen, asks;

static void question_put(question_t *question)
{
    int users;

    pthread_mutex_lock(&question->lock);
    users = --question->users;
    pthread_cond_signal(&question->answered);
    pthread_mutex_unlock(&question->lock);
    if (users == 0) {
        pthread_mutex_destroy(&question->lock);
        pthread_cond_destroy(&question->answered);
        free(question);
    }
}

/* In PMIx's thread. */
static void answer(pmix_status_t status, pmix_value_t *value, void *arg)
{
    question_t *question = arg;

    question->found = (status == PMIX_SUCCESS) && (value != NULL);
    if (question->found) {
        switch (value->type) {
        case PMIX_STRING:
            snprintf(question->text, sizeof(question->text), "%s",
                     value->data.string);
            break;
        case PMIX_UINT16:
            question->number = value->data.uint16;
            break;
        case PMIX_UINT32:
            question->number = value->data.uint32;
            break;
        default:
            break;
        }
    }
    question_put(question);
}

static void wait_for_answer(question_t *question)
{
    struct timespec end;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += GIVE_UP_S;
    pthread_mutex_lock(&question->lock);
    while ((question->users > 1) &&
           (pthread_cond_timedwait(&question->answered, &question->lock,
                                   &end) == 0)) {
    }
    pthread_mutex_unlock(&question->lock);
}

/*
 * What this process has of a rank's, and nothing else: to ask a server while
 * MPI does can leave MPI without its answer (PRRTE 3.0). Nothing found, or PMIx
 * does not answer: 0.
 */
static int get(pmix_rank_t rank, const char *key, uint32_t *number_p,
               char text[NODE_MAX])
{
    pmix_info_t here = {.key = PMIX_OPTIONAL,
                        .value = {.type = PMIX_BOOL, .data = {.flag = true}}};
    question_t *question = calloc(1, sizeof(*question));
    pmix_proc_t proc = job.self;
    int found;

    if (question == NULL) {
        return 0;
    }
    pthread_mutex_init(&question->lock, NULL);
    pthread_cond_init(&question->answered, NULL);
    question->users = 2;
    proc.rank = rank;
    if (pmix.get_nb(&proc, key, &here, 1, answer, question) != PMIX_SUCCESS) {
        question_put(question);
    }
    wait_for_answer(question);
    pthread_mutex_lock(&question->lock);
    if (question->users > 1) {
        asks = 0; /* nor will it answer the next */
    }
    found = (question->users == 1) && question->found;
    if (found && (number_p != NULL)) {
        *number_p = question->number;
    }
    if (found && (text != NULL)) {
        memcpy(text, question->text, NODE_MAX);
    }
    pthread_mutex_unlock(&question->lock);
    question_put(question);
    return found;
}

/*
 * Is this process in MPI_Init()? What is left with PMIx later MPI hands on to
 * nobody, and what is left before comes before PMIx is there. MPI's addresses
 * for UCX are left under a name with the version of Open MPI.
 */
static int is_in_mpi_init(void)
{
    void *library = dlopen(OPEN_MPI, RTLD_NOLOAD | RTLD_LAZY);
    int (*initialized)(int *flag_p), (*version)(char *text, int *length_p);
    char text[MPI_MAX_LIBRARY_VERSION_STRING];
    int flag, length, major, minor;

    if (library == NULL) {
        return 0;
    }
    *(void **)&initialized = dlsym(library, "MPI_Initialized");
    *(void **)&version = dlsym(library, "MPI_Get_library_version");
    if ((initialized == NULL) || (version == NULL) ||
        (initialized(&flag) != 0) || flag || (version(text, &length) != 0) ||
        (sscanf(text, "Open MPI v%d.%d", &major, &minor) != 2)) {
        return 0;
    }
    snprintf(job.address_key, sizeof(job.address_key), "pml.ucx.%d.%d", major,
             minor);
    return 1;
}

static int load_pmix(void)
{
    void *library = dlopen(PMIX, RTLD_NOLOAD | RTLD_LAZY);

    if (library == NULL) {
        return 0;
    }
    *(void **)&pmix.initialized = dlsym(library, "PMIx_Initialized");
    *(void **)&pmix.init = dlsym(library, "PMIx_Init");
    *(void **)&pmix.finalize = dlsym(library, "PMIx_Finalize");
    *(void **)&pmix.put = dlsym(library, "PMIx_Put");
    *(void **)&pmix.get_nb = dlsym(library, "PMIx_Get_nb");
    return (pmix.initialized != NULL) && (pmix.init != NULL) &&
           (pmix.finalize != NULL) && (pmix.put != NULL) &&
           (pmix.get_nb != NULL) && pmix.initialized();
}

void uct_peervma_job_publish(void)
{
    pmix_value_t value = {.type = PMIX_STRING,
                          .data = {.string = PACKAGE_VERSION}};
    uint32_t local_rank;

    /* Of several workers of MPI's the first is created in MPI_Init(). */
    if (atomic_exchange(&seen, 1) || !is_in_mpi_init() || !load_pmix()) {
        return;
    }
    /* PMIx counts who has initialized it: this is how to learn who we are. */
    if (pmix.init(&job.self, NULL, 0) != PMIX_SUCCESS) {
        return;
    }
    pmix.finalize(NULL, 0);
    if (pmix.put(PMIX_GLOBAL, KEY, &value) != PMIX_SUCCESS) {
        return;
    }
    /* One process of a node is enough to tell. */
    if (get(job.self.rank, PMIX_LOCAL_RANK, &local_rank, NULL) &&
        (local_rank == 0) &&
        get(PMIX_RANK_WILDCARD, PMIX_JOB_SIZE, &job.size, NULL)) {
        job.is_known = calloc(job.size, 1);
        asks = (job.is_known != NULL);
    }
}

/* Is it one of those in "a, b, c"? */
static int is_named(const char *names, const char *node)
{
    size_t length = strlen(node);
    const char *found = names;

    while ((found = strstr(found, node)) != NULL) {
        if (((found == names) || (found[-1] == ' ')) &&
            ((found[length] == '\0') || (found[length] == ','))) {
            return 1;
        }
        found += length;
    }
    return 0;
}

/* Of very many nodes the first are named. */
static void add_name(char *names, size_t size, const char *node)
{
    if (!is_named(names, node) &&
        (strlen(names) + strlen(node) + strlen(", ") < size)) {
        strcat(strcat(names, (names[0] != '\0') ? ", " : ""), node);
    }
}

/* What a rank has left is here as soon as MPI has its address. */
static void check_all(void)
{
    char names[512] = "", node[NODE_MAX];
    uint32_t rank;

    for (rank = 0; (rank < job.size) && asks; ++rank) {
        if (job.is_known[rank] || !get(rank, job.address_key, NULL, NULL)) {
            continue;
        }
        job.is_known[rank] = 1;
        if (!get(rank, KEY, NULL, NULL) && asks &&
            get(rank, PMIX_HOSTNAME, NULL, node)) {
            add_name(names, sizeof(names), node);
        }
    }
    if (names[0] != '\0') {
        uct_peervma_explain_lacking(names);
    }
}

void uct_peervma_job_check(int is_last)
{
    if (!asks) {
        return;
    }
    pthread_mutex_lock(&job.lock);
    job.checks += !is_last;
    if ((is_last ? (job.checks > 0) : ((job.checks & (job.checks - 1)) == 0)) &&
        pmix.initialized()) {
        check_all();
    }
    pthread_mutex_unlock(&job.lock);
}

#else

void uct_peervma_job_publish(void)
{
}

void uct_peervma_job_check(int is_last)
{
    (void)is_last;
}

#endif
