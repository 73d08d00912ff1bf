// SPDX-License-Identifier: MIT
/* Programs connected to the socket; see client.h. */
#include "client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "server.h"

/* With more than that to be read, a client's requests wait; with more than that in events, it is cut off. */
#define REPLIES_MAX ((size_t)64 << 10)
#define EVENTS_MAX  ((size_t)2560 << 10)

/* Bytes handed to the engine before its output is looked at again: a few requests. */
#define SLICE ((size_t)256)

/* ---- input ---- */

static bool takes_requests(const struct client *client)
{
    return xs_conn_wants_input(client->conn) && xs_conn_pending(client->conn) < REPLIES_MAX;
}

static void receive(struct client *client)
{
    ssize_t got = recv(client->source.fd, client->input + client->input_len,
                       sizeof(client->input) - client->input_len, 0);

    if (got > 0)
        client->input_len += (size_t)got;
    else if (!got || (errno != EAGAIN && errno != EINTR))
        client->finished = true;
}

/* Hands the engine what has come in, as far as there is room for the replies. */
static void feed(struct client *client)
{
    size_t used = 0;

    while (used < client->input_len && takes_requests(client)) {
        size_t slice = client->input_len - used < SLICE ? client->input_len - used : SLICE;
        size_t taken = xs_conn_input(client->conn, client->input + used, slice);

        used += taken;
        if (!taken && takes_requests(client)) {
            log_line("out of memory: a client's connection is closed");
            client->gone = true;
            break;
        }
    }
    client->input_len -= used;
    memmove(client->input, client->input + used, client->input_len);
}

/* ---- output ---- */

static void send_output(struct client *client)
{
    const void *bytes;
    size_t len;

    while (!client->gone && (bytes = xs_conn_output(client->conn, &len))) {
        ssize_t sent = send(client->source.fd, bytes, len, MSG_NOSIGNAL);

        if (sent > 0)
            xs_conn_output_done(client->conn, (size_t)sent);
        else if (errno == EAGAIN)
            break;
        else if (errno != EINTR)
            client->gone = true;
    }
}

/* ---- service ---- */

static void wakeup(void *data)
{
    server_enqueue(data);
}

static void ready(void *data, uint32_t events)
{
    struct client *client = data;

    if (events & EPOLLIN)
        receive(client);
    else if (events & EPOLLERR)
        client->gone = true;
    server_enqueue(client);
}

static bool is_over(const struct client *client)
{
    if (client->gone || xs_conn_error(client->conn))
        return true;
    return client->finished && !client->input_len && !xs_conn_pending(client->conn);
}

static uint32_t interest(const struct client *client)
{
    uint32_t events = 0;

    if (!client->finished && client->input_len < sizeof(client->input) && takes_requests(client))
        events |= EPOLLIN;
    if (xs_conn_pending(client->conn))
        events |= EPOLLOUT;
    return events;
}

bool client_serve(struct client *client)
{
    feed(client);
    send_output(client);
    if (is_over(client))
        return false;
    if (client->input_len && takes_requests(client))
        server_enqueue(client); /* no event tells of what is already here */
    return !loop_change(&client->server->loop, &client->source, interest(client));
}

/* ---- beginning and end ---- */

struct client *client_open(struct server *server, int fd)
{
    struct client *client = calloc(1, sizeof(*client));
    /* Whoever may open the socket is the toolstack, as with Xen's xenstored. */
    struct xs_conn_config config = {
        .domid = 0, .privileged = true, .wakeup = wakeup, .data = client, .events_max = EVENTS_MAX};

    if (client) {
        client->server = server;
        client->source = (struct source){.fd = fd, .ready = ready, .data = client};
        client->conn = xs_conn_open(server->store, &config);
        if (client->conn && !loop_add(&server->loop, &client->source, EPOLLIN))
            return client;
        if (client->conn)
            xs_conn_close(client->conn);
    }
    free(client);
    close(fd);
    return NULL;
}

void client_close(struct client *client)
{
    xs_conn_close(client->conn);
    loop_remove(&client->server->loop, &client->source);
    close(client->source.fd);
    free(client);
}
