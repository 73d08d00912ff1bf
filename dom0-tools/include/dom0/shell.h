// SPDX-License-Identifier: MIT
/* dom0's command line: the prompt, its built-in commands, and running commands from a file. */
#ifndef DOM0_SHELL_H
#define DOM0_SHELL_H

#include <stdbool.h>
#include <stddef.h>

#include <dom0/line_edit.h>

/* Whether somebody watches, who likes to see how far a command is and what to press. */
void shell_set_interactive(bool on);
bool shell_is_interactive(void);

/* Run every command of one line. */
void shell_run_line(const char *line);

/* Run the lines of a text, one after the other. */
void shell_run_text(const char *text, size_t length);

/* Run the text between the markers that scripts/run looks for, then power off. */
void shell_exec(const char *text, size_t length) __attribute__((noreturn));

/* Read and run lines for ever. */
void shell_interactive(void) __attribute__((noreturn));

/* The n-th command of the shell, NULL behind the last. */
const char *shell_command_name(size_t n);

/* The candidates for the word of `line` that ends at `cursor`; a line_edit_ops.complete. */
void shell_complete(void *unused, const char *line, size_t cursor, struct completion *completion);

#endif
