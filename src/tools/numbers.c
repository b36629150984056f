/* SPDX-License-Identifier: BSD-3-Clause */
#include "numbers.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool number_parse_bytes(const char *text, uint64_t *bytes_p)
{
    static const char units[] = "KMGT";
    const char *unit;
    unsigned shift = 0;
    uint64_t value;
    char *end;

    if (!isdigit((unsigned char)text[0])) {
        return false; /* strtoull() takes spaces and signs */
    }
    errno = 0;
    value = strtoull(text, &end, strncmp(text, "0x", 2) == 0 ? 16 : 10);
    if (errno != 0) {
        return false;
    }
    unit = *end != '\0' ? strchr(units, *end) : NULL;
    if (unit != NULL) {
        shift = 10 * (unsigned)(unit - units + 1);
        end++;
    }
    if (*end != '\0' || value << shift >> shift != value) {
        return false;
    }
    *bytes_p = value << shift;
    return true;
}

bool number_parse(const char *text, uint64_t most, uint64_t *number_p)
{
    uint64_t value;

    if (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0') {
        return false;
    }
    errno = 0;
    value = strtoull(text, NULL, 10);
    if (errno != 0 || value > most) {
        return false;
    }
    *number_p = value;
    return true;
}
