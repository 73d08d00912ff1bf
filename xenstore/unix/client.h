// SPDX-License-Identifier: MIT
/*
 * A program connected to the socket. Its requests go into the engine as they come, replies and events go out
 * as far as it takes them. When it doesn't read its replies, its requests are no longer read; when it doesn't
 * read its events either, it is cut off. So no client holds more than a bounded amount of memory.
 */
#ifndef XSD_CLIENT_H
#define XSD_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include <sys/queue.h>

#include <xenstore/conn.h>

#include "loop.h"

struct server;

#define CLIENT_INPUT_SIZE 4096

struct client {
    struct source source; /* its socket */
    LIST_ENTRY(client) in_server;
    TAILQ_ENTRY(client) in_queue; /* of clients to be served */
    struct server *server;
    struct xs_conn *conn;
    bool queued;
    bool finished; /* it sends no more */
    bool gone;     /* nobody is there to read */
    size_t input_len;
    char input[CLIENT_INPUT_SIZE]; /* requests that the engine hasn't taken yet */
};

/* Takes over a connected socket, non-blocking. NULL: out of memory or out of the system's means; it is
 * closed. */
struct client *client_open(struct server *server, int fd);

/* Not from inside the engine or a source's `ready`. */
void client_close(struct client *client);

/* Moves what can be moved in both directions, without blocking. False: the connection is over; close it. */
bool client_serve(struct client *client);

#endif
