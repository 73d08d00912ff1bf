// SPDX-License-Identifier: MIT
/*
 * The store's client for code in the same program: the toolstack in dom0, tests. Calls are answered at once
 * and never block. Unless it says otherwise a function returns 0 or a negative errno (-ENOENT, -EACCES,
 * -EEXIST, -EAGAIN …), the store's own answer. Paths are absolute. `tx` is XS_TX_NONE or a transaction's id.
 */
#ifndef XENSTORE_LOCAL_H
#define XENSTORE_LOCAL_H

#include <stdbool.h>
#include <stdint.h>

#include <stddef.h>

#include <xenstore/perm.h>
#include <xenstore/store.h>

#define XS_TX_NONE 0U

struct xs_local;
struct xs_local_watch;

/*
 * Opens a privileged connection for domain 0. `wakeup` (may be NULL) is called when watch events wait for
 * xs_local_dispatch(); it runs inside the engine and may only make a thread runnable. NULL: out of memory.
 */
struct xs_local *xs_local_open(struct xs_store *store, void (*wakeup)(void *data), void *data);
void xs_local_close(struct xs_local *local);

/* *value is malloc'ed, `len` bytes and a terminating NUL (not counted); len may be NULL. */
int xs_local_read(struct xs_local *local, uint32_t tx, const char *path, char **value, size_t *len);

/* Creates the node and missing parents if need be. */
int xs_local_write(struct xs_local *local, uint32_t tx, const char *path, const void *value, size_t len);
int xs_local_printf(struct xs_local *local, uint32_t tx, const char *path, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

int xs_local_mkdir(struct xs_local *local, uint32_t tx, const char *path);

/* Removes the node and all below it. -ENOENT only if its parent doesn't exist either. */
int xs_local_rm(struct xs_local *local, uint32_t tx, const char *path);

/* The same, then each parent that is left with neither children nor value. Best in a transaction. */
int xs_local_rm_and_empty_parents(struct xs_local *local, uint32_t tx, const char *path);

/* The children's names, sorted, of any number. One malloc'ed block: free(*names). */
int xs_local_ls(struct xs_local *local, uint32_t tx, const char *path, char ***names, size_t *count);

bool xs_local_exists(struct xs_local *local, uint32_t tx, const char *path);

int xs_local_set_perms(struct xs_local *local, uint32_t tx, const char *path, const struct xs_perm *perms,
                       size_t count);
/* *perms is malloc'ed. */
int xs_local_get_perms(struct xs_local *local, uint32_t tx, const char *path, struct xs_perm **perms,
                       size_t *count);

/* A commit that returns -EAGAIN had no effect, as what it read has changed: begin the transaction again. */
int xs_local_tx_start(struct xs_local *local, uint32_t *tx);
int xs_local_tx_commit(struct xs_local *local, uint32_t tx);
void xs_local_tx_abort(struct xs_local *local, uint32_t tx);

/*
 * Watches a path (or "@introduceDomain", "@releaseDomain"). fn runs from xs_local_dispatch() with the path
 * that changed, once at first and then after each change there or below; it may use the store freely, also to
 * unwatch.
 */
int xs_local_watch(struct xs_local *local, const char *path, void (*fn)(void *data, const char *path),
                   void *data, struct xs_local_watch **watch);
void xs_local_unwatch(struct xs_local *local, struct xs_local_watch *watch);

/* Runs the callbacks of all events that wait; returns how many. For the thread that wakeup woke. */
unsigned int xs_local_dispatch(struct xs_local *local);

/* Sets the limit of all domains (domid -1) or of one; 0 is no limit. -ENOENT: the store doesn't know the
 * domain. */
int xs_local_set_quota(struct xs_local *local, int domid, const char *name, uint32_t limit);

/* A command of CONTROL, in words; *answer is malloc'ed. -EINVAL: the store has no such command. */
int xs_local_control(struct xs_local *local, char *const *words, size_t count, char **answer);

/* Connects a domain to the store through its ring page at `gfn` and its event channel `port` (the domain's
 * end). */
int xs_local_introduce(struct xs_local *local, uint16_t domid, uint64_t gfn, uint32_t port);
int xs_local_release(struct xs_local *local, uint16_t domid);
int xs_local_resume(struct xs_local *local, uint16_t domid);
bool xs_local_is_introduced(struct xs_local *local, uint16_t domid);

#endif
