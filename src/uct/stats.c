/* SPDX-License-Identifier: BSD-3-Clause */
#include "stats.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const stat_names[UCT_PEERVMA_STAT_LAST] = {
    [UCT_PEERVMA_STAT_PEERS] = "peers",
    [UCT_PEERVMA_STAT_LOOKUPS] = "lookups",
    [UCT_PEERVMA_STAT_REGIONS] = "regions",
    [UCT_PEERVMA_STAT_REGIONS_TRIED] = "regions_tried",
    [UCT_PEERVMA_STAT_REGIONS_STAGED] = "regions_staged",
    [UCT_PEERVMA_STAT_DMABUF_EXPORTS] = "dmabuf_exports",
    [UCT_PEERVMA_STAT_DMABUF_REFUSED] = "dmabuf_refused",
    [UCT_PEERVMA_STAT_PUT_SHORT] = "put_short",
    [UCT_PEERVMA_STAT_PUT_SHORT_BYTES] = "put_short_bytes",
    [UCT_PEERVMA_STAT_GET_SHORT] = "get_short",
    [UCT_PEERVMA_STAT_GET_SHORT_BYTES] = "get_short_bytes",
    [UCT_PEERVMA_STAT_PUT_ZCOPY] = "put_zcopy",
    [UCT_PEERVMA_STAT_PUT_ZCOPY_BYTES] = "put_zcopy_bytes",
    [UCT_PEERVMA_STAT_GET_ZCOPY] = "get_zcopy",
    [UCT_PEERVMA_STAT_GET_ZCOPY_BYTES] = "get_zcopy_bytes",
    [UCT_PEERVMA_STAT_IPC_EXPORTS] = "ipc_exports",
    [UCT_PEERVMA_STAT_IPC_REFUSED] = "ipc_refused",
    [UCT_PEERVMA_STAT_IPC_MAPS] = "ipc_maps",
    [UCT_PEERVMA_STAT_IPC_UNMAPS] = "ipc_unmaps",
    [UCT_PEERVMA_STAT_IPC_HITS] = "ipc_hits",
    [UCT_PEERVMA_STAT_IPC_BYTES] = "ipc_bytes",
    [UCT_PEERVMA_STAT_CPU_COPIED_BYTES] = "cpu_copied_bytes",
};

_Atomic uint64_t uct_peervma_stats[UCT_PEERVMA_STAT_LAST];

static const char *_Atomic detection_name = "none";
static const char *_Atomic speed_source = "default";
static _Atomic double speed_to_device, speed_from_device;
static _Atomic pid_t printing_pid;

void uct_peervma_stats_set_detection(const char *detection)
{
    detection_name = detection;
}

void uct_peervma_stats_set_speed(const char *source, double to_device,
                                 double from_device)
{
    speed_source = source;
    speed_to_device = to_device;
    speed_from_device = from_device;
}

void uct_peervma_stats_print_at_exit(void)
{
    printing_pid = getpid();
}

int uct_peervma_stats_format(char *buffer, size_t size)
{
    char host[HOST_NAME_MAX + 1] = "";
    int length, stat;

    gethostname(host, sizeof(host) - 1);
    length = snprintf(buffer, size,
                      "peervma: stats host=%s pid=%d "
                      "detection=%s speed=%s to_device_mb_s=%.0f "
                      "from_device_mb_s=%.0f",
                      host, (int)getpid(), detection_name, speed_source,
                      speed_to_device / 1e6, speed_from_device / 1e6);
    for (stat = 0; stat < UCT_PEERVMA_STAT_LAST; ++stat) {
        size_t used = ((size_t)length < size) ? (size_t)length : size;

        length += snprintf(buffer + used, size - used, " %s=%" PRIu64,
                           stat_names[stat], uct_peervma_stat_get(stat));
    }
    return length;
}

__attribute__((destructor)) static void stats_print(void)
{
    char line[2048];
    size_t length;

    if ((printing_pid == 0) || (printing_pid != getpid())) {
        return;
    }
    uct_peervma_stats_format(line, sizeof(line) - 1);
    length = strlen(line);
    line[length++] = '\n';
    /* One write, so that the lines of several ranks do not mix. */
    if (write(STDERR_FILENO, line, length) < 0) {
        return;
    }
}
