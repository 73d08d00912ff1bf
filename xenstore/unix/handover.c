// SPDX-License-Identifier: MIT
/*
 * Re-execution; see handover.h. What is handed over is a file of batches whose number is in the environment:
 * one record FILES, the store's state, then for each client a batch with the record CLIENT and the state of
 * its connection.
 */
#define _GNU_SOURCE
#include "handover.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xenstore/state.h>

#include "../records.h"
#include "batch.h"
#include "log.h"

#define VARIABLE "XENSTORED_HANDOVER"

/* Beside those of ../records.h. */
#define RECORD_FILES  32 /* u32 listening socket, u32 lock file, the log file's path or "" */
#define RECORD_CLIENT 33 /* u32 socket, u8 sends no more, bytes that the engine hasn't taken */

static char program[PATH_MAX];
static char **arguments;

void handover_init(char **argv)
{
    ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);

    program[len > 0 ? len : 0] = '\0';
    arguments = argv;
}

struct handover_target handover_again(void)
{
    return (struct handover_target){.program = program, .arguments = arguments};
}

/* ---- giving ---- */

struct file {
    int fd;
    uint64_t size;
};

static int write_batch(void *ctx, const void *records, size_t len)
{
    struct file *file = ctx;
    int error = batch_write(file->fd, file->size, records, len);

    file->size += BATCH_OVERHEAD + len;
    return error;
}

static int collect(void *ctx, const void *records, size_t len)
{
    xs_put_bytes(ctx, records, len);
    return 0;
}

static int finish(struct file *file, struct xs_writer *writer)
{
    int error = writer->failed ? ENOMEM : write_batch(file, writer->bytes, writer->len);

    xs_writer_free(writer);
    return error;
}

static int put_files(struct file *file, int listener, int lock)
{
    struct xs_writer writer = {0};

    xs_record_begin(&writer, RECORD_FILES);
    xs_put_u32(&writer, (uint32_t)listener);
    xs_put_u32(&writer, (uint32_t)lock);
    xs_put_string(&writer, log_file());
    xs_record_end(&writer);
    return finish(file, &writer);
}

static int put_client(struct file *file, const struct client *client)
{
    struct xs_writer writer = {0};
    int error;

    xs_record_begin(&writer, RECORD_CLIENT);
    xs_put_u32(&writer, (uint32_t)client->source.fd);
    xs_put_u8(&writer, client->finished);
    xs_put_bytes(&writer, client->input, client->input_len);
    xs_record_end(&writer);
    error = xs_conn_save(client->conn, collect, &writer);
    if (!error)
        return finish(file, &writer);
    xs_writer_free(&writer);
    return error;
}

/* The others are about to be closed. */
static bool stays(const struct client *client)
{
    return !client->gone && !xs_conn_error(client->conn);
}

static int put_all(struct file *file, struct server *server, int lock)
{
    const struct client *client;
    int error = put_files(file, server->listener.fd, lock);

    if (!error)
        error = xs_store_save(server->store, write_batch, file);
    LIST_FOREACH(client, &server->clients, in_server)
    {
        if (!error && stays(client))
            error = put_client(file, client);
    }
    return error;
}

/* Whether the files outlive the program. */
static void set_kept(const struct server *server, int lock, int handover, bool kept)
{
    int flags = kept ? 0 : FD_CLOEXEC;
    const struct client *client;

    fcntl(server->listener.fd, F_SETFD, flags);
    fcntl(lock, F_SETFD, flags);
    fcntl(handover, F_SETFD, flags);
    LIST_FOREACH(client, &server->clients, in_server)
    {
        if (stays(client))
            fcntl(client->source.fd, F_SETFD, flags);
    }
}

void handover_give(struct server *server, int lock, const struct handover_target *target)
{
    struct file file = {.fd = memfd_create("xenstored-handover", MFD_CLOEXEC)};
    char number[16];
    int error = file.fd < 0 ? errno : put_all(&file, server, lock);

    if (!error) {
        snprintf(number, sizeof(number), "%d", file.fd);
        setenv(VARIABLE, number, 1);
        set_kept(server, lock, file.fd, true);
        execv(target->program, target->arguments);
        error = errno;
        set_kept(server, lock, file.fd, false);
        unsetenv(VARIABLE);
    }
    if (file.fd >= 0)
        close(file.fd);
    log_line("%s: cannot become this program, going on: %s", target->program, strerror(error));
}

/* ---- taking ---- */

int handover_received(void)
{
    const char *number = getenv(VARIABLE);
    int fd = number ? atoi(number) : -1;

    unsetenv(VARIABLE);
    return fd;
}

/* A file of the former program; it ends with this one again. */
static int take_fd(struct xs_reader *in)
{
    int fd = (int)xs_take_u32(in);

    return fcntl(fd, F_SETFD, FD_CLOEXEC) ? -1 : fd;
}

static uint32_t type_of(const void *records, size_t len)
{
    struct xs_reader reader = {.at = records, .end = (const char *)records + len};

    return xs_take_u32(&reader);
}

/* A program of before there were log files leaves none. */
static void take_log(struct xs_reader *in)
{
    const char *path = xs_reader_left(in) ? xs_take_string(in) : "";

    if (*path)
        log_to_file(path);
}

struct taking {
    struct xs_store *store;
    struct server *server;
    int listener, lock;
};

static int take_for_store(void *ctx, const void *records, size_t len)
{
    struct xs_reader reader = {.at = records, .end = (const char *)records + len}, payload;
    struct taking *taking = ctx;
    uint32_t type = type_of(records, len);

    if (type == RECORD_CLIENT)
        return 0;
    if (type != RECORD_FILES)
        return xs_store_apply(taking->store, records, len);
    xs_record_next(&reader, &type, &payload);
    taking->listener = take_fd(&payload);
    taking->lock = take_fd(&payload);
    take_log(&payload);
    return taking->listener < 0 || taking->lock < 0 ? EBADF : 0;
}

static int take_client(void *ctx, const void *records, size_t len)
{
    struct xs_reader reader = {.at = records, .end = (const char *)records + len}, payload;
    struct taking *taking = ctx;
    struct client *client;
    uint32_t type;
    bool finished;
    int fd;

    if (type_of(records, len) != RECORD_CLIENT)
        return 0;
    xs_record_next(&reader, &type, &payload);
    fd = take_fd(&payload);
    finished = xs_take_u8(&payload);
    if (fd < 0 || payload.damaged || xs_reader_left(&payload) > CLIENT_INPUT_SIZE)
        return EINVAL;
    client = server_add(taking->server, fd);
    if (!client)
        return ENOMEM;
    client->finished = finished;
    client->input_len = xs_reader_left(&payload);
    memcpy(client->input, payload.at, client->input_len);
    server_enqueue(client);
    return xs_conn_restore(client->conn, reader.at, xs_reader_left(&reader));
}

static bool take(int handover, int (*take_batch)(void *ctx, const void *records, size_t len),
                 struct taking *taking)
{
    uint64_t end = 0;
    int error = batch_read_all(handover, take_batch, taking, &end);

    if (error)
        log_line("what the former xenstored handed over cannot be read at byte %llu: %s",
                 (unsigned long long)end, strerror(error));
    return !error;
}

bool handover_take_store(int handover, struct xs_store *store, int *listener, int *lock)
{
    struct taking taking = {.store = store, .listener = -1, .lock = -1};
    bool taken = take(handover, take_for_store, &taking);

    *listener = taking.listener;
    *lock = taking.lock;
    return taken;
}

bool handover_take_clients(int handover, struct server *server)
{
    struct taking taking = {.server = server};
    bool taken = take(handover, take_client, &taking);

    close(handover);
    return taken;
}
