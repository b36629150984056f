/* SPDX-License-Identifier: BSD-3-Clause */
#include "nic.h"

#include <glob.h>
#include <inttypes.h>
#include <stdio.h>

static uint64_t sum(const char *nic, const char *counter)
{
    char pattern[128];
    uint64_t total = 0, value;
    glob_t paths;

    snprintf(pattern, sizeof(pattern),
             "/sys/class/infiniband/%s/ports/*/hw_counters/%s", nic, counter);
    if (glob(pattern, 0, NULL, &paths) != 0) {
        return 0;
    }
    for (size_t i = 0; i < paths.gl_pathc; i++) {
        FILE *file = fopen(paths.gl_pathv[i], "re");
        if (file == NULL) {
            continue;
        }
        if (fscanf(file, "%" SCNu64, &value) == 1) {
            total += value;
        }
        fclose(file);
    }
    globfree(&paths);
    return total;
}

void nic_counters_read_of(const char *nic, nic_counters_t *counters_p)
{
    counters_p->regions       = sum(nic, "dmabuf_mrs");
    counters_p->read_bytes    = sum(nic, "dmabuf_read_bytes");
    counters_p->written_bytes = sum(nic, "dmabuf_write_bytes");
}

void nic_counters_read(nic_counters_t *counters_p)
{
    nic_counters_read_of("*", counters_p);
}
