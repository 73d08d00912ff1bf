// SPDX-License-Identifier: MIT
/* Values and permissions as text. */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/xen.h>

#include "xenstore_commands.h"

#define ESCAPED_MAX 4 /* characters that stand for one byte */

/* What stands behind the backslash for such a byte; 0: nothing does. */
static char short_escape(char c)
{
    switch (c) {
    case '\t': return 't';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\\': return '\\';
    default: return 0;
    }
}

static size_t escape_byte(char *out, unsigned char c)
{
    char letter = short_escape((char)c);

    if (letter)
        return (size_t)sprintf(out, "\\%c", letter);
    if (c >= ' ' && c < 0x7f)
        return (size_t)sprintf(out, "%c", c);
    return (size_t)sprintf(out, c < 0x80 ? "\\%03o" : "\\x%02x", c);
}

char *xenstore_escape(const char *value, size_t len)
{
    char *text = malloc(len * ESCAPED_MAX + 1), *at = text;

    if (!text)
        return NULL;
    for (size_t i = 0; i < len; i++)
        at += escape_byte(at, (unsigned char)value[i]);
    *at = '\0';
    return text;
}

/* Reads up to `digits` digits of that base; false if there is none, or the number is no byte. */
static bool take_number(const char **text, unsigned int base, unsigned int digits, char *byte)
{
    unsigned int value = 0, taken = 0;

    for (; taken < digits && isxdigit((unsigned char)**text); taken++, ++*text) {
        unsigned int digit = isdigit((unsigned char)**text) ? (unsigned int)(**text - '0')
                                                            : (unsigned int)((**text | 0x20) - 'a') + 10;

        if (digit >= base)
            break;
        value = value * base + digit;
    }
    *byte = (char)value;
    return taken && value <= UINT8_MAX;
}

static bool take_escape(const char **text, char *byte)
{
    static const char letters[] = "tnr\\", bytes[] = "\t\n\r\\";
    const char *letter = **text ? strchr(letters, **text) : NULL;

    if (letter) {
        *byte = bytes[letter - letters];
        ++*text;
        return true;
    }
    if (**text == 'x') {
        ++*text;
        return take_number(text, 16, 2, byte);
    }
    return take_number(text, 8, 3, byte);
}

bool xenstore_unescape(char *text, size_t *len)
{
    const char *from = text;
    char *to = text;

    while (*from) {
        if (*from != '\\') {
            *to++ = *from++;
            continue;
        }
        from++;
        if (!take_escape(&from, to++))
            return false;
    }
    *len = (size_t)(to - text);
    return true;
}

bool xenstore_parse_perm(const char *text, struct xs_perm *perm)
{
    uint32_t domid;

    if (!*text || !strchr("nrwb", *text) || !xenstore_number(text + 1, &domid) ||
        domid >= DOMID_FIRST_RESERVED)
        return false;
    *perm = (struct xs_perm){.domid = (uint16_t)domid, .access = *text};
    return true;
}

bool xenstore_number(const char *text, uint32_t *number)
{
    uint64_t value = 0;

    if (!*text)
        return false;
    for (; *text; text++) {
        if (!isdigit((unsigned char)*text) || value > UINT32_MAX)
            return false;
        value = value * 10 + (uint64_t)(*text - '0');
    }
    *number = (uint32_t)value;
    return value <= UINT32_MAX;
}
