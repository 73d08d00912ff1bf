// SPDX-License-Identifier: MIT
/* Waiting for files to become ready, whatever they are. */
#ifndef XSD_LOOP_H
#define XSD_LOOP_H

#include <stdbool.h>
#include <stdint.h>

/* A file that is waited for. Lives as long as it is in the loop. */
struct source {
    int fd;
    uint32_t interest; /* EPOLL* */
    void (*ready)(void *data, uint32_t events);
    void *data;
};

struct loop {
    int epoll;
};

/* Each returns 0 or a positive errno. */
int loop_open(struct loop *loop);
int loop_add(struct loop *loop, struct source *source, uint32_t interest);
int loop_change(struct loop *loop, struct source *source, uint32_t interest);

void loop_remove(struct loop *loop, struct source *source);

/*
 * Waits up to `timeout` ms (-1: for ever) and calls `ready` of each source that is. No source may be removed
 * from inside `ready`: another event for it may be next.
 */
void loop_wait(struct loop *loop, int timeout);

#endif
