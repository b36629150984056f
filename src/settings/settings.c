/* SPDX-License-Identifier: BSD-3-Clause */
#include "settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "list.h"
#include "nics.h"
#include "user.h"

#define TRANSPORT "pvma_copy"
#define UCX_TLS "UCX_TLS"
#define UCX_NET_DEVICES "UCX_NET_DEVICES"
#define OMPI_PML "OMPI_MCA_pml"

/* What /etc/openmpi/openmpi-mca-params.conf of Debian and Ubuntu says. */
#define DEBIAN_PML "^ucx"

typedef struct rule {
    peervma_setting_t setting;
    enum { ALWAYS, WITH_DEBIAN_PML, WITH_SOFT_ROCE, SOFT_ROCE_NAMES } when;
} rule_t;

static const rule_t rules[] = {
    {{"UCX_MEMTYPE_REG_WHOLE_ALLOC_TYPES", "cuda,ze-device",
      "UCX registers a device mapping once, not once a message size"},
     ALWAYS},
    {{OMPI_PML, "",
      "Debian's default excludes UCX (pml = " DEBIAN_PML "), which alone "
      "knows device memory"},
     WITH_DEBIAN_PML},
    {{"OMPI_MCA_opal_common_ucx_tls", "any",
      "Open MPI prefers UCX on all nodes, whatever network they have"},
     ALWAYS},
    {{"OMPI_MCA_opal_common_ucx_devices", "any",
      "Open MPI prefers UCX with any make of NIC, and without one"},
     ALWAYS},
    {{"OMPI_MCA_opal_common_ucx_opal_mem_hooks", "0",
      "UCX's own hooks tell the plugin of mmap and munmap, Open MPI's don't"},
     ALWAYS},
    {{UCX_TLS, "^ud_verbs,ud_verbs:aux",
      "UCX drops Soft-RoCE's unreliable datagrams"},
     WITH_SOFT_ROCE},
    {{UCX_NET_DEVICES, "",
      "connect by the Ethernet device that Soft-RoCE is on, and no other"},
     SOFT_ROCE_NAMES},
    {{"UCX_RNDV_THRESH", "8k",
      "UCX's estimate for Soft-RoCE is against zero-copy of any size"},
     WITH_SOFT_ROCE},
    {{"UCX_RNDV_SCHEME", "get_zcopy",
      "UCX's estimate for Soft-RoCE is against zero-copy of any size"},
     WITH_SOFT_ROCE},
    {{"UCX_RC_TIMEOUT", "60ms",
      "Soft-RoCE loses read responses, and waits this long to ask again"},
     WITH_SOFT_ROCE},
};

#define RULES (sizeof(rules) / sizeof(rules[0]))

_Static_assert(RULES <= PEERVMA_SETTINGS_MAX, "PEERVMA_SETTINGS_MAX");
_Static_assert(PEERVMA_NICS_NAMES_MAX <= PEERVMA_SETTINGS_VALUE_MAX,
               "PEERVMA_SETTINGS_VALUE_MAX");

static bool variable_is(const char *name, const char *const *words)
{
    const char *value = getenv(name);

    for (; (value != NULL) && (*words != NULL); ++words) {
        if (strcasecmp(value, *words) == 0) {
            return true;
        }
    }
    return false;
}

static bool variable_is_no(const char *name)
{
    static const char *const words[] = {"n", "no", "off", "0", NULL};

    return variable_is(name, words);
}

static bool variable_is_yes(const char *name)
{
    static const char *const words[] = {"y", "yes", "on", "1", NULL};

    return variable_is(name, words);
}

/* The transport that zero-copy over Soft-RoCE needs, by all its names. */
static const char *const rc_words[] = {"rc_verbs", "rc_v", "rc", "ib", NULL};
static const char *const plugin_words[] = {TRANSPORT, NULL};
static const char *const ompi_words[] = {"ucx", NULL};

/* The user's choice, if there is one. */
static bool user_selects(const peervma_user_t *user, const char *const *words)
{
    return (user->source == PEERVMA_USER_NONE) || (user->value[0] == '\0') ||
           peervma_list_selects(user->value, words);
}

static bool is_debian_pml(const peervma_user_t *user)
{
    return (user->source == PEERVMA_USER_SYSTEM) &&
           (strcmp(user->value, DEBIAN_PML) == 0);
}

static const peervma_user_t *user_find(const peervma_user_t *users,
                                       const char *name)
{
    while (strcmp(users->name, name) != 0) {
        ++users;
    }
    return users;
}

/*
 * Where the user chose other devices or transports there is nothing to set for
 * Soft-RoCE, and UCX complains of settings that nothing asked for.
 */
static bool soft_roce_in_use(const peervma_nics_t *nics,
                             const peervma_user_t *users)
{
    char name[PEERVMA_NICS_NAMES_MAX];
    const char *const words[] = {name, NULL};

    if (nics->hardware || (nics->soft_roce[0] == '\0')) {
        return false;
    }
    strcpy(name, nics->soft_roce);
    name[strcspn(name, ",")] = '\0';
    return user_selects(user_find(users, UCX_NET_DEVICES), words) &&
           user_selects(user_find(users, UCX_TLS), rc_words);
}

/* What the user's wishes mean beyond the variables that he set. */
static void user_wishes(const peervma_user_t *users,
                        peervma_settings_t *settings)
{
    const peervma_user_t *pml = user_find(users, OMPI_PML);
    const peervma_user_t *tls = user_find(users, UCX_TLS);

    settings->mpi_without_ucx =
        !is_debian_pml(pml) && !user_selects(pml, ompi_words);
    if (!user_selects(tls, plugin_words)) {
        snprintf(settings->warning, sizeof(settings->warning),
                 UCX_TLS "=%s leaves out " TRANSPORT
                         ": device memory will be taken for host memory",
                 tls->value);
    }
}

static bool rule_applies(const rule_t *rule, const peervma_user_t *user,
                         bool soft_roce)
{
    if (rule->when == WITH_DEBIAN_PML) {
        return is_debian_pml(user);
    }
    return (user->source == PEERVMA_USER_NONE) &&
           ((rule->when == ALWAYS) || soft_roce);
}

bool peervma_settings_selects_plugin(const char *transports)
{
    return (transports[0] == '\0') ||
           peervma_list_selects(transports, plugin_words);
}

void peervma_settings_decide(const char *root, peervma_settings_t *settings_p)
{
    peervma_setting_t *setting;
    peervma_user_t users[RULES];
    peervma_nics_t nics;
    bool soft_roce;
    unsigned i;

    memset(settings_p, 0, sizeof(*settings_p));
    if (variable_is_no("PEERVMA_SETTINGS")) {
        return;
    }
    for (i = 0; i < RULES; ++i) {
        users[i].name = rules[i].setting.name;
    }
    peervma_user_look(root, users, RULES);
    peervma_nics_look(root, &nics);
    user_wishes(users, settings_p);
    soft_roce = soft_roce_in_use(&nics, users);
    for (i = 0; i < RULES; ++i) {
        if (rule_applies(&rules[i], &users[i], soft_roce)) {
            setting = &settings_p->setting[settings_p->count++];
            *setting = rules[i].setting;
            if (rules[i].when == SOFT_ROCE_NAMES) {
                strcpy(setting->value, nics.soft_roce);
            }
        }
    }
}

int peervma_settings_apply(const peervma_settings_t *settings)
{
    unsigned i;

    for (i = 0; i < settings->count; ++i) {
        if (setenv(settings->setting[i].name, settings->setting[i].value, 0)) {
            return -errno;
        }
    }
    return 0;
}

bool peervma_process_speaks(void)
{
    static const char *const ranks[] = {"PMIX_RANK", "OMPI_COMM_WORLD_RANK",
                                        "PMI_RANK", "SLURM_PROCID"};
    const char *rank = NULL;
    size_t i;

    for (i = 0; (rank == NULL) && (i < sizeof(ranks) / sizeof(ranks[0])); ++i) {
        rank = getenv(ranks[i]);
    }
    return (rank == NULL) || (strcmp(rank, "0") == 0);
}

/* One write a line: launchers forward what each write gave them. */
static void say_what_was_set(const peervma_settings_t *settings, FILE *stream)
{
    char line[1024];
    size_t length;
    unsigned i;

    length = snprintf(line, sizeof(line), "peervma: set");
    for (i = 0; (i < settings->count) && (length < sizeof(line)); ++i) {
        length +=
            snprintf(line + length, sizeof(line) - length, " %s=%s",
                     settings->setting[i].name, settings->setting[i].value);
    }
    fprintf(stream, "%s (why: peervma run --print; hide: PEERVMA_QUIET=y)\n",
            line);
}

void peervma_settings_say(const peervma_settings_t *settings, FILE *stream)
{
    if (variable_is_yes("PEERVMA_QUIET") || !peervma_process_speaks()) {
        return;
    }
    if (settings->count > 0) {
        say_what_was_set(settings, stream);
    }
    if (settings->warning[0] != '\0') {
        fprintf(stream, "peervma: %s\n", settings->warning);
    }
}
