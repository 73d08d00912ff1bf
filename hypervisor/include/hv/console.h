// SPDX-License-Identifier: MIT
// The machine's console: output fans out to the devices of console= (com1, com2, vga), input comes from
// serial.
#pragma once

#include <hv/types.h>

// Writes raw bytes of the privileged domain or of log lines; '\n' becomes "\r\n" on serial.
void console_write(const char *bytes, size_t n);

// Writes one whole line, newline included, on a line of its own. `forced`: in a panic, whoever holds the
// lock.
void console_write_line(const char *bytes, size_t n, bool forced);

// Called by the serial interrupt with each received byte. Keeps up to a fixed number, drops the newest
// beyond, and raises VIRQ_CONSOLE for the console's owner.
void console_input(char byte);

// Takes up to n received bytes; returns how many.
size_t console_read(char *buf, size_t n);
