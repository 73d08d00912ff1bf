// SPDX-License-Identifier: MIT
/* The shell's own commands: one table, from which help, completion and dispatch come. */
#ifndef SHELL_BUILTINS_H
#define SHELL_BUILTINS_H

#include <stddef.h>

struct builtin {
    const char *name;
    int (*run)(int argc, char **argv); /* returns the exit status */
    const char *arguments, *summary;
};

/* The n-th command, NULL behind the last. */
const struct builtin *builtin_get(size_t n);
const struct builtin *builtin_find(const char *name);

/* How the machine is to end once the running line is done. */
enum leaving { STAY, POWER_OFF, REBOOT };
extern enum leaving shell_leaving;

#endif
