// SPDX-License-Identifier: MIT
//
// The guest's console. A domU uses the ring of HVM_PARAM_CONSOLE_PFN and falls back to CONSOLEIO_write
// (output only) when there is none; a privileged domain uses the hypervisor's console and VIRQ_CONSOLE.
// newlib's stdin, stdout and stderr come here: write() turns \n into \r\n, read() on stdin returns an edited
// line, or raw bytes after console_set_raw(true).
#ifndef GUEST_CONSOLE_H
#define GUEST_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Writes all bytes as they are; gives way while a ring is full. console_puts turns \n into \r\n.
void console_write(const void *data, size_t size);
void console_puts(const char *text, size_t size);

// Reads at least one and at most size raw bytes, waiting for the first until the deadline (ns,
// DEADLINE_NEVER). Returns the number read, 0 when the deadline passed.
size_t console_read(void *data, size_t size, uint64_t deadline);

// One byte, or -1 when the deadline passed.
int console_getc(uint64_t deadline);

// Reads a line with echo, backspace and Ctrl-U; the result has no line end, is cut to size - 1 bytes and ends
// with NUL. Returns its length, or -1 on Ctrl-D at the start.
int console_read_line(char *line, size_t size);

// Raw stdin: read(0, ...) gives bytes as typed, without echo.
void console_set_raw(bool raw);

// Puts bytes into the input as if typed: for drivers of other keyboards. Bytes beyond the buffer (1 KiB) are
// dropped.
void console_input(const void *data, size_t size);

// Prints from where nothing else works (exception reports): no waiting for long, no allocation, no threads.
void console_emergency(const char *text, size_t size);

#endif
