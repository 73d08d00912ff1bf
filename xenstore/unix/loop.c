// SPDX-License-Identifier: MIT
/* Waiting by epoll; see loop.h. */
#include "loop.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>

#define BATCH 64

int loop_open(struct loop *loop)
{
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    return loop->epoll < 0 ? errno : 0;
}

static int control(struct loop *loop, int operation, struct source *source, uint32_t interest)
{
    struct epoll_event event = {.events = interest, .data.ptr = source};

    source->interest = interest;
    return epoll_ctl(loop->epoll, operation, source->fd, &event) ? errno : 0;
}

int loop_add(struct loop *loop, struct source *source, uint32_t interest)
{
    return control(loop, EPOLL_CTL_ADD, source, interest);
}

int loop_change(struct loop *loop, struct source *source, uint32_t interest)
{
    return interest == source->interest ? 0 : control(loop, EPOLL_CTL_MOD, source, interest);
}

void loop_remove(struct loop *loop, struct source *source)
{
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, source->fd, NULL);
}

void loop_wait(struct loop *loop, int timeout)
{
    struct epoll_event events[BATCH];
    int count = epoll_wait(loop->epoll, events, BATCH, timeout);

    for (int i = 0; i < count; i++) {
        struct source *source = events[i].data.ptr;

        source->ready(source->data, events[i].events);
    }
}
