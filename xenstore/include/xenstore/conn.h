// SPDX-License-Identifier: MIT
/*
 * A client's connection to the store, as a transport sees it: bytes of requests go in, bytes of replies and
 * watch events come out. The engine answers a request as soon as its last byte is in. Nothing here blocks:
 * when a client doesn't fetch its replies, its further requests aren't taken; when it doesn't fetch its watch
 * events, it is cut off at its memory quota, or at a limit that its transport sets.
 */
#ifndef XENSTORE_CONN_H
#define XENSTORE_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include <stddef.h>

#include <xenstore/store.h>

struct xs_conn_config {
    uint16_t domid;    /* whose rights apply, who is charged */
    bool privileged;   /* may do everything, has no quotas: the toolstack's */
    bool domain_ring;  /* this is the connection of the domain's own ring: one per domain */
    size_t events_max; /* bytes of output not fetched beyond which an event ends the connection; 0: the
                          quota's */

    /*
     * Output is pending, the connection failed, or it takes input again. Called from inside the engine,
     * perhaps while another client's request is handled: it may only note that this connection needs service.
     */
    void (*wakeup)(void *data);
    void *data;
};

/* NULL: out of memory. */
struct xs_conn *xs_conn_open(struct xs_store *store, const struct xs_conn_config *config);

/* Drops its watches, transactions and pending output. Not from inside the engine, save from the `release`
 * hook. */
void xs_conn_close(struct xs_conn *conn);

/*
 * Takes request bytes, in pieces of any size, and handles each request that is complete. Returns the number
 * of bytes taken: fewer than `len` means the client must fetch replies first (try again after
 * xs_conn_output_done), or that the connection has failed.
 */
size_t xs_conn_input(struct xs_conn *conn, const void *bytes, size_t len);

/* True if xs_conn_input would take a byte now. */
bool xs_conn_wants_input(const struct xs_conn *conn);

/* If it takes no input because its domain has written too fast: in how many ms it will, else 0. Nobody is
 * woken then. */
uint32_t xs_conn_delay(const struct xs_conn *conn);

/* The next pending output: *len contiguous bytes, valid until the next call on this store. NULL: nothing is
 * pending. */
const void *xs_conn_output(struct xs_conn *conn, size_t *len);

/* The first `len` bytes of what xs_conn_output showed have been delivered. */
void xs_conn_output_done(struct xs_conn *conn, size_t len);

/* XENSTORE_ERROR_NONE; or _PROTO or _COMM: why the connection takes and gives nothing any more. */
uint32_t xs_conn_error(const struct xs_conn *conn);

/* Forgets watches, transactions, half-read requests, pending output and the error: a new client on the same
 * ring. */
void xs_conn_reset(struct xs_conn *conn);

/* Number of bytes of replies and events not yet delivered. */
size_t xs_conn_pending(const struct xs_conn *conn);

#endif
