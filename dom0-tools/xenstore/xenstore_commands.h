// SPDX-License-Identifier: MIT
/* The functions behind the command table of xenstore, and what they share. */
#ifndef XENSTORE_COMMANDS_H
#define XENSTORE_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <dom0/xenstore.h>
#include <dom0/xenstored.h>

/* The status of a command that Ctrl-C ended, as Unix shells report it: 128 + SIGINT. */
#define STATUS_INTERRUPTED 130

int xenstore_ls(const struct xl_args *args);
int xenstore_read(const struct xl_args *args);
int xenstore_write(const struct xl_args *args);
int xenstore_mkdir(const struct xl_args *args);
int xenstore_rm(const struct xl_args *args);
int xenstore_list(const struct xl_args *args);
int xenstore_exists(const struct xl_args *args);
int xenstore_chmod(const struct xl_args *args);
int xenstore_watch(const struct xl_args *args);
int xenstore_top(const struct xl_args *args);
int xenstore_quota(const struct xl_args *args);
int xenstore_control(const struct xl_args *args);
int xenstore_restart(const struct xl_args *args);
int xenstore_help(const struct xl_args *args);

/* Says on stderr what went wrong with `path` (rc is the store's negative errno); returns the exit status. */
int xenstore_fail(const struct xl_args *args, const char *path, int rc);

/* A whole string as a number; false if it is none, or larger than 32 bits. */
bool xenstore_number(const char *text, uint32_t *number);

/* ---- text.c ---- */

/* A value for a person's eyes, as the original tools show it: malloc'ed, NULL without memory. */
char *xenstore_escape(const char *value, size_t len);

/* Undoes that in place: \\, \t, \n, \r, \xHH, \ooo. False: something else is behind a backslash. */
bool xenstore_unescape(char *text, size_t *len);

/* "n0" and the like; false if it is none. */
bool xenstore_parse_perm(const char *text, struct xs_perm *perm);

/* ---- walk.c ---- */

/*
 * Calls visit for each node below `top`, parents first, until it returns something else than 0. What goes
 * while we walk is left out. Returns what visit did, or the store's negative errno for `top` itself.
 */
typedef int xenstore_visit(void *ctx, const char *path, const char *name, unsigned int depth);
int xenstore_walk(struct xs_local *xs, uint32_t tx, const char *top, xenstore_visit *visit, void *ctx);

#endif
