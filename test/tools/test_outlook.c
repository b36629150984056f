/* SPDX-License-Identifier: BSD-3-Clause */
/* What UCX will do, in processes made of files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dmabuf_info.h"
#include "fake.h"
#include "outlook.h"

#define UCX "7f00-7f10 r-xp 0 08:01 5 /usr/lib/libucp.so.0.0.0\n"
#define PLUGIN "7f20-7f30 r-xp 0 08:01 6 /usr/lib/p/libuct_peervma.so.0\n"

/* A process with these maps and this environment, and a good NIC if `nic`. */
static struct outlook make(const char *maps, const char *environment,
                           const char *nic)
{
    struct outlook outlook = {.ucx = true};

    fake_maps(&fake, maps);
    fake_write(&fake, "proc/environ", environment);
    snprintf(outlook.nic, sizeof(outlook.nic), "%s", nic);
    outlook_look_at_process(fake.view.proc, &outlook);
    return outlook;
}

static void expect(const struct outlook *outlook, const char *provider,
                   enum outlook_verdict verdict, const char *why)
{
    char text[256];

    assert_int_equal(verdict, outlook_judge(outlook, provider));
    outlook_explain(outlook, provider, text, sizeof(text));
    assert_non_null(strstr(text, why));
}

static void with_plugin_provider_and_nic_it_is_zero_copy(void **state)
{
    struct outlook outlook = make(UCX PLUGIN, "UCX_TLS=rc,pvma_copy", "nic0");

    (void)state;
    expect(&outlook, "kernel", OUTLOOK_ZERO_COPY, "nic0 reads and writes it");
}

static void without_a_provider_it_is_staged(void **state)
{
    struct outlook outlook = make(UCX PLUGIN, "", "nic0");

    (void)state;
    expect(&outlook, NULL, OUTLOOK_STAGED, "no dma-buf");
}

static void without_a_nic_it_is_staged(void **state)
{
    struct outlook outlook = make(UCX PLUGIN, "", "");

    (void)state;
    expect(&outlook, "fd", OUTLOOK_STAGED, "no RDMA NIC");
    strcpy(outlook.no_nic, "old0");
    expect(&outlook, "fd", OUTLOOK_STAGED, "old0 is not active or takes no");
}

static void without_the_plugin_it_is_taken_for_host_memory(void **state)
{
    struct outlook outlook = make(UCX, "", "nic0");

    (void)state;
    expect(&outlook, "kernel", OUTLOOK_HOST, "peervma run");
}

static void with_the_transport_left_out_too(void **state)
{
    struct outlook outlook = make(UCX PLUGIN, "UCX_TLS=rc,tcp", "nic0");

    (void)state;
    expect(&outlook, "kernel", OUTLOOK_HOST, "add pvma_copy to UCX_TLS");
    outlook = make(UCX PLUGIN, "UCX_TLS=^ud", "nic0");
    expect(&outlook, "kernel", OUTLOOK_ZERO_COPY, "nic0");
}

static void a_process_without_ucx_is_told_what_would_be(void **state)
{
    struct outlook outlook =
        make("7f00-7f10 r-xp 0 08:01 5 /usr/lib/libc.so.6\n", "", "nic0");

    (void)state;
    expect(&outlook, "kernel", OUTLOOK_ZERO_COPY, "once the process uses UCX");
}

static void a_dmabuf_tells_its_exporter(void **state)
{
    struct dmabuf_info info;

    (void)state;
    fake_write(&fake, "proc/fdinfo/7",
               "pos:\t0\nflags:\t02\nino:\t9\nsize:\t65536\ncount:\t2\n"
               "exp_name:\tsoftaccel\nname:\tweights\n");
    assert_true(dmabuf_info_read(fake.view.proc, 7, &info));
    assert_string_equal("softaccel", info.exporter);
    assert_string_equal("weights", info.name);
    assert_int_equal(65536, info.size);
    fake_write(&fake, "proc/fdinfo/8", "pos:\t0\nflags:\t02\n");
    assert_false(dmabuf_info_read(fake.view.proc, 8, &info));
    assert_false(dmabuf_info_read(fake.view.proc, 9, &info));
    assert_false(dmabuf_info_find(fake.view.proc, 12345, &info));
}

/* Whoever names a dma-buf may put line breaks into its name. */
static void a_dmabuf_s_name_does_not_pass_for_its_exporter(void **state)
{
    struct dmabuf_info info;

    (void)state;
    fake_write(&fake, "proc/fdinfo/7",
               "size:\t65536\nexp_name:\tsoftaccel\n"
               "name:\tx\nexp_name:\tamdgpu\nsize:\t1\n");
    assert_true(dmabuf_info_read(fake.view.proc, 7, &info));
    assert_string_equal("softaccel", info.exporter);
    assert_string_equal("x", info.name);
    assert_int_equal(65536, info.size);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(with_plugin_provider_and_nic_it_is_zero_copy),
        TEST(without_a_provider_it_is_staged),
        TEST(without_a_nic_it_is_staged),
        TEST(without_the_plugin_it_is_taken_for_host_memory),
        TEST(with_the_transport_left_out_too),
        TEST(a_process_without_ucx_is_told_what_would_be),
        TEST(a_dmabuf_tells_its_exporter),
        TEST(a_dmabuf_s_name_does_not_pass_for_its_exporter),
    };

    return cmocka_run_group_tests_name("outlook", tests, NULL, NULL);
}
