// SPDX-License-Identifier: MIT
/* The store itself: what all its parts share. */
#ifndef XS_INTERNAL_H
#define XS_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include <stdio.h>
#include <sys/queue.h>

#include <xenstore/store.h>
#include <xenstore/wire_newer.h>

#include "hash.h"
#include "tree.h"

/* Whose the root and the special nodes are, and the initial structure. */
#define XS_ROOT_OWNER 0

/* Of the ring page's server_features. */
#define XS_FEATURES \
    (XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR | XENSTORE_WIRE_FEATURE_WATCHDEPTH)

enum xs_special { XS_INTRODUCE_DOMAIN, XS_RELEASE_DOMAIN, XS_SPECIAL_COUNT };

/* Who made the latest changes, and the store's generation after each. */
#define XS_CHANGE_NOTES 32
struct xs_change_note {
    uint64_t gen;
    struct xs_domain *domain;
};

struct xs_store {
    struct xs_hooks hooks;
    uint64_t seed;           /* of all hash tables */
    uint64_t gen;            /* goes up by every change; never comes back */
    uint64_t last_death_gen; /* when a domain last died */
    struct xs_node *root;
    struct xs_acl *special[XS_SPECIAL_COUNT]; /* who may see @introduceDomain and @releaseDomain */
    struct xs_hash domains;                   /* struct xs_domain by domid */
    struct xs_hash watch_sets;                /* struct xs_watch_set by path */
    struct xs_hash watches;                   /* struct xs_watch by connection, path and token */
    struct xs_change_note changes[XS_CHANGE_NOTES];
    unsigned int change_count;
    LIST_HEAD(, xs_conn) conns;
    LIST_HEAD(, xs_local) locals;
    uint32_t limits[XS_QUOTA_COUNT];
    uint32_t limited; /* by SET_QUOTA, since it was made or saved: a bit for each */
    uint64_t now;     /* ms since some time in the past; 0: nobody says */

    /* Too large for a small stack, and never in use twice at once. */
    struct xs_walk walk;      /* of the operation at hand */
    struct xs_cursor removed; /* over a subtree that is being removed */
    struct xs_cursor sweep;   /* over the tree, for the nodes of a dead domain */
};

/* Path of a special node, and the reverse; XS_SPECIAL_COUNT if the path is none of them. */
const char *xs_special_path(enum xs_special special);
enum xs_special xs_special_of(const char *path);

/*
 * The same of what can be watched: beside those, "@releaseDomain/<domid>" for one domain.
 */
enum xs_special xs_special_of_watch(const char *path);

/* Reads a domain's number. */
bool xs_parse_domid(const char *text, uint16_t *domid);

/* Reads a whole string as a decimal number from 0 to max. */
bool xs_parse_number(const char *text, uint64_t max, uint64_t *number);

/* Clients in the same program (local.c) in a restart: made ready in another store, then at home there or not.
 */
int xs_locals_renew(struct xs_store *store, struct xs_store *other);
void xs_locals_switch(struct xs_store *store, struct xs_store *other);
void xs_locals_stay(struct xs_store *store);

/* Calls the log hook with a sentence built as printf does. */
void xs_log(struct xs_store *store, uint16_t domid, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
