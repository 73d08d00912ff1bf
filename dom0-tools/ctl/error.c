// SPDX-License-Identifier: MIT
/*
 * Filling in struct error.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <dom0/error.h>

int error_set(struct error *err, int code, const char *fmt, ...)
{
    va_list args;

    err->code = code;
    va_start(args, fmt);
    vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);
    return code;
}

int error_prefix(struct error *err, const char *fmt, ...)
{
    char prefix[ERROR_TEXT_MAX], text[2 * ERROR_TEXT_MAX + 2];
    va_list args;

    va_start(args, fmt);
    vsnprintf(prefix, sizeof(prefix), fmt, args);
    va_end(args);
    snprintf(text, sizeof(text), "%s: %s", prefix, err->text);
    memcpy(err->text, text, sizeof(err->text) - 1);
    err->text[sizeof(err->text) - 1] = '\0';
    return err->code;
}
