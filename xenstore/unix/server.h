// SPDX-License-Identifier: MIT
/* The service: the listening socket, the clients behind it, and the loop that serves them in turn. */
#ifndef XSD_SERVER_H
#define XSD_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include <sys/queue.h>

#include <xenstore/store.h>

#include "client.h"
#include "loop.h"

struct server {
    struct loop loop;
    struct xs_store *store;
    struct source listener;
    LIST_HEAD(, client) clients;
    TAILQ_HEAD(client_queue, client) queue; /* clients with something to do */
    bool full;                              /* new clients wait: this process may open no more files */
};

/* Begins to take clients from a listening socket. 0 or a positive errno. */
int server_start(struct server *server, struct xs_store *store, int listener);

/* Takes over a connected socket, non-blocking. NULL: out of memory; it is closed. */
struct client *server_add(struct server *server, int fd);

/* Waits for something to happen and does it. */
void server_run_once(struct server *server);

/* Disconnects all clients; what they have not read by now is lost. */
void server_stop(struct server *server);

/* The client is to be served soon. For client.c. */
void server_enqueue(struct client *client);

#endif
