// SPDX-License-Identifier: MIT
/* What the daemon tells its administrator: lines on stderr, or in the system's log once it is in the
 * background. */
#ifndef XSD_LOG_H
#define XSD_LOG_H

void log_to_syslog(void);

/* One line, without newline. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
