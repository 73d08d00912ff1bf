// SPDX-License-Identifier: MIT
//
// Ways to end the domain. stdio isn't flushed: exit() does that and powers off.
#ifndef GUEST_SHUTDOWN_H
#define GUEST_SHUTDOWN_H

void shutdown_poweroff(void) __attribute__((noreturn));
void shutdown_reboot(void) __attribute__((noreturn));
void shutdown_crash(void) __attribute__((noreturn));

// Prints a message and its caller's address on the console, then crashes the domain.
void guest_panic(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
