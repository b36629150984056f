/* SPDX-License-Identifier: BSD-3-Clause */
#include "run_alloc.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../alloc/alloc.h"
#include "device_alloc.h"
#include "machine.h"

struct search {
    unsigned long index;
    unsigned long count;
    struct accelerator found;
};

/* A number without a sign. */
static bool parse_number(const char *text, unsigned long *number_p, char **end)
{
    if (*text < '0' || *text > '9') {
        return false;
    }
    errno = 0;
    *number_p = strtoul(text, end, 10);
    return errno == 0;
}

/* The index behind "device". False: the text is something else. */
static bool parse_device(const char *text, unsigned long *index_p)
{
    const size_t length = strlen("device");
    char *end;

    *index_p = 0;
    if (strncmp(text, "device", length) != 0) {
        return false;
    }
    text += length;
    return *text == '\0' ||
           (*text == ':' && parse_number(text + 1, index_p, &end) &&
            *end == '\0');
}

bool run_alloc_parse_device(const char *text, struct run_alloc *alloc)
{
    unsigned long index;

    alloc->device = text;
    return parse_device(text, &index);
}

bool run_alloc_parse_min(const char *text, struct run_alloc *alloc)
{
    static const char units[] = "KMG";
    unsigned long number;
    const char *unit;
    unsigned shift = 0;
    char *end;

    if (!parse_number(text, &number, &end)) {
        return false;
    }
    unit = *end != '\0' ? strchr(units, *end) : NULL;
    if (unit != NULL) {
        shift = 10 * (unsigned)(unit - units + 1);
        end++;
    }
    if (*end != '\0' || number > SIZE_MAX >> shift) {
        return false;
    }
    alloc->min = number << shift;
    return alloc->min >= ALLOC_PAGE;
}

static void count(const struct accelerator *accelerator, void *arg)
{
    struct search *search = arg;

    if (search->count++ == search->index) {
        search->found = *accelerator;
    }
}

static void say(const struct run_alloc *alloc, const char *why)
{
    fprintf(stderr, "peervma run: --alloc=%s: %s%s%s\n", alloc->device,
            alloc->node, alloc->node[0] != '\0' ? ": " : "", why);
}

/* What the library will do, for one page. */
static int try_page(const char *node)
{
    struct device device;
    void *page;
    int ret;

    ret = device_open(node, &device);
    if (ret != 0) {
        return ret;
    }
    ret = device_map(&device, ALLOC_PAGE, NULL, &page);
    if (ret == 0) {
        munmap(page, ALLOC_PAGE);
    }
    device_close(&device);
    return ret;
}

/* `usable`: the node itself may be opened. */
static void say_why(const struct run_alloc *alloc, bool usable, int ret)
{
    char why[160];

    switch (ret) {
    case -EACCES:
    case -EPERM:
        say(alloc, usable ? "you may not open its primary node, which its "
                            "driver's buffers need"
                          : "you may not open it: see the group of the node");
        break;
    case -EOPNOTSUPP:
        snprintf(why, sizeof(why), "its driver%s%.63s gives no memory",
                 alloc->driver[0] != '\0' ? " " : "", alloc->driver);
        say(alloc, why);
        break;
    case -ENOSPC:
    case -ENOMEM:
        say(alloc, "its memory is full");
        break;
    default:
        say(alloc, strerror(-ret));
    }
}

int run_alloc_find(struct run_alloc *alloc)
{
    struct search search = {.count = 0};
    char why[160];
    int ret;

    parse_device(alloc->device, &search.index);
    ret = machine_accelerators("/sys", count, &search);
    if (ret == 0 && search.count <= search.index) {
        snprintf(why, sizeof(why),
                 "no such accelerator: this machine has %lu, counted from 0 "
                 "as peervma list shows them",
                 search.count);
        say(alloc, why);
        return -ENODEV;
    }
    if (ret == 0) {
        snprintf(alloc->node, sizeof(alloc->node), "%s", search.found.node);
        snprintf(alloc->driver, sizeof(alloc->driver), "%s",
                 search.found.driver);
        ret = try_page(alloc->node);
    }
    if (ret != 0) {
        say_why(alloc, search.found.usable, ret);
    }
    return ret;
}

static size_t min_of(const struct run_alloc *alloc)
{
    return alloc->min != 0 ? alloc->min : ALLOC_MIN_DEFAULT;
}

int run_alloc_apply(const struct run_alloc *alloc)
{
    char min[32];

    snprintf(min, sizeof(min), "%zu", min_of(alloc));
    if (setenv(ALLOC_ENV_NODE, alloc->node, 1) != 0 ||
        setenv(ALLOC_ENV_MIN, min, 1) != 0) {
        return -errno;
    }
    return 0;
}

void run_alloc_print(const struct run_alloc *alloc)
{
    printf("# large allocations go to the memory of this accelerator\n"
           "%s=%s\n"
           "# bytes; smaller ones stay where they are\n"
           "%s=%zu\n",
           ALLOC_ENV_NODE, alloc->node, ALLOC_ENV_MIN, min_of(alloc));
}
