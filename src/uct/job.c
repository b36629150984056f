/* SPDX-License-Identifier: BSD-3-Clause */
#include "job.h"

#include "config.h"

#ifdef HAVE_PMIX

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
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
/* For that long PMIx waits for a process that has not left word. */
#define ANSWER_S 3
/* PMIx itself answers within its time; should it not, go on without. */
#define GIVE_UP_S (2 * ANSWER_S)

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
    pmix_status_t (*resolve_nodes)(const char *nspace, char **nodes_p);
    pmix_status_t (*resolve_peers)(const char *node, const char *nspace,
                                   pmix_proc_t **procs_p, size_t *count_p);
} pmix;

static pmix_proc_t self;
static atomic_int seen, published, checked, answered;

/* A node and its first process. */
typedef struct {
    struct survey *survey;
    const char *node;
    pmix_proc_t first;
    int has;
} question_t;

/* Lives until the last answer is there, whoever still waits for it. */
typedef struct survey {
    pthread_mutex_t lock;
    pthread_cond_t all_answered;
    char *nodes;
    unsigned count;
    unsigned users; /* questions that are open, and who asks */
    question_t question[];
} survey_t;

/*
 * Is this process in MPI_Init()? What is left with PMIx later MPI hands on to
 * nobody, and what is left before comes before PMIx is there.
 */
static int is_in_mpi_init(void)
{
    void *library = dlopen(OPEN_MPI, RTLD_NOLOAD | RTLD_LAZY);
    int (*initialized)(int *flag_p);
    int flag = 1;

    if (library != NULL) {
        *(void **)&initialized = dlsym(library, "MPI_Initialized");
        if (initialized != NULL) {
            initialized(&flag);
        }
    }
    return !flag;
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
    *(void **)&pmix.resolve_nodes = dlsym(library, "PMIx_Resolve_nodes");
    *(void **)&pmix.resolve_peers = dlsym(library, "PMIx_Resolve_peers");
    return (pmix.initialized != NULL) && (pmix.init != NULL) &&
           (pmix.finalize != NULL) && (pmix.put != NULL) &&
           (pmix.get_nb != NULL) && (pmix.resolve_nodes != NULL) &&
           (pmix.resolve_peers != NULL) && pmix.initialized();
}

void uct_peervma_job_publish(void)
{
    pmix_value_t value = {.type = PMIX_STRING,
                          .data = {.string = PACKAGE_VERSION}};

    /* Of several workers of MPI's the first is created in MPI_Init(). */
    if (atomic_exchange(&seen, 1) || !is_in_mpi_init() || !load_pmix()) {
        return;
    }
    /* PMIx counts who has initialized it: this is how to learn who we are. */
    if (pmix.init(&self, NULL, 0) == PMIX_SUCCESS) {
        pmix.finalize(NULL, 0);
        published = (pmix.put(PMIX_GLOBAL, KEY, &value) == PMIX_SUCCESS);
    }
}

static void survey_put(survey_t *survey)
{
    unsigned users;

    pthread_mutex_lock(&survey->lock);
    users = --survey->users;
    if (users == 1) {
        pthread_cond_signal(&survey->all_answered);
    }
    pthread_mutex_unlock(&survey->lock);
    if (users == 0) {
        pthread_mutex_destroy(&survey->lock);
        pthread_cond_destroy(&survey->all_answered);
        free(survey->nodes);
        free(survey);
    }
}
static void answered_by(pmix_status_t status, pmix_value_t *value, void *arg)
{
    question_t *question = arg;

    (void)value;
    question->has = (status == PMIX_SUCCESS);
    survey_put(question->survey);
}

static void ask(question_t *question)
{
    pmix_info_t wait = {
        .key = PMIX_TIMEOUT,
        .value = {.type = PMIX_INT, .data = {.integer = ANSWER_S}}};
    pmix_status_t status;

    status =
        pmix.get_nb(&question->first, KEY, &wait, 1, answered_by, question);
    if (status != PMIX_SUCCESS) {
        answered_by(status, NULL, question);
    }
}

/* Who is the first on the node; also if that is not in the job any more. */
static int find_first(const char *node, pmix_proc_t *first_p, int *is_ours_p)
{
    pmix_proc_t *procs = NULL;
    size_t count = 0, i;

    *is_ours_p = 0;
    if ((pmix.resolve_peers(node, self.nspace, &procs, &count) !=
         PMIX_SUCCESS) ||
        (count == 0)) {
        return 0;
    }
    *first_p = procs[0];
    for (i = 0; i < count; ++i) {
        if (procs[i].rank < first_p->rank) {
            *first_p = procs[i];
        }
        *is_ours_p |= (procs[i].rank == self.rank);
    }
    free(procs);
    return 1;
}

static unsigned count_names(const char *list)
{
    unsigned count = 1;

    while ((list = strchr(list, ',')) != NULL) {
        ++list;
        ++count;
    }
    return count;
}

/* NULL if PMIx does not tell, or if it is another's of this node to ask. */
static survey_t *survey_create(void)
{
    char *nodes, *node, *rest;
    survey_t *survey;
    int is_ours, is_first = 0;

    if ((pmix.resolve_nodes(self.nspace, &nodes) != PMIX_SUCCESS) ||
        (nodes == NULL)) {
        return NULL;
    }
    survey = calloc(1, sizeof(*survey) +
                           count_names(nodes) * sizeof(survey->question[0]));
    if (survey == NULL) {
        free(nodes);
        return NULL;
    }
    pthread_mutex_init(&survey->lock, NULL);
    pthread_cond_init(&survey->all_answered, NULL);
    survey->nodes = nodes;
    survey->users = 1;
    for (node = strtok_r(nodes, ",", &rest); node != NULL;
         node = strtok_r(NULL, ",", &rest)) {
        question_t *question = &survey->question[survey->count];

        if (find_first(node, &question->first, &is_ours)) {
            question->survey = survey;
            question->node = node;
            is_first |= is_ours && (question->first.rank == self.rank);
            ++survey->count;
        }
    }
    if (!is_first) {
        survey_put(survey);
        return NULL;
    }
    return survey;
}

static void survey_hold(survey_t *survey)
{
    struct timespec end;
    unsigned i;

    survey->users += survey->count; /* nobody else has it yet */
    for (i = 0; i < survey->count; ++i) {
        ask(&survey->question[i]);
    }
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += GIVE_UP_S;
    pthread_mutex_lock(&survey->lock);
    while ((survey->users > 1) &&
           (pthread_cond_timedwait(&survey->all_answered, &survey->lock,
                                   &end) == 0)) {
    }
    answered = (survey->users == 1);
    pthread_mutex_unlock(&survey->lock);
}

/* Of very many nodes the first are named. */
static void survey_tell(const survey_t *survey)
{
    char names[256] = "";
    unsigned i, lacking = 0;

    for (i = 0; i < survey->count; ++i) {
        const question_t *question = &survey->question[i];

        if (question->has) {
            continue;
        }
        if (strlen(names) + strlen(question->node) + 3 < sizeof(names)) {
            strcat(strcat(names, (lacking > 0) ? ", " : ""), question->node);
        }
        ++lacking;
    }
    if (lacking > 0) {
        uct_peervma_explain_lacking(names, lacking);
    }
}

int uct_peervma_job_check(void)
{
    survey_t *survey;

    if (!published || atomic_exchange(&checked, 1)) {
        return answered;
    }
    survey = survey_create();
    if (survey == NULL) {
        return 0;
    }
    survey_hold(survey);
    if (answered) {
        survey_tell(survey);
    }
    survey_put(survey);
    return answered;
}

#else

void uct_peervma_job_publish(void)
{
}

int uct_peervma_job_check(void)
{
    return 0;
}

#endif
