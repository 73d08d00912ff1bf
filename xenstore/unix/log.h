// SPDX-License-Identifier: MIT
/*
 * What the daemon tells its administrator: lines on stderr, or in the system's log once it is in the
 * background, and also in a file that the administrator may name.
 */
#ifndef XSD_LOG_H
#define XSD_LOG_H

#include <stdbool.h>

void log_to_syslog(void);

/* Lines also go to the end of a file, by its absolute path, from now on. 0 or a positive errno: then as
 * before.
 */
int log_to_file(const char *path);

/* Closes that file, or opens it (again: somebody may have moved it). 0, or ENOENT if nobody named one. */
int log_switch(bool on);

/* Where they go now; "": to no file. */
const char *log_file(void);

/* One line, without newline. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
