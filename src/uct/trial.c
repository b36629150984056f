/* SPDX-License-Identifier: BSD-3-Clause */
#include "trial.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "explain.h"
#include "nics.h"
#include "stats.h"
#include "tls.h"
#include "verdict.h"

struct uct_peervma_trial {
    peervma_context_t *context;
    uct_peervma_verdicts_t *verdicts;
    pthread_mutex_t lock; /* of one trial at a time */
    int with_nics;
    const uct_peervma_selection_t *selection;
    uct_peervma_nics_t *nics; /* NULL until the first trial */
};

uct_peervma_trial_t *uct_peervma_trial_create(
    peervma_context_t *context, int with_nics,
    const uct_peervma_selection_t *selection)
{
    uct_peervma_trial_t *trial = calloc(1, sizeof(*trial));

    if (trial == NULL) {
        return NULL;
    }
    trial->verdicts = uct_peervma_verdicts_create();
    if (trial->verdicts == NULL) {
        free(trial);
        return NULL;
    }
    pthread_mutex_init(&trial->lock, NULL);
    trial->context = context;
    trial->with_nics = with_nics && uct_peervma_has_rdma(selection->transports);
    trial->selection = selection;
    return trial;
}

void uct_peervma_trial_destroy(uct_peervma_trial_t *trial)
{
    if (trial->nics != NULL) {
        uct_peervma_nics_close(trial->nics);
    }
    uct_peervma_verdicts_destroy(trial->verdicts);
    pthread_mutex_destroy(&trial->lock);
    free(trial);
}

static uct_peervma_nics_t *open_nics(uct_peervma_trial_t *trial)
{
    uct_peervma_verbs_t verbs;

    if (trial->with_nics && (trial->nics == NULL)) {
        if (uct_peervma_verbs_find(&verbs) == 0) {
            trial->nics =
                uct_peervma_nics_open(&verbs, trial->selection->net_devices);
        } else {
            trial->with_nics = 0;
        }
    }
    return trial->nics;
}

static uct_peervma_verdict_t try_nics(uct_peervma_trial_t *trial,
                                      const peervma_region_t *region,
                                      const peervma_export_t *export)
{
    uct_peervma_nics_t *nics = open_nics(trial);
    const char *name;
    int ret;

    if (nics == NULL) {
        return UCT_PEERVMA_VERDICT_ZERO_COPY;
    }
    ret = uct_peervma_nics_try(nics, export->fd, export->offset, region->length,
                               (const void *)region->base, &name);
    if (ret != 0) {
        uct_peervma_explain_nic(region, name, ret);
        return UCT_PEERVMA_VERDICT_STAGED;
    }
    return UCT_PEERVMA_VERDICT_ZERO_COPY;
}

static uct_peervma_verdict_t try_region(uct_peervma_trial_t *trial,
                                        const peervma_region_t *region)
{
    const void *address = (const void *)region->base;
    uct_peervma_verdict_t verdict;
    peervma_refusals_t refusals;
    peervma_export_t export;
    int ret;

    uct_peervma_stat_add(UCT_PEERVMA_STAT_REGIONS_TRIED, 1);
    ret = peervma_region_export(trial->context, address, region->length,
                                &export, &refusals);
    if (ret != 0) {
        uct_peervma_stat_add(UCT_PEERVMA_STAT_DMABUF_REFUSED, 1);
        uct_peervma_explain_refused(address, region->length, ret, &refusals);
        return UCT_PEERVMA_VERDICT_STAGED;
    }
    verdict = try_nics(trial, region, &export);
    close(export.fd);
    return verdict;
}

int uct_peervma_trial_is_staged(uct_peervma_trial_t *trial,
                                const peervma_region_t *region)
{
    uct_peervma_verdict_t verdict;

    verdict = uct_peervma_verdict_get(trial->verdicts, region);
    if (verdict != UCT_PEERVMA_VERDICT_NONE) {
        return verdict == UCT_PEERVMA_VERDICT_STAGED;
    }

    pthread_mutex_lock(&trial->lock);
    verdict = uct_peervma_verdict_get(trial->verdicts, region);
    if (verdict == UCT_PEERVMA_VERDICT_NONE) {
        verdict = try_region(trial, region);
        uct_peervma_verdict_set(trial->verdicts, region, verdict);
        if (verdict == UCT_PEERVMA_VERDICT_STAGED) {
            uct_peervma_stat_add(UCT_PEERVMA_STAT_REGIONS_STAGED, 1);
        }
    }
    pthread_mutex_unlock(&trial->lock);
    return verdict == UCT_PEERVMA_VERDICT_STAGED;
}

void uct_peervma_trial_refuse(uct_peervma_trial_t *trial,
                              const peervma_region_t *region)
{
    uct_peervma_stat_add(UCT_PEERVMA_STAT_REGIONS_STAGED, 1);
    uct_peervma_verdict_set(trial->verdicts, region,
                            UCT_PEERVMA_VERDICT_STAGED);
}
