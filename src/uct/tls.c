/* SPDX-License-Identifier: BSD-3-Clause */
#include "tls.h"

#include <stddef.h>
#include <string.h>

static int is_word(const char *text, size_t length, const char *word)
{
    return (length == strlen(word)) && (strncmp(text, word, length) == 0);
}

int uct_peervma_is_left_out(const char *transports)
{
    const char *word;
    size_t length;

    if ((transports == NULL) || (transports[0] == '^')) {
        return 0;
    }
    for (word = transports;; word += length + 1) {
        length = strcspn(word, ",");
        if (is_word(word, length, "all") ||
            is_word(word, length, UCT_PEERVMA_COPY_TL) ||
            is_word(word, length, "\\" UCT_PEERVMA_COPY_TL)) {
            return 0;
        }
        if (word[length] == '\0') {
            return 1;
        }
    }
}

int uct_peervma_has_rdma(const char *transports)
{
    static const char *const names[] = {"all", "rc",  "ud", "dc",
                                        "ib",  "gga", "srd"};
    const char *word;
    size_t i;

    if ((transports == NULL) || (transports[0] == '^')) {
        return 1;
    }
    for (word = transports; *word != '\0'; word += strcspn(word, ",")) {
        word += strspn(word, ",\\");
        for (i = 0; i < sizeof(names) / sizeof(names[0]); ++i) {
            if (strncmp(word, names[i], strlen(names[i])) == 0) {
                return 1;
            }
        }
    }
    return 0;
}
