// SPDX-License-Identifier: MIT
/* Leaving the terminal: the program that was started waits until the daemon serves, then exits. */
#ifndef XSD_BACKGROUND_H
#define XSD_BACKGROUND_H

#include <stdbool.h>

/*
 * Goes on in a child process. Its parent exits as soon as the child calls background_ready(), or with the
 * child's status if that dies first. False: no process could be made.
 */
bool background_enter(void);

/* The daemon serves: the parent exits with status 0. From now on there is no terminal. */
void background_ready(void);

#endif
