// SPDX-License-Identifier: MIT
/* dom0's files: the boot modules, as people name them. */
#ifndef DOM0_FILES_H
#define DOM0_FILES_H

#include <guest/module.h>

#include <dom0/error.h>

#define FILES_DIRECTORY "/files"

/* The file at `path` ("/files/NAME", or just "NAME"). NULL with *err, which lists the files there are. */
const struct module *file_find(const char *path, struct error *err);

/* The n-th file that is not hidden (its name does not start with '.'), NULL behind the last. */
const struct module *file_get(unsigned n);

#endif
