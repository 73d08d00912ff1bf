// SPDX-License-Identifier: MIT
/*
 * xenstored: XenStore as a daemon of a Linux host, on the socket where Xen's tools and libraries look for it.
 * docs/xenstore.md tells how to use it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "background.h"
#include "listener.h"
#include "log.h"
#include "options.h"
#include "server.h"

struct daemon {
    struct options options;
    struct server server;
    struct source signals;
    bool ending;
};

/* ---- what the engine tells ---- */

static void report_quota(void *ctx, const struct xs_quota_report *report)
{
    (void)ctx;
    log_line("domain %u has reached its quota of %s (%u)%s%s", report->domid, report->name, report->limit,
             *report->path ? " at " : "", report->path);
}

static void report(void *ctx, uint16_t domid, const char *what)
{
    (void)ctx;
    log_line("domain %u: %s", domid, what);
}

static struct xs_store *make_store(const struct options *options)
{
    const struct xs_hooks hooks = {.quota_exceeded = report_quota, .log = report};
    struct xs_store *store;
    uint64_t seed;

    if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed)) {
        log_line("no random number for the hash tables: %s", strerror(errno));
        return NULL;
    }
    store = xs_store_create(&hooks, seed);
    if (!store) {
        log_line("out of memory for the store");
        return NULL;
    }
    for (unsigned int i = 0; i < XS_QUOTA_COUNT; i++) {
        if (options->limited[i])
            xs_store_set_quota(store, (enum xs_quota)i, options->limits[i]);
    }
    return store;
}

/* ---- signals ---- */

static void take_signal(void *data, uint32_t events)
{
    struct daemon *d = data;
    struct signalfd_siginfo info;

    (void)events;
    if (read(d->signals.fd, &info, sizeof(info)) != sizeof(info))
        return;
    d->ending = info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT;
}

static int watch_signals(struct daemon *d)
{
    sigset_t set;
    int fd;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        return errno;
    d->signals = (struct source){.fd = fd, .ready = take_signal, .data = d};
    return loop_add(&d->server.loop, &d->signals, EPOLLIN);
}

/* ---- beginning and end ---- */

/* Each client is an open file: as many as the system lets us have. */
static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit))
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static bool write_pid_file(const char *path)
{
    FILE *file = fopen(path, "we");
    bool written = file && fprintf(file, "%ld\n", (long)getpid()) > 0;

    if (file && fclose(file))
        written = false;
    if (!written)
        log_line("%s: cannot write the pid file: %s", path, strerror(errno));
    return written;
}

static bool start(struct daemon *d)
{
    const struct options *options = &d->options;
    struct xs_store *store;
    int listener, error;

    raise_file_limit();
    if (!listener_make_run_dir(options->run_dir) || listener_lock_run_dir(options->run_dir) < 0)
        return false;
    store = make_store(options);
    if (!store)
        return false;
    listener = listener_open(options->socket_path);
    if (listener < 0)
        return false;
    error = server_start(&d->server, store, listener);
    if (!error)
        error = watch_signals(d);
    if (error) {
        log_line("cannot wait for clients: %s", strerror(error));
        return false;
    }
    return !options->pid_file || write_pid_file(options->pid_file);
}

static void announce(const struct options *options)
{
    if (options->output_pid) {
        printf("%ld\n", (long)getpid());
        fflush(stdout);
    }
    if (!options->foreground)
        background_ready();
}

static void end(struct daemon *d)
{
    server_stop(&d->server);
    xs_store_destroy(d->server.store);
    unlink(d->options.socket_path);
    if (d->options.pid_file)
        unlink(d->options.pid_file);
}

int main(int argc, char **argv)
{
    struct daemon d = {0};

    options_read(&d.options, argc, argv);
    if (!d.options.foreground && !background_enter())
        return EXIT_FAILED;
    if (!start(&d))
        return EXIT_FAILED;
    announce(&d.options);
    while (!d.ending)
        server_run_once(&d.server);
    end(&d);
    return EXIT_SUCCESS;
}
