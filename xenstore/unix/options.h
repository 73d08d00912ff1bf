// SPDX-License-Identifier: MIT
/* The command line and the environment. */
#ifndef XSD_OPTIONS_H
#define XSD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <limits.h>

#include <xenstore/store.h>

/* Exit statuses of the daemon, and of the program that started it in the background. */
#define EXIT_FAILED 1
#define EXIT_USAGE  2

/* How --version begins. It is printed only if all other options are right. */
#define OPTIONS_PROGRAM "xenstored of Proxenos"

struct options {
    const char *print; /* this, and end; NULL: nothing */
    bool foreground;
    bool output_pid;
    bool in_memory;       /* the state isn't kept in a file */
    const char *pid_file; /* NULL: none */
    const char *run_dir;
    char socket_path[PATH_MAX];
    bool limited[XS_QUOTA_COUNT]; /* is limits[i] given? */
    uint32_t limits[XS_QUOTA_COUNT];
};

/* Ends the program after --help and --version, and with EXIT_USAGE when something is wrong. */
void options_read(struct options *options, int argc, char **argv);

#endif
