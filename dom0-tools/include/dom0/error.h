// SPDX-License-Identifier: MIT
/*
 * An error with its story: a negative errno for the caller that decides and one line of text for the person
 * that reads. Every dom0 tool function that can fail takes a `struct error *` and fills it where the cause is
 * known; callers add what they know (which file, which domain) with error_prefix() and pass it on.
 */
#ifndef DOM0_ERROR_H
#define DOM0_ERROR_H

#define ERROR_TEXT_MAX 320

struct error {
    int code;                  /* negative errno; 0 while nothing failed */
    char text[ERROR_TEXT_MAX]; /* one line without a newline, cut if it is longer */
};

/* Set *err to @code (a negative errno) and the formatted text. Returns @code, so that `return error_set(…)`
 * reads well. */
int error_set(struct error *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Put the formatted text and ": " in front of what *err says. Returns err->code. */
int error_prefix(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
