// SPDX-License-Identifier: MIT
/*
 * The shared-page transport: moves bytes between a domain's struct xenstore_domain_interface and its
 * connection. The domain can change any field of the page at any moment, so each index is read once per pass,
 * checked, then used.
 *
 * Of the page's fields the domain writes req, req_prod, rsp_cons and connection (to ask for a reconnect), the
 * store all others. Later headers than 4.17's have an evtchn_port behind error, by which a store finds the
 * port of a domain that was started without a toolstack. There are no such domains here: INTRODUCE always
 * says which port, and what a domain wrote into its page isn't taken for it. Bytes behind error are neither
 * read nor written.
 */
#ifndef XENSTORE_RING_H
#define XENSTORE_RING_H

#include <stdbool.h>
#include <stdint.h>

#include <errno.h>
#include <xen/io/xs_wire.h>

#include <xenstore/conn.h>

struct xs_ring {
    struct xenstore_domain_interface *page; /* mapped shared page, hostile */
    struct xs_conn *conn;
    void (*notify)(void *data); /* signal the domain's event channel */
    void *data;
    bool broken;                 /* the connection failed and the domain knows; it may reconnect */
    uint32_t req_cons, rsp_prod; /* our indices; those in the page are only what we tell the domain */
};

/* Attaches a connection to a page and announces our features in it. */
void xs_ring_attach(struct xs_ring *ring, struct xenstore_domain_interface *page, struct xs_conn *conn,
                    void (*notify)(void *data), void *data);

/*
 * Delivers pending output, takes requests, serves a reconnect; notifies the domain if an index moved. Call it
 * after the domain's event and after the connection's wakeup. Does a bounded amount of work and returns true
 * if there is more to do at once; the caller lets others run in between.
 */
bool xs_ring_run(struct xs_ring *ring);

#endif
