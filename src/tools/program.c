/* SPDX-License-Identifier: BSD-3-Clause */
/* Every offset is compared with the file's size: it may be anybody's file. */
#include "program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"

#define UCX_LIBRARY "libucp.so.0"
#define UCX_FUNCTION "ucp_init_version"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OWN_BYTE_ORDER ELFDATA2LSB
#else
#define OWN_BYTE_ORDER ELFDATA2MSB
#endif

struct image {
    const char *bytes;
    uint64_t size;
    const Elf64_Ehdr *header;
};

/* `count` things of `size` bytes at an offset; NULL if they leave the file. */
static const void *part(const struct image *image, uint64_t offset,
                        uint64_t count, uint64_t size)
{
    if (offset > image->size || offset % 8 != 0 ||
        count > (image->size - offset) / size) {
        return NULL;
    }
    return image->bytes + offset;
}

/* A text in the file; "" if it leaves it. */
static const char *text_at(const struct image *image, uint64_t offset)
{
    if (offset >= image->size ||
        memchr(image->bytes + offset, '\0', image->size - offset) == NULL) {
        return "";
    }
    return image->bytes + offset;
}

static const Elf64_Phdr *program_headers(const struct image *image)
{
    return part(image, image->header->e_phoff, image->header->e_phnum,
                sizeof(Elf64_Phdr));
}

/* The place in the file of what is loaded at an address; 0: nowhere. */
static uint64_t offset_of(const struct image *image, uint64_t address)
{
    const Elf64_Phdr *segment = program_headers(image);
    unsigned i;

    for (i = 0; segment != NULL && i < image->header->e_phnum; i++) {
        if (segment[i].p_type == PT_LOAD && address >= segment[i].p_vaddr &&
            address - segment[i].p_vaddr < segment[i].p_filesz) {
            return segment[i].p_offset + (address - segment[i].p_vaddr);
        }
    }
    return 0;
}

/* The first folder of a list that has a UCX. */
static void search_path(const char *list, const char *origin,
                        struct program *program)
{
    static const char *const names[] = {"$ORIGIN", "${ORIGIN}"};
    char path[PATH_MAX];
    size_t length, i, skip;

    for (; *list != '\0' && program->ucx_path[0] == '\0';
         list += length + (list[length] == ':')) {
        length = strcspn(list, ":");
        skip = 0;
        for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            if (strncmp(list, names[i], strlen(names[i])) == 0) {
                skip = strlen(names[i]);
            }
        }
        path_make(path, "%s%.*s/" UCX_LIBRARY, skip > 0 ? origin : "",
                  (int)(length > skip ? length - skip : 0), list + skip);
        if (access(path, R_OK) == 0) {
            snprintf(program->ucx_path, sizeof(program->ucx_path), "%s", path);
        }
    }
}

static void look_at_dynamic(const struct image *image,
                            const Elf64_Phdr *segment, const char *origin,
                            struct program *program)
{
    uint64_t count = segment->p_filesz / sizeof(Elf64_Dyn), texts = 0, i;
    const Elf64_Dyn *entry =
        part(image, segment->p_offset, count, sizeof(*entry));

    if (entry == NULL) {
        return;
    }
    for (i = 0; i < count; i++) {
        if (entry[i].d_tag == DT_STRTAB) {
            texts = offset_of(image, entry[i].d_un.d_ptr);
        }
    }
    for (i = 0; i < count && entry[i].d_tag != DT_NULL; i++) {
        const char *text = text_at(image, texts + entry[i].d_un.d_val);

        if (entry[i].d_tag == DT_NEEDED) {
            program->needs_ucx |= strcmp(text, UCX_LIBRARY) == 0;
        } else if (entry[i].d_tag == DT_RPATH || entry[i].d_tag == DT_RUNPATH) {
            search_path(text, origin, program);
        }
    }
}

/* Does a symbol table define UCX's entry point? */
static bool defines_ucx(const struct image *image, const Elf64_Shdr *table,
                        const Elf64_Shdr *texts)
{
    uint64_t count = table->sh_size / sizeof(Elf64_Sym), i;
    const Elf64_Sym *symbol =
        part(image, table->sh_offset, count, sizeof(*symbol));

    for (i = 0; symbol != NULL && i < count; i++) {
        if (symbol[i].st_shndx != SHN_UNDEF &&
            strcmp(text_at(image, texts->sh_offset + symbol[i].st_name),
                   UCX_FUNCTION) == 0) {
            return true;
        }
    }
    return false;
}

static void look_at_symbols(const struct image *image, struct program *program)
{
    unsigned count = image->header->e_shnum, i;
    const Elf64_Shdr *section =
        part(image, image->header->e_shoff, count, sizeof(*section));

    for (i = 0; section != NULL && i < count; i++) {
        if ((section[i].sh_type == SHT_SYMTAB ||
             section[i].sh_type == SHT_DYNSYM) &&
            section[i].sh_link < count) {
            program->has_ucx_inside |=
                defines_ucx(image, &section[i], &section[section[i].sh_link]);
        }
    }
}

static int look(const struct image *image, const char *origin,
                struct program *program)
{
    const Elf64_Phdr *segment;
    unsigned i;

    if (image->header->e_phentsize != sizeof(Elf64_Phdr)) {
        return -ENOEXEC;
    }
    program->is_static = true;
    segment = program_headers(image);
    for (i = 0; segment != NULL && i < image->header->e_phnum; i++) {
        if (segment[i].p_type == PT_INTERP) {
            program->is_static = false;
        } else if (segment[i].p_type == PT_DYNAMIC) {
            look_at_dynamic(image, &segment[i], origin, program);
        }
    }
    look_at_symbols(image, program);
    return 0;
}

static bool is_elf(const Elf64_Ehdr *header)
{
    return memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 &&
           header->e_ident[EI_CLASS] == ELFCLASS64 &&
           header->e_ident[EI_DATA] == OWN_BYTE_ORDER &&
           (header->e_type == ET_EXEC || header->e_type == ET_DYN);
}

int program_look(const char *path, struct program *program_p)
{
    char resolved[PATH_MAX];
    struct image image;
    struct stat st;
    int fd, ret;

    *program_p = (struct program){.is_static = false};
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    ret = fstat(fd, &st) == 0 && realpath(path, resolved) != NULL ? 0 : -errno;
    if (ret == 0 &&
        (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < sizeof(Elf64_Ehdr))) {
        ret = -ENOEXEC;
    }
    if (ret != 0) {
        goto out;
    }
    image.size = (uint64_t)st.st_size;
    image.bytes = mmap(NULL, image.size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (image.bytes == MAP_FAILED) {
        ret = -errno;
        goto out;
    }
    image.header = (const Elf64_Ehdr *)image.bytes;
    program_p->set_id = (st.st_mode & (S_ISUID | S_ISGID)) != 0;
    ret = is_elf(image.header) ? look(&image, dirname(resolved), program_p)
                               : -ENOEXEC;
    munmap((void *)image.bytes, image.size);
out:
    close(fd);
    return ret;
}
