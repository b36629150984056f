/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * BARs and system sleep, as deep as it goes without hardware: all is told, and
 * processes frozen. Takes a kernel that can sleep and be tested for it.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "bar.h"
#include "device.h"
#include "tap.h"

static void pm_test_undo(void *arg)
{
    write_line(arg, "none");
}

static void test_sleep(void)
{
    static char pm_test[] = "/sys/power/pm_test";
    uint8_t *map = bar_map(bar_accel, "resource2_wc", 0, page);
    int fd = bar_export(map, page);
    int importer = importer_hold(fd, bar_accel);

    tap_at_end(pm_test_undo, pm_test);
    write_line(pm_test, "freezer");
    write_line("/sys/power/state", "freeze");
    bar_check_revoked(fd);
    importer_wait_told(importer);
    tap_check_equal(importer_call(importer, SOFTACCEL_IMPORTER_HELD, NULL), 0);
    close(bar_export(map, page));
    close(importer);
    close(fd);
    munmap(map, page);
}

static const tap_test_t tests[] = {
    {"system sleep revokes, and after it one exports again", test_sleep},
};

int main(void)
{
    return bar_main(tests, tap_count(tests));
}
