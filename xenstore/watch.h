// SPDX-License-Identifier: MIT
/*
 * Watches. Those at one path form a set, found by the path's hash: a change looks up its own path and each
 * ancestor's and so visits no unrelated watch. Events are collected before a change takes effect and
 * delivered after it, when nothing can fail.
 */
#ifndef XS_WATCH_H
#define XS_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/queue.h>

#include "conn.h"
#include "hash.h"
#include "internal.h"

struct xs_update;
struct xs_watch_set;

struct xs_watch {
    struct xs_hash_entry entry; /* in store->watches */
    LIST_ENTRY(xs_watch) in_conn;
    TAILQ_ENTRY(xs_watch) in_set;
    struct xs_watch_set *set;
    struct xs_conn *conn;
    uint32_t depth; /* levels below its path that count */
    bool relative;  /* was asked for by a path relative to the domain's own: so are its events */
    char token[];
};

/* Any level counts. For a special path there is beside this only 1: the event tells the domain. */
#define XS_DEPTH_ANY UINT32_MAX

/* A watch to be. */
struct xs_watch_request {
    const char *path, *token;
    bool relative;
    uint32_t depth;
};

/* WATCH: adds it and queues the acknowledgement and its first event. 0 or a positive errno. */
int xs_watch_add(struct xs_conn *conn, const struct xs_watch_request *request);

/* One that was there before a restart: no answer, no event. 0, ENOMEM, or EINVAL if it is there. */
int xs_watch_restore(struct xs_conn *conn, const struct xs_watch_request *request);

const char *xs_watch_path(const struct xs_watch *watch);
size_t xs_watch_memory(const struct xs_watch *watch); /* bytes charged for it */

/* UNWATCH: 0 or ENOENT. */
int xs_watch_remove(struct xs_conn *conn, const char *path, const char *token);
void xs_watch_remove_all(struct xs_conn *conn);

/* Adds to *events what an update has to tell. False: out of memory. */
bool xs_watch_collect_update(struct xs_store *store, const struct xs_update *update,
                             struct xs_msg_list *events);
/* The same when `domid` was introduced or released. */
bool xs_watch_collect_special(struct xs_store *store, enum xs_special special, uint16_t domid,
                              struct xs_msg_list *events);

void xs_watch_deliver(struct xs_msg_list *events);
void xs_watch_forget(struct xs_msg_list *events);

#endif
