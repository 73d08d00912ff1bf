// SPDX-License-Identifier: MIT
/*
 * The xenstore command: names, options, output and exit statuses are those of Xen's xenstore-* tools, which
 * it also answers to by name, plus `top`, `quota` and `restart`.
 */
#ifndef DOM0_XENSTORE_H
#define DOM0_XENSTORE_H

#include <stddef.h>

#include <dom0/xl.h>

/* Runs `xenstore argv[1] …` or `xenstore-COMMAND …`; returns the exit status. argv is reordered. */
int xenstore_main(int argc, char **argv);

/* The n-th command, NULL behind the last; and one by its whole name. */
const struct xl_command *xenstore_command_get(size_t n);
const struct xl_command *xenstore_command_find(const char *name);

/* The names of a node's children, for completion: one malloc'ed block, NULL if there are none. */
char **xenstore_children(const char *path, size_t *count);

#endif
