// SPDX-License-Identifier: MIT
/*
 * The store: one tree of named values shared by the toolstack, the backends and the guests, with watches,
 * transactions, permissions and quotas. The engine does no I/O and keeps no globals: requests come in as
 * bytes through a connection
 * (<xenstore/conn.h>), and what it wants from the outside world it asks through the hooks below. It is
 * single-threaded: the caller never enters it from two threads at once, nor from inside a hook unless that
 * hook says it may.
 *
 * Operations, limits and error strings are those of Xen's public io/xs_wire.h; docs/xenstore.md tells the
 * rest.
 */
#ifndef XENSTORE_STORE_H
#define XENSTORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include <stddef.h>

struct xs_store;
struct xs_conn;

/* What an unprivileged domain may hold or do; in brackets the default, where Xen's xenstored has it the same.
 * A limit of 0 is none. */
enum xs_quota {
    XS_QUOTA_NODES,             /* nodes owned (1000) */
    XS_QUOTA_WATCHES,           /* watches registered (128) */
    XS_QUOTA_TRANSACTIONS,      /* transactions open at once (10) */
    XS_QUOTA_OUTSTANDING,       /* replies not yet fetched before its requests wait (20) */
    XS_QUOTA_TRANSACTION_NODES, /* nodes read or written in one transaction (1024) */
    XS_QUOTA_PERMISSIONS,       /* entries of one permission list (5) */
    XS_QUOTA_NODE_SIZE,         /* bytes of value, name and permissions of one node (2048) */
    XS_QUOTA_MEMORY,            /* bytes of nodes, watches and pending output (2.5 MiB) */
    XS_QUOTA_MEMORY_SOFT,       /* the same, only logged (2 MiB) */
    XS_QUOTA_WRITE_RATE,        /* writes a second beyond which its requests wait (1000) */
    XS_QUOTA_COUNT
};

/* A limit somebody ran into. The client has its error answer; this is for the administrator. */
struct xs_quota_report {
    enum xs_quota quota;
    const char *name;  /* of the quota, as users type it: "nodes" */
    uint16_t domid;    /* who is charged */
    uint32_t limit;    /* the value that stood in the way */
    const char *path;  /* the node or watch that did not fit; "" when the limit isn't about a path */
    uint64_t refusals; /* how often this domain has met this limit; reported when it is a power of two */
};

struct xs_hooks {
    void *ctx; /* handed to each hook */

    void (*quota_exceeded)(void *ctx, const struct xs_quota_report *report);

    /* A client broke the protocol or a domain was refused something odd; `what` is a whole sentence without
     * newline. */
    void (*log)(void *ctx, uint16_t domid, const char *what);

    /*
     * INTRODUCE: map the domain's ring page (grant 1, or `gfn`), bind `port` (the domain's end) and open its
     * connection with xs_conn_open(). Introduced again, a domain has its connection already: only bind the
     * new port. Returns 0 or a positive errno for the caller of INTRODUCE.
     */
    int (*introduce)(void *ctx, uint16_t domid, uint64_t gfn, uint32_t port);

    /* The domain is gone or released: close its connection with xs_conn_close(), unmap, unbind. */
    void (*release)(void *ctx, uint16_t domid);

    /*
     * What is about to happen, as records of <xenstore/state.h>: all that has to be kept together, and
     * nothing has taken effect yet. Returns 0, or a positive errno (ENOSPC, EIO): then the client gets that
     * for an answer, and nothing happens.
     */
    int (*journal)(void *ctx, const void *records, size_t len);

    /*
     * A command of CONTROL that the engine doesn't know, in words, at least one: it writes its answer as a
     * string to `answer`, which says "OK" if it doesn't. Returns 0 or a positive errno; EINVAL: there is no
     * such command. `control_help` lists these commands, a line each; NULL: there are none.
     */
    int (*control)(void *ctx, const char *const *words, size_t count, char *answer, size_t size);
    const char *control_help;
};

/*
 * Creates a store that holds "/", "/tool", "/tool/xenstored" (and "@introduceDomain", "@releaseDomain", which
 * can't be listed), all owned by domain 0. `seed` keys the hash tables: give it something a guest can't
 * guess. NULL: out of memory.
 */
struct xs_store *xs_store_create(const struct xs_hooks *hooks, uint64_t seed);

/* Frees everything; all connections must have been closed. */
void xs_store_destroy(struct xs_store *store);

/* Its name as users type it, "nodes". */
const char *xs_quota_name(enum xs_quota quota);

uint32_t xs_store_quota(const struct xs_store *store, enum xs_quota quota);
void xs_store_set_quota(struct xs_store *store, enum xs_quota quota, uint32_t limit);

/* Tells the store the time, in ms since whenever; without, nobody's write rate is limited. */
void xs_store_set_time(struct xs_store *store, uint64_t ms);

/* What a domain has done since it was introduced. */
struct xs_activity {
    uint64_t reads, writes; /* requests; reads are all that change nothing */
    uint64_t events;        /* of its watches */
};

struct xs_domain_info {
    uint16_t domid;
    bool introduced;
    struct xs_activity activity;
    uint32_t usage[XS_QUOTA_COUNT]; /* see xs_store_usage() */
    uint32_t limits[XS_QUOTA_COUNT];
    uint64_t refusals[XS_QUOTA_COUNT]; /* how often it met a limit */
};

/* The domain with the lowest number from `domid` on that is introduced or holds something. False: there is
 * none. */
bool xs_store_next_domain(const struct xs_store *store, uint16_t domid, struct xs_domain_info *info);

/* What domain `domid` uses of a quota that counts something it holds (nodes, watches, transactions, memory);
 * else 0. */
uint32_t xs_store_usage(const struct xs_store *store, uint16_t domid, enum xs_quota quota);

/*
 * A domain changed state (VIRQ_DOM_EXC). Shut down: @releaseDomain fires once, until RESUME re-arms it. Dead:
 * the hook `release` is called, its nodes are removed, permissions naming it are void, @releaseDomain fires.
 * Both do nothing for a domain that isn't introduced. Return 0, or ENOMEM: then nothing happened, and the
 * caller tries again later.
 */
int xs_store_domain_shut_down(struct xs_store *store, uint16_t domid);
int xs_store_domain_dead(struct xs_store *store, uint16_t domid);

#endif
