// SPDX-License-Identifier: MIT
/* Clients come, are served in turn, and go; see server.h. */
#define _GNU_SOURCE
#include "server.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"

/* ---- new clients ---- */

static void set_full(struct server *server, bool full)
{
    server->full = full;
    loop_change(&server->loop, &server->listener, full ? 0 : EPOLLIN);
}

/* One client per round: those who are here already have their turn in between. */
static void accept_client(void *data, uint32_t events)
{
    struct server *server = data;
    int fd = accept4(server->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)events;
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            log_line("new clients wait until others leave: %s", strerror(errno));
            set_full(server, true);
        }
        return;
    }
    server_add(server, fd);
}

struct client *server_add(struct server *server, int fd)
{
    struct client *client = client_open(server, fd);

    if (client)
        LIST_INSERT_HEAD(&server->clients, client, in_server);
    else
        log_line("a client is turned away: out of memory");
    return client;
}

/* ---- service ---- */

void server_enqueue(struct client *client)
{
    if (client->queued)
        return;
    client->queued = true;
    TAILQ_INSERT_TAIL(&client->server->queue, client, in_queue);
}

static void drop(struct server *server, struct client *client)
{
    if (client->queued)
        TAILQ_REMOVE(&server->queue, client, in_queue);
    LIST_REMOVE(client, in_server);
    client_close(client);
    if (server->full)
        set_full(server, false);
}

/* Everybody who is in the queue now, once. */
static void serve_queue(struct server *server)
{
    struct client_queue now = TAILQ_HEAD_INITIALIZER(now);
    struct client *client;

    TAILQ_CONCAT(&now, &server->queue, in_queue);
    while ((client = TAILQ_FIRST(&now))) {
        TAILQ_REMOVE(&now, client, in_queue);
        client->queued = false;
        if (!client_serve(client))
            drop(server, client);
    }
}

void server_run_once(struct server *server)
{
    loop_wait(&server->loop, TAILQ_EMPTY(&server->queue) ? -1 : 0);
    serve_queue(server);
}

/* ---- beginning and end ---- */

int server_start(struct server *server, struct xs_store *store, int listener)
{
    int error;

    memset(server, 0, sizeof(*server));
    LIST_INIT(&server->clients);
    TAILQ_INIT(&server->queue);
    server->store = store;
    server->listener = (struct source){.fd = listener, .ready = accept_client, .data = server};
    error = loop_open(&server->loop);
    return error ? error : loop_add(&server->loop, &server->listener, EPOLLIN);
}

void server_stop(struct server *server)
{
    while (!LIST_EMPTY(&server->clients))
        drop(server, LIST_FIRST(&server->clients));
    loop_remove(&server->loop, &server->listener);
    close(server->loop.epoll);
}
