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
#include "control.h"
#include "handover.h"
#include "listener.h"
#include "log.h"
#include "options.h"
#include "server.h"
#include "state_file.h"

struct daemon {
    struct options options;
    struct server server;
    struct state_file state_file;
    struct source signals;
    struct control control;
    int lock;
    int handover; /* what the program before this one left, or -1 */
    bool ending;
    bool handing_over;
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

static int keep(void *ctx, const void *records, size_t len)
{
    struct daemon *d = ctx;

    return state_file_append(&d->state_file, records, len);
}

static int take_command(void *ctx, const char *const *words, size_t count, char *answer, size_t size)
{
    struct daemon *d = ctx;

    return control_run(&d->control, words, count, answer, size);
}

static struct xs_store *make_store(struct daemon *d)
{
    const struct xs_hooks hooks = {
        .ctx = d,
        .quota_exceeded = report_quota,
        .log = report,
        .journal = keep,
        .control = take_command,
        .control_help = control_help,
    };
    const struct options *options = &d->options;
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
    if (info.ssi_signo == SIGHUP)
        d->handing_over = true;
    else
        d->ending = true;
}

static int watch_signals(struct daemon *d)
{
    sigset_t set;
    int fd;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
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

/* Lock, state and listening socket of a daemon that starts afresh. The socket, or -1. */
static int begin(struct daemon *d, struct xs_store *store)
{
    const struct options *options = &d->options;

    if (!listener_make_run_dir(options->run_dir))
        return -1;
    d->lock = listener_lock_run_dir(options->run_dir);
    if (d->lock < 0 || (!options->in_memory && !state_file_load(options->run_dir, store)))
        return -1;
    return listener_open(options->socket_path);
}

static bool start_server(struct daemon *d, struct xs_store *store, int listener)
{
    int error = server_start(&d->server, store, listener);

    if (!error)
        error = watch_signals(d);
    if (error)
        log_line("cannot wait for clients: %s", strerror(error));
    return !error;
}

static bool start(struct daemon *d)
{
    const struct options *options = &d->options;
    struct xs_store *store;
    int listener = -1;

    raise_file_limit();
    state_file_init(&d->state_file);
    store = make_store(d);
    if (!store)
        return false;
    if (d->handover < 0)
        listener = begin(d, store);
    else if (!handover_take_store(d->handover, store, &listener, &d->lock))
        return false;
    if (listener < 0 || !start_server(d, store, listener))
        return false;
    if (!options->in_memory && !state_file_begin(&d->state_file, options->run_dir, store))
        return false;
    if (d->handover >= 0)
        return handover_take_clients(d->handover, &d->server);
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
    control_forget(&d->control);
    unlink(d->options.socket_path);
    if (d->options.pid_file)
        unlink(d->options.pid_file);
}

/* Comes back only if it can't be done. */
static void hand_over(struct daemon *d)
{
    struct handover_target target = d->control.decided ? control_target(&d->control) : handover_again();

    handover_give(&d->server, d->lock, &target);
    d->handing_over = false;
    control_forget(&d->control);
}

/* One round: whoever has something to do, then what is between requests. */
static void run_once(struct daemon *d)
{
    server_run_once(&d->server);
    state_file_tidy(&d->state_file, d->server.store);
    if ((d->handing_over || d->control.decided) && !d->ending)
        hand_over(d);
}

/* The program before this one has left the terminal already, and has been announced. */
static bool go_on(struct daemon *d)
{
    if (!d->options.foreground)
        log_to_syslog();
    if (!start(d))
        return false;
    log_line("went on as this program");
    return true;
}

static bool begin_anew(struct daemon *d)
{
    if (!d->options.foreground && !background_enter())
        return false;
    if (!start(d))
        return false;
    announce(&d->options);
    return true;
}

int main(int argc, char **argv)
{
    struct daemon d = {.handover = handover_received()};

    handover_init(argv);
    options_read(&d.options, argc, argv);
    if (d.handover >= 0 ? !go_on(&d) : !begin_anew(&d))
        return EXIT_FAILED;
    while (!d.ending)
        run_once(&d);
    end(&d);
    return EXIT_SUCCESS;
}
