// SPDX-License-Identifier: MIT
/* The socket's place in the file system. Errors are told to the administrator as they are found. */
#ifndef XSD_LISTENER_H
#define XSD_LISTENER_H

#include <stdbool.h>

/* Makes the run directory if it isn't there; the directory it is in must exist. */
bool listener_make_run_dir(const char *path);

/*
 * Takes the run directory for this process alone until it ends, however it ends. Returns the lock file, open,
 * or -1.
 */
int listener_lock_run_dir(const char *path);

/*
 * Listens on a Unix socket at `path`, for root alone. A socket that a dead daemon left there is replaced, one
 * that somebody listens on is not. Returns the socket or -1.
 */
int listener_open(const char *path);

#endif
