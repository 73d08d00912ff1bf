// SPDX-License-Identifier: MIT
//
// XenStore client over the domain's ring. Calls wait for the reply and may be made by several threads at
// once. Paths without a leading '/' are relative to the domain's own. XS_NONE stands for "no transaction".
// Functions return 0 or more, or a negative errno (the store's own error); pointers are malloc'ed, NULL with
// errno set on failure.
#ifndef GUEST_XENSTORE_H
#define GUEST_XENSTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>

typedef uint32_t xs_tx;
#define XS_NONE 0u

// True if this domain has a store ring; without one every call gives ENODEV.
bool xs_available(void);

// Value of a node, with a NUL behind it that *size (may be NULL) doesn't count.
char *xs_read(xs_tx tx, const char *path, size_t *size);
int xs_write(xs_tx tx, const char *path, const void *value, size_t size);
int xs_printf(xs_tx tx, const char *path, const char *format, ...) __attribute__((format(printf, 3, 4)));
// Reads a node and parses it as scanf does; returns the number of conversions.
int xs_scanf(xs_tx tx, const char *path, const char *format, ...) __attribute__((format(scanf, 3, 4)));
int xs_mkdir(xs_tx tx, const char *path);
int xs_rm(xs_tx tx, const char *path);

// Names of a node's children, however many: one malloc'ed block to free, *count entries.
char **xs_ls(xs_tx tx, const char *path, unsigned *count);

// Permissions in the store's text form, "n0" "r5" ...: the first entry names the owner.
int xs_set_perms(xs_tx tx, const char *path, const char *const *perms, unsigned count);
char **xs_get_perms(xs_tx tx, const char *path, unsigned *count);

// /local/domain/N of a domain, malloc'ed.
char *xs_domain_path(domid_t dom);

// Transactions. xs_tx_end(commit) gives -EAGAIN when another writer interfered; xs_transaction runs fn until
// it commits, or aborts with fn's own negative result.
int xs_tx_start(xs_tx *tx);
int xs_tx_end(xs_tx tx, bool commit);
int xs_transaction(int (*fn)(xs_tx tx, void *arg), void *arg);

// Watches. fn(path, arg) runs on the kit's xenstore thread (it may call xs_* and block) once at once and
// after every change below path.
struct xs_watch;
struct xs_watch *xs_watch(const char *path, void (*fn)(const char *path, void *arg), void *arg);
void xs_unwatch(struct xs_watch *watch);

#endif
