/* SPDX-License-Identifier: BSD-3-Clause */
#include "style.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* https://no-color.org: set, and not empty. */
static bool is_coloured(FILE *stream)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return isatty(fileno(stream)) &&
           (no_color == NULL || no_color[0] == '\0') &&
           (term == NULL || strcmp(term, "dumb") != 0);
}

const char *style_begin(FILE *stream, enum style style)
{
    static const char *const sequences[] = {
        [STYLE_PLAIN] = "",        [STYLE_HEADING] = "\033[1m",
        [STYLE_GOOD] = "\033[32m", [STYLE_WARNING] = "\033[33m",
        [STYLE_BAD] = "\033[31m",
    };

    return is_coloured(stream) ? sequences[style] : "";
}

const char *style_end(FILE *stream, enum style style)
{
    return style != STYLE_PLAIN && is_coloured(stream) ? "\033[0m" : "";
}
