/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a BAR is taken back from importers: by the mapping and by the device.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "account.h"
#include "bar.h"
#include "device.h"
#include "tap.h"

/* Four pages of the accelerator, exported, with importers of both ways. */
struct shared {
    uint8_t *map;
    size_t length;
    int fd;
    int held;
    int vmapped;
};

static struct shared share(void)
{
    struct shared s = {.length = 4 * page};

    s.map = bar_map(bar_accel, "resource2_wc", 0, s.length);
    s.fd = bar_export(s.map, s.length);
    s.held = importer_hold(s.fd, bar_accel);
    s.vmapped = importer_vmap(s.fd, bar_accel);
    return s;
}

/* Nobody new at once; and those who are there are told, and have let go. */
static void check_revoked(const struct shared *s)
{
    bar_check_revoked(s->fd);
    importer_wait_told(s->held);
    importer_wait_told(s->vmapped);
    tap_check_equal(importer_call(s->held, SOFTACCEL_IMPORTER_HELD, NULL), 0);
    tap_check_equal(importer_call(s->held, SOFTACCEL_IMPORTER_HOLD, NULL),
                    -ENODEV);
}

static void check_alive(const struct shared *s)
{
    importer_check_alive(s->held);
    tap_check_equal(importer_call(s->held, SOFTACCEL_IMPORTER_HELD, NULL), 1);
    importer_check_alive(s->vmapped);
}

static void drop(const struct shared *s)
{
    close(s->held);
    close(s->vmapped);
    close(s->fd);
    munmap(s->map, s->length);
}

static void test_munmap(void)
{
    struct shared s = share();

    check_alive(&s);
    tap_check_equal(munmap(s.map, s.length), 0);
    check_revoked(&s);
    export_refused(s.map, s.length, ENXIO, PEERVMA_REASON_UNMAPPED);
    drop(&s);
}

/*
 * Parts are taken from the end, here and below: of any other part of such a
 * mapping x86's PAT code of Linux 6.12 complains, whoever unmaps it.
 */
static void test_munmap_part(void)
{
    struct shared s = share();

    tap_check_equal(munmap(s.map + 3 * page, page), 0);
    check_revoked(&s);
    /* What is left can be exported again. */
    close(bar_export(s.map, 3 * page));
    drop(&s);
}

/* Cutting and splitting the VMA beside the exported range is not its matter. */
static void test_munmap_beside(void)
{
    uint8_t *map = bar_map(bar_accel, "resource2_wc", 0, 8 * page);
    int fd = bar_export(map + 2 * page, 2 * page);
    int importer = importer_hold(fd, bar_accel);

    tap_check_equal(mprotect(map + 7 * page, page, PROT_READ), 0);
    tap_check_equal(munmap(map + 7 * page, page), 0);
    tap_check_equal(munmap(map + 4 * page, 3 * page), 0);
    importer_check_alive(importer);
    tap_check_equal(munmap(map + 3 * page, page), 0);
    importer_wait_told(importer);
    close(importer);
    close(fd);
    munmap(map, 3 * page);
}

static void test_mremap(void)
{
    struct shared s = share();
    uint8_t *to = mmap(NULL, s.length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
                       -1, 0);

    tap_check(to != MAP_FAILED);
    tap_check(mremap(s.map, s.length, s.length, MREMAP_MAYMOVE | MREMAP_FIXED,
                     to) == to);
    check_revoked(&s);
    export_refused(s.map, s.length, ENXIO, PEERVMA_REASON_UNMAPPED);
    close(bar_export(to, s.length));
    drop(&s);
    munmap(to, s.length);
}

static void test_map_over(void)
{
    struct shared s = share();

    tap_check(mmap(s.map + 3 * page, page, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                   0) == s.map + 3 * page);
    check_revoked(&s);
    export_refused(s.map + 3 * page, page, ENODEV, PEERVMA_REASON_NOT_DEVICE);
    drop(&s);
}

static void test_mprotect(void)
{
    struct shared s = share();

    tap_check_equal(mprotect(s.map + 3 * page, page, PROT_READ), 0);
    check_revoked(&s);
    munmap(s.map + 3 * page, page);
    drop(&s);
}

/* /proc/self/clear_refs looks at all of the address space. */
static void test_soft_dirty(void)
{
    struct shared s = share();

    write_line("/proc/self/clear_refs", "4");
    check_alive(&s);
    drop(&s);
}

static void test_fork(void)
{
    struct shared s = share();
    int status;
    pid_t pid = fork();

    tap_check(pid >= 0);
    if (pid == 0) {
        munmap(s.map, s.length);
        _exit(0);
    }
    tap_check_equal(waitpid(pid, &status, 0), pid);
    check_alive(&s);
    drop(&s);
}

static void send_fd(int socket, int fd)
{
    char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec byte = {.iov_base = "", .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &byte,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof(control),
    };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &fd, sizeof(int));
    if (sendmsg(socket, &message, 0) != 1)
        _exit(1);
}

static int receive_fd(int socket)
{
    char control[CMSG_SPACE(sizeof(int))], data;
    struct iovec byte = {.iov_base = &data, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &byte,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof(control),
    };
    int fd;

    tap_check_equal(recvmsg(socket, &message, MSG_CMSG_CLOEXEC), 1);
    tap_check(CMSG_FIRSTHDR(&message) != NULL);
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
    return fd;
}

/* Map, export, send the dma-buf, and end as told: by exec, or just so. */
static void child_run(int socket)
{
    void *map = bar_map(bar_accel, "resource2_wc", 0, 4 * page);
    struct peervma_export export;
    char how;

    if (export_at(map, 4 * page, &export) != 0)
        _exit(1);
    send_fd(socket, export.fd);
    if (read(socket, &how, 1) != 1)
        _exit(1);
    if (how == 'x')
        execl("/bin/cat", "cat", NULL);
    _exit(0);
}

static pid_t child_start(int *socket_p)
{
    int sockets[2];
    pid_t pid;

    tap_check_equal(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
    pid = fork();
    tap_check(pid >= 0);
    if (pid == 0) {
        /* What exec runs reads from it, and ends when it is closed. */
        dup2(sockets[1], STDIN_FILENO);
        close(sockets[0]);
        close(sockets[1]);
        child_run(STDIN_FILENO);
    }
    close(sockets[1]);
    *socket_p = sockets[0];
    return pid;
}

/* The dma-buf is used by another process than the one that mapped the BAR. */
static void check_child(char how)
{
    int socket, status, importer, fd;
    pid_t pid = child_start(&socket);

    fd = receive_fd(socket);
    importer = importer_hold(fd, bar_accel);
    importer_check_alive(importer);
    if (how == 'k')
        tap_check_equal(kill(pid, SIGKILL), 0);
    else
        tap_check_equal(write(socket, &how, 1), 1);
    importer_wait_told(importer);
    bar_check_revoked(fd);
    close(socket);
    tap_check_equal(waitpid(pid, &status, 0), pid);
    close(importer);
    close(fd);
}

static void test_exit(void)
{
    check_child('e');
}

static void test_exec(void)
{
    check_child('x');
}

static void test_kill(void)
{
    check_child('k');
}

static void test_policy(void)
{
    struct shared s = share();

    close(s.vmapped);
    bar_policy("off");
    tap_check_equal(importer_call(s.held, SOFTACCEL_IMPORTER_HELD, NULL), 0);
    bar_check_revoked(s.fd);
    bar_policy("unbound");
    /* Not given back: one exports again. */
    bar_check_revoked(s.fd);
    close(bar_export(s.map, s.length));
    s.vmapped = -1;
    drop(&s);
}

/*
 * An O_PATH descriptor keeps the dma-buf, but not its file: there is no
 * importer any more, and what is left is still taken back, once, and charged
 * until the path is gone.
 */
static void test_path(void)
{
    const unsigned long before = counter("statistics/revocations");
    const unsigned long held = counter("statistics/held");
    uint8_t *map = bar_map(bar_accel, "resource2_wc", 0, page);
    int fd = bar_export(map, page), path_fd;
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    path_fd = open(path, O_PATH | O_CLOEXEC);
    tap_check(path_fd >= 0);
    close(fd);
    tap_check_equal(counter("statistics/held"), held + 1);
    bar_policy("off");
    tap_check_equal(counter("statistics/revocations"), before + 1);
    bar_policy("unbound");
    munmap(map, page);
    tap_check_equal(counter("statistics/revocations"), before + 1);
    close(path_fd);
    tap_check_equal(counter("statistics/held"), held);
}

/* Whether a mapped page can be read: asks the kernel to, which says EFAULT. */
static bool is_readable(const void *address)
{
    int pipes[2];
    ssize_t ret;

    tap_check_equal(pipe2(pipes, O_CLOEXEC), 0);
    ret = write(pipes[1], address, 1);
    tap_check(ret == 1 || (ret == -1 && errno == EFAULT));
    close(pipes[0]);
    close(pipes[1]);
    return ret == 1;
}

/*
 * A kernel with CONFIG_IO_STRICT_DEVMEM, as distributions' are, takes the BAR
 * from whoever has it mapped; else the policy has the say as long as there is a
 * driver.
 */
static void check_bound(const struct shared *s)
{
    if (is_readable(s->map))
        export_refused(s->map, s->length, EOPNOTSUPP,
                       PEERVMA_REASON_BAR_POLICY);
    else
        export_refused(s->map, s->length, ESTALE, PEERVMA_REASON_REVOKED);
}

static void test_bind(void)
{
    struct shared s = share();

    tap_check(is_readable(s.map));

    close(s.vmapped);
    bar_unbind_at_end(bar_accel);
    bar_driver_write("softaccel", "bind", bar_accel);
    tap_check_equal(importer_call(s.held, SOFTACCEL_IMPORTER_HELD, NULL), 0);
    bar_check_revoked(s.fd);
    check_bound(&s);
    bar_driver_write("softaccel", "unbind", bar_accel);
    if (is_readable(s.map))
        close(bar_export(s.map, s.length));
    else
        export_refused(s.map, s.length, ESTALE, PEERVMA_REASON_REVOKED);
    s.vmapped = -1;
    drop(&s);
}

static void edu_remove(void)
{
    bar_device_write(bar_edu, "remove", "1");
}

static void test_remove(void)
{
    uint8_t *map = bar_map(bar_edu, "resource0", 0, page);
    uint8_t *again;
    int fd = bar_export(map, page);
    int importer = importer_hold(fd, bar_edu);

    bar_rescan_at_end(bar_edu);
    edu_remove();
    tap_check_equal(importer_call(importer, SOFTACCEL_IMPORTER_HELD, NULL), 0);
    bar_check_revoked(fd);
    export_refused(map, page, ESTALE, PEERVMA_REASON_REVOKED);
    bar_rescan();
    /* The same device at the same place, but not the one that was mapped. */
    bar_check_revoked(fd);
    export_refused(map, page, ESTALE, PEERVMA_REASON_REVOKED);
    again = bar_map(bar_edu, "resource0", 0, page);
    close(bar_export(again, page));
    close(importer);
    close(fd);
    munmap(again, page);
    munmap(map, page);
}

static void test_remove_waits(void)
{
    uint8_t *map = bar_map(bar_edu, "resource0", 0, page);
    int fd = bar_export(map, page);
    int status, importer = importer_vmap(fd, bar_edu);
    pid_t pid = fork();

    tap_check(pid >= 0);
    bar_rescan_at_end(bar_edu);
    if (pid == 0) {
        close(importer);
        edu_remove();
        _exit(0);
    }
    importer_wait_told(importer);
    sleep(1);
    tap_check_equal(waitpid(pid, &status, WNOHANG), 0);
    /* Still there, for the one who looks at it. */
    tap_check_equal(importer_read(importer, 0) & 0xff, 0xed);
    close(importer);
    tap_check_equal(waitpid(pid, &status, 0), pid);
    tap_check_equal(status, 0);
    bar_rescan();
    close(fd);
    munmap(map, page);
}

static void power_check(const char *expected)
{
    char path[96], line[32];
    int tries = 60000;

    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/power/runtime_status",
             bar_edu);
    do {
        tap_check(tries-- > 0);
        usleep(1000);
        read_line(path, line, sizeof(line));
    } while (strcmp(line, expected) != 0);
}

static void test_runtime_suspend(void)
{
    uint8_t *map = bar_map(bar_edu, "resource0", 0, page);
    char path[96];
    int fd;

    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/power/control",
             bar_edu);
    setting_write(path, "auto");
    power_check("suspended");
    fd = bar_export(map, page);
    power_check("active");
    munmap(map, page);
    power_check("suspended");
    close(fd);
}

static const tap_test_t tests[] = {
    {"munmap revokes", test_munmap},
    {"munmap of a part revokes", test_munmap_part},
    {"munmap and mprotect beside the exported range do not",
     test_munmap_beside},
    {"mremap revokes, and the range can be exported where it went",
     test_mremap},
    {"mmap over a part revokes", test_map_over},
    {"mprotect revokes", test_mprotect},
    {"what leaves the mapping alone does not revoke", test_soft_dirty},
    {"a forked child's munmap is its own matter", test_fork},
    {"exit revokes, also from a process that was passed the dma-buf",
     test_exit},
    {"exec revokes", test_exec},
    {"SIGKILL revokes", test_kill},
    {"a stricter policy revokes before it is set", test_policy},
    {"what only a path is left of is revoked too", test_path},
    {"binding a driver revokes before the driver probes", test_bind},
    {"removal revokes, and nothing comes back by rescan", test_remove},
    {"removal waits for an importer that keeps its mapping",
     test_remove_waits},
    {"an export keeps the device from runtime suspend until it is revoked",
     test_runtime_suspend},
};

int main(void)
{
    return bar_main(tests, tap_count(tests));
}
