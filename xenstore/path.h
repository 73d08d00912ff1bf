// SPDX-License-Identifier: MIT
/*
 * Paths: "/" or "/name/name…", names of letters, digits and "-_@", no empty name, no trailing slash. A
 * relative path stands for one below its domain's own directory, /local/domain/<domid>.
 */
#ifndef XS_PATH_H
#define XS_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include <stddef.h>

#include <errno.h>
#include <xen/io/xs_wire.h>

#define XS_PATH_SIZE (XENSTORE_ABS_PATH_MAX + 1)

/* The deepest path has one-letter names. */
#define XS_DEPTH_MAX (XENSTORE_ABS_PATH_MAX / 2)

/* One component of a path; not terminated. */
struct xs_name {
    const char *text;
    size_t len;
};

/* Takes the next component off *rest (which may start with a slash). False at the end. */
bool xs_path_next(const char **rest, struct xs_name *name);

/* Writes the absolute form of a client's path. False if it is malformed or too long: EINVAL. */
bool xs_path_absolute(const char *path, uint16_t domid, char out[XS_PATH_SIZE]);

/* Writes what stands before a domain's relative paths, "/local/domain/<domid>/", and returns its length. */
#define XS_PATH_PREFIX_SIZE sizeof("/local/domain/65535/")
size_t xs_path_domain_prefix(uint16_t domid, char out[XS_PATH_PREFIX_SIZE]);

#endif
