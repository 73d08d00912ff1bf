// SPDX-License-Identifier: MIT
/*
 * The store's state as bytes, so that it outlives the program that holds it. State is a sequence of records
 * (docs/xenstore.md lists them): all of them at once by xs_store_save(), and each change as it happens
 * through the `journal` hook of struct xs_hooks. Applied in that order to a new store, they make it the same
 * again.
 */
#ifndef XENSTORE_STATE_H
#define XENSTORE_STATE_H

#include <stddef.h>

#include <xenstore/conn.h>
#include <xenstore/store.h>

/* Takes whole records. 0, or a positive errno, which ends the saving. */
typedef int xs_state_write(void *ctx, const void *records, size_t len);

/* Saves what outlives connections: nodes, their permissions, domains. 0, ENOMEM, or what `write` returned. */
int xs_store_save(struct xs_store *store, xs_state_write *write, void *ctx);

/*
 * Puts whole records into a store that has no clients yet. Nobody is told of what they change, nor is the
 * journal. 0; ENOMEM; or EINVAL: the records are not what this store writes. After an error the store is good
 * for nothing but xs_store_destroy().
 */
int xs_store_apply(struct xs_store *store, const void *records, size_t len);

/*
 * Restarts a store in place: *other becomes a new one with its state, read back from its records. The
 * connections of <xenstore/local.h> go over by themselves; open the others anew with xs_conn_renew(), close
 * the old ones, and end with xs_store_replace(), after which the old store is gone; or else close the new
 * ones and go back with xs_store_stay(), after which the other is. 0 or a positive errno: nothing happened.
 */
int xs_store_renew(struct xs_store *store, struct xs_store **other);
void xs_store_replace(struct xs_store *store, struct xs_store *other);
void xs_store_stay(struct xs_store *store, struct xs_store *other);
int xs_conn_renew(const struct xs_conn *conn, struct xs_store *other, struct xs_conn **renewed);

/* Saves a connection: its watches, the ids of its transactions, what it is in the middle of sending and
 * reading. As above. */
int xs_conn_save(const struct xs_conn *conn, xs_state_write *write, void *ctx);

/*
 * Makes a connection that has just been opened what the saved one was. Its transactions can no longer be
 * committed: they answer EAGAIN, as after a conflict. 0; ENOMEM or EINVAL: close it.
 */
int xs_conn_restore(struct xs_conn *conn, const void *records, size_t len);

#endif
