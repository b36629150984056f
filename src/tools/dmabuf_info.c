/* SPDX-License-Identifier: BSD-3-Clause */
#include "dmabuf_info.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "files.h"

/*
 * What is said first holds: the name comes last, it is anybody's choice, and it
 * may have line breaks.
 */
static void read_line_of(const char *line, struct dmabuf_info *info)
{
    if (info->size == 0) {
        sscanf(line, "size: %" SCNu64, &info->size);
    }
    if (info->exporter[0] == '\0') {
        sscanf(line, "exp_name: %63s", info->exporter);
    }
    if (info->name[0] == '\0') {
        sscanf(line, "name: %63s", info->name);
    }
}

bool dmabuf_info_read(const char *proc, int fd, struct dmabuf_info *info_p)
{
    char path[PATH_MAX], *line = NULL;
    size_t room = 0;
    FILE *file;

    *info_p = (struct dmabuf_info){.size = 0};
    path_make(path, "%s/fdinfo/%d", proc, fd);
    file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    while (getline(&line, &room, file) > 0) {
        read_line_of(line, info_p);
    }
    free(line);
    fclose(file);
    return info_p->exporter[0] != '\0';
}

struct search {
    const char *proc;
    uint64_t inode;
    struct dmabuf_info *info;
    bool found;
};

static void look(const char *name, void *arg)
{
    struct search *search = arg;
    char path[PATH_MAX];
    struct stat st;

    path_make(path, "%s/fd/%s", search->proc, name);
    if (!search->found && stat(path, &st) == 0 && st.st_ino == search->inode) {
        search->found =
            dmabuf_info_read(search->proc, atoi(name), search->info);
    }
}

bool dmabuf_info_find(const char *proc, uint64_t inode,
                      struct dmabuf_info *info_p)
{
    struct search search = {.proc = proc, .inode = inode, .info = info_p};
    char path[PATH_MAX];

    path_make(path, "%s/fd", proc);
    for_each_entry(path, look, &search);
    return search.found;
}
