/* SPDX-License-Identifier: BSD-3-Clause */
/* Programs made byte by byte: whole, cut off and with bits turned. */
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "fake.h"
#include "program.h"

/* Where the program is loaded, other than where it is in the file. */
#define BASE 0x400000

enum { NEEDED_NAME = 1, RUNPATH = 16, SYMBOL_NAME = 40 };

/* The parts of a program that are looked at. */
static struct image {
    Elf64_Ehdr header;
    Elf64_Phdr segment[3];
    Elf64_Dyn dynamic[4];
    Elf64_Shdr section[2];
    Elf64_Sym symbol[2];
    char texts[128];
} image;

static char path[64];

static int setup(void **state)
{
    (void)state;
    fake_create(&fake);
    snprintf(path, sizeof(path), "%s/program", fake.folder);
    image = (struct image){
        .header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB},
                   .e_type = ET_DYN,
                   .e_phoff = offsetof(struct image, segment),
                   .e_shoff = offsetof(struct image, section),
                   .e_phentsize = sizeof(Elf64_Phdr),
                   .e_phnum = 3,
                   .e_shnum = 2},
        .segment = {{.p_type = PT_INTERP},
                    {.p_type = PT_LOAD,
                     .p_vaddr = BASE,
                     .p_filesz = sizeof(image)},
                    {.p_type = PT_DYNAMIC,
                     .p_offset = offsetof(struct image, dynamic),
                     .p_filesz = sizeof(image.dynamic)}},
        .dynamic = {{.d_tag = DT_NEEDED, .d_un.d_val = NEEDED_NAME},
                    {.d_tag = DT_RUNPATH, .d_un.d_val = RUNPATH},
                    {.d_tag = DT_STRTAB,
                     .d_un.d_ptr = BASE + offsetof(struct image, texts)}},
        .section = {{.sh_type = SHT_SYMTAB,
                     .sh_offset = offsetof(struct image, symbol),
                     .sh_size = sizeof(image.symbol),
                     .sh_link = 1},
                    {.sh_type = SHT_STRTAB,
                     .sh_offset = offsetof(struct image, texts)}},
        .symbol = {{.st_name = 0}, {.st_name = SYMBOL_NAME}},
    };
    strcpy(image.texts + NEEDED_NAME, "libucp.so.0");
    strcpy(image.texts + RUNPATH, "/nowhere:$ORIGIN/lib");
    strcpy(image.texts + SYMBOL_NAME, "ucp_init_version");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_destroy(&fake);
    return 0;
}

static int look(size_t size, struct program *program_p)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_int_equal(size, fwrite(&image, 1, size, file));
    assert_int_equal(0, fclose(file));
    return program_look(path, program_p);
}

static void a_program_with_ucx_as_a_library(void **state)
{
    struct program program;

    (void)state;
    assert_int_equal(0, look(sizeof(image), &program));
    assert_false(program.is_static);
    assert_false(program.set_id);
    assert_true(program.needs_ucx);
    assert_false(program.has_ucx_inside); /* its symbol is undefined */
    assert_string_equal("", program.ucx_path);
}

static void an_rpath_leads_to_the_programs_own_ucx(void **state)
{
    struct program program;

    (void)state;
    fake_write(&fake, "lib/libucp.so.0", "");
    assert_int_equal(0, look(sizeof(image), &program));
    assert_non_null(strstr(program.ucx_path, "/lib/libucp.so.0"));
    assert_int_equal('/', program.ucx_path[0]);
}

static void ucx_may_be_inside(void **state)
{
    struct program program;

    (void)state;
    image.symbol[1].st_shndx = 1;
    assert_int_equal(0, look(sizeof(image), &program));
    assert_true(program.has_ucx_inside);
}

static void a_static_program_has_no_interpreter(void **state)
{
    struct program program;

    (void)state;
    image.segment[0].p_type = PT_NULL;
    assert_int_equal(0, look(sizeof(image), &program));
    assert_true(program.is_static);
}

static void set_user_id_is_seen(void **state)
{
    struct program program;

    (void)state;
    assert_int_equal(0, look(sizeof(image), &program));
    assert_int_equal(0, chmod(path, 04755));
    assert_int_equal(0, program_look(path, &program));
    assert_true(program.set_id);
}

static void what_is_no_program_is_refused(void **state)
{
    struct program program;

    (void)state;
    assert_int_equal(-ENOENT, program_look("/nonsense", &program));
    assert_int_equal(-ENOEXEC, program_look("/", &program));
    assert_int_equal(-ENOEXEC, look(10, &program));
    image.header.e_ident[EI_CLASS] = ELFCLASS32;
    assert_int_equal(-ENOEXEC, look(sizeof(image), &program));
}

static void a_file_that_is_cut_off_is_survived(void **state)
{
    struct program program;
    size_t size;

    (void)state;
    for (size = 0; size < sizeof(image); size += 3) {
        look(size, &program);
    }
}

/* Each byte of it, to the largest number and to a large one. */
static void a_file_with_other_bytes_is_survived(void **state)
{
    unsigned char *bytes = (unsigned char *)&image, saved;
    struct program program;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(image); i++) {
        saved = bytes[i];
        bytes[i] = 0xff;
        look(sizeof(image), &program);
        bytes[i] = 0x7f;
        look(sizeof(image), &program);
        bytes[i] = saved;
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_program_with_ucx_as_a_library),
        TEST(an_rpath_leads_to_the_programs_own_ucx),
        TEST(ucx_may_be_inside),
        TEST(a_static_program_has_no_interpreter),
        TEST(set_user_id_is_seen),
        TEST(what_is_no_program_is_refused),
        TEST(a_file_that_is_cut_off_is_survived),
        TEST(a_file_with_other_bytes_is_survived),
    };

    return cmocka_run_group_tests_name("program", tests, NULL, NULL);
}
