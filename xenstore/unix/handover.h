// SPDX-License-Identifier: MIT
/*
 * From one xenstored to the next in the same process: a new program takes the place of the old, with its open
 * files, its store and its clients, who notice nothing.
 */
#ifndef XSD_HANDOVER_H
#define XSD_HANDOVER_H

#include <stdbool.h>

#include <xenstore/store.h>

#include "server.h"

/* Notes where the program is, and how it was called. At the start. */
void handover_init(char **argv);

/* What to become, and how to call it: a list of words that ends with NULL. */
struct handover_target {
    const char *program;
    char **arguments;
};

/* The program that is there now, called as this one was. */
struct handover_target handover_again(void);

/* Becomes another program. Returns only if that can't be; it has been told why. */
void handover_give(struct server *server, int lock, const struct handover_target *target);

/* What a former program left; -1: nothing. */
int handover_received(void);

/*
 * Takes over: first the store's state and the open files, then, when the server is started, its clients. The
 * second closes what was left. False: it has been told why that can't be.
 */
bool handover_take_store(int handover, struct xs_store *store, int *listener, int *lock);
bool handover_take_clients(int handover, struct server *server);

#endif
