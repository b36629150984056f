/* SPDX-License-Identifier: BSD-3-Clause */
/* Colour and bold type, on terminals only. */
#ifndef PEERVMA_TOOLS_STYLE_H
#define PEERVMA_TOOLS_STYLE_H

#include <stdio.h>

enum style {
    STYLE_PLAIN,
    STYLE_HEADING,
    STYLE_GOOD,
    STYLE_WARNING,
    STYLE_BAD,
};

/*
 * What begins and what ends a style on this stream: escape sequences where it
 * is a terminal and neither NO_COLOR nor TERM=dumb is in the environment, and
 * else empty texts.
 */
const char *style_begin(FILE *stream, enum style style);
const char *style_end(FILE *stream, enum style style);

#endif
