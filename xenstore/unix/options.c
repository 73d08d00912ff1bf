// SPDX-License-Identifier: MIT
/* Reads the command line; names and letters of options are those of Xen's xenstored. */
#define _GNU_SOURCE
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where libxenstore looks for the socket if the environment doesn't say. */
#define RUN_DIR "/var/run/xenstored"

#define VERSION OPTIONS_PROGRAM ", speaking the protocol of Xen 4.17"

static const char usage[] =
    "usage: xenstored [options]\n"
    "\n"
    "Serves XenStore on $XENSTORED_PATH, else $XENSTORED_RUNDIR/socket, else " RUN_DIR "/socket.\n"
    "Its state is kept in the file 'state' of $XENSTORED_RUNDIR and survives the daemon. SIGHUP makes it\n"
    "become the program that is installed now, without losing a client.\n"
    "\n"
    "  -N, --no-fork             stay in the foreground, log to stderr\n"
    "  -F, --pid-file FILE       write the process id to FILE once clients are served\n"
    "  -P, --output-pid          print the process id once clients are served\n"
    "  -I, --internal-db         keep the store in memory only: it ends with the daemon\n"
    "  -H, --help                print this and exit\n"
    "      --version             print the version and exit\n"
    "\n"
    "What an unprivileged domain may hold or do:\n"
    "  -E, --entry-nb N          nodes it owns\n"
    "  -S, --entry-size BYTES    size of a node: name, value and permissions\n"
    "  -W, --watch-nb N          watches\n"
    "  -t, --transaction N       open transactions\n"
    "  -A, --perm-nb N           permissions of a node\n"
    "  -Q, --quota WHAT=N        any of nodes, node-size, watches, transactions, node-permissions,\n"
    "                            transaction-nodes, outstanding, memory\n"
    "  -q, --quota-soft WHAT=N   only warn; WHAT is memory\n";

enum { OPTION_VERSION = 256 };

static const struct option long_options[] = {
    {"no-fork", no_argument, NULL, 'N'},
    {"pid-file", required_argument, NULL, 'F'},
    {"output-pid", no_argument, NULL, 'P'},
    {"internal-db", no_argument, NULL, 'I'},
    {"help", no_argument, NULL, 'H'},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"entry-nb", required_argument, NULL, 'E'},
    {"entry-size", required_argument, NULL, 'S'},
    {"watch-nb", required_argument, NULL, 'W'},
    {"transaction", required_argument, NULL, 't'},
    {"perm-nb", required_argument, NULL, 'A'},
    {"quota", required_argument, NULL, 'Q'},
    {"quota-soft", required_argument, NULL, 'q'},
    {NULL, 0, NULL, 0},
};

/* What WHAT stands for. */
struct quota_name {
    const char *name;
    enum xs_quota quota;
};

static const struct quota_name hard_quotas[] = {
    {"nodes", XS_QUOTA_NODES},
    {"node-size", XS_QUOTA_NODE_SIZE},
    {"watches", XS_QUOTA_WATCHES},
    {"transactions", XS_QUOTA_TRANSACTIONS},
    {"node-permissions", XS_QUOTA_PERMISSIONS},
    {"transaction-nodes", XS_QUOTA_TRANSACTION_NODES},
    {"outstanding", XS_QUOTA_OUTSTANDING},
    {"memory", XS_QUOTA_MEMORY},
    {NULL, XS_QUOTA_COUNT},
};

static const struct quota_name soft_quotas[] = {
    {"memory", XS_QUOTA_MEMORY_SOFT},
    {NULL, XS_QUOTA_COUNT},
};

static void __attribute__((noreturn)) refuse(const char *what, const char *why)
{
    fprintf(stderr, "xenstored: %s: %s (see xenstored --help)\n", what, why);
    exit(EXIT_USAGE);
}

static void set_limit(struct options *options, enum xs_quota quota, const char *text)
{
    unsigned long value;
    char *end;

    errno = 0;
    value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || value > UINT32_MAX)
        refuse(text, "not a number that a quota can have");
    options->limited[quota] = true;
    options->limits[quota] = (uint32_t)value;
}

/* WHAT=N */
static void set_named_limit(struct options *options, const struct quota_name *names, const char *text)
{
    const char *equals = strchrnul(text, '=');
    size_t len = (size_t)(equals - text);

    while (names->name && (strlen(names->name) != len || memcmp(names->name, text, len)))
        names++;
    if (!*equals || !names->name)
        refuse(text, "not a quota and its value");
    set_limit(options, names->quota, equals + 1);
}

static void __attribute__((noreturn)) print_and_exit(const char *text)
{
    exit(puts(text) < 0 || fflush(stdout) ? EXIT_FAILED : EXIT_SUCCESS);
}

static void take_option(struct options *options, int option, const char *value)
{
    switch (option) {
    case 'N': options->foreground = true; break;
    case 'F': options->pid_file = value; break;
    case 'P': options->output_pid = true; break;
    case 'I': options->in_memory = true; break;
    case 'H': options->print = usage; break;
    case OPTION_VERSION: options->print = VERSION; break;
    case 'E': set_limit(options, XS_QUOTA_NODES, value); break;
    case 'S': set_limit(options, XS_QUOTA_NODE_SIZE, value); break;
    case 'W': set_limit(options, XS_QUOTA_WATCHES, value); break;
    case 't': set_limit(options, XS_QUOTA_TRANSACTIONS, value); break;
    case 'A': set_limit(options, XS_QUOTA_PERMISSIONS, value); break;
    case 'Q': set_named_limit(options, hard_quotas, value); break;
    case 'q': set_named_limit(options, soft_quotas, value); break;
    default: exit(EXIT_USAGE); /* getopt has said why */
    }
}

/* As libxenstore does: an empty variable counts. */
static void read_environment(struct options *options)
{
    const char *run_dir = getenv("XENSTORED_RUNDIR"), *path = getenv("XENSTORED_PATH");
    int len;

    options->run_dir = run_dir ? run_dir : RUN_DIR;
    if (path)
        len = snprintf(options->socket_path, sizeof(options->socket_path), "%s", path);
    else
        len = snprintf(options->socket_path, sizeof(options->socket_path), "%s/socket", options->run_dir);
    if (len >= (int)sizeof(options->socket_path))
        refuse(path ? path : run_dir, "too long a path");
}

void options_read(struct options *options, int argc, char **argv)
{
    int option;

    memset(options, 0, sizeof(*options));
    while ((option = getopt_long(argc, argv, "NF:PIHE:S:W:t:A:Q:q:", long_options, NULL)) != -1)
        take_option(options, option, optarg);
    if (optind < argc)
        refuse(argv[optind], "an argument nobody asked for");
    if (options->print)
        print_and_exit(options->print);
    read_environment(options);
}
