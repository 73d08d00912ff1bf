// SPDX-License-Identifier: MIT
/* The daemon's own commands of CONTROL: where the log goes, and live updates. */
#ifndef XSD_CONTROL_H
#define XSD_CONTROL_H

#include <stdbool.h>
#include <stddef.h>

#include "handover.h"

/* A live update that is being prepared. All zero: none. */
struct control {
    char *program; /* to become; NULL: what is there of this one */
    char *line;    /* its arguments, in words once it is decided; NULL: those of this one */
    char **arguments;
    bool decided; /* it is to happen as soon as nobody is in the middle of a request */
};

extern const char control_help[];

/* See `control` of struct xs_hooks. */
int control_run(struct control *control, const char *const *words, size_t count, char *answer, size_t size);

/* What has been decided on. */
struct handover_target control_target(const struct control *control);

void control_forget(struct control *control);

#endif
