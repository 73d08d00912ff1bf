// SPDX-License-Identifier: MIT
/*
 * The store's state on disk: all of it as it was once, and behind that each change before its client is told.
 * Whatever ends the daemon, the next one goes on with what clients were told. The file is written anew when
 * its changes have become longer than what they changed.
 */
#ifndef XSD_STATE_FILE_H
#define XSD_STATE_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xenstore/store.h>

struct state_file {
    int fd; /* -1: nothing is kept */
    char path[PATH_MAX], new_path[PATH_MAX];
    uint64_t size;       /* bytes that count */
    uint64_t rewrite_at; /* the size from which on it is written anew */
    bool broken;         /* its end is unknown: nothing can be kept until it is written anew */
};

/* Not kept, until state_file_begin(). */
void state_file_init(struct state_file *file);

/* Reads the state that a former daemon left in its run directory, if there is one. False: it has been told
 * why not. */
bool state_file_load(const char *run_dir, struct xs_store *store);

/* Begins to keep the state. False: it has been told why that can't be. */
bool state_file_begin(struct state_file *file, const char *run_dir, struct xs_store *store);

/* The engine's journal hook; ctx is the struct state_file. */
int state_file_append(void *ctx, const void *records, size_t len);

/* Writes the file anew when it is time to. Between requests. */
void state_file_tidy(struct state_file *file, struct xs_store *store);

#endif
