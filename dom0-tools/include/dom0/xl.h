// SPDX-License-Identifier: MIT
/*
 * The xl command: a table of subcommands, each with its options, its help and its function. What a command
 * prints, its columns and its exit status (0, 1 for failure, 2 for wrong usage) are those of Xen's xl.
 */
#ifndef DOM0_XL_H
#define DOM0_XL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <dom0/error.h>

#define XL_MAX_OPTIONS 6
#define XL_USAGE_ERROR 2

struct xl_option {
    char letter;       /* 0: there is only the long form */
    const char *name;  /* long form without "--" */
    const char *value; /* what its argument is called in the help; NULL: it takes none */
    const char *help;
};

/* What a command's plain arguments are, for completion. */
enum xl_argument { XL_NO_ARGUMENT, XL_DOMAIN, XL_CONFIG, XL_COMMAND, XL_PATH };

struct xl_args;

struct xl_command {
    const char *name;
    int (*run)(const struct xl_args *args); /* returns the exit status */
    const char *arguments;                  /* as the usage line shows them */
    const char *summary;
    enum xl_argument kind;
    int min_arguments, max_arguments;
    struct xl_option options[XL_MAX_OPTIONS];
};

/* A parsed command line. */
struct xl_args {
    const struct xl_command *command;
    int argc;
    char **argv; /* the plain arguments only */
    bool given[XL_MAX_OPTIONS];
    const char *values[XL_MAX_OPTIONS];
};

/* Run `xl argv[1] …`; returns the exit status. argv is reordered. */
int xl_main(int argc, char **argv);

/* The n-th subcommand, NULL behind the last; and one by name, of which a beginning that fits no other is
 * enough. */
const struct xl_command *xl_command_get(size_t n);
const struct xl_command *xl_command_find(const char *name);

/* The n-th option of a command, NULL behind the last. */
const struct xl_option *xl_option_get(const struct xl_command *command, size_t n);

/*
 * Sort words into options and plain arguments; options may stand anywhere before a "--". 0, or -EINVAL with
 * *err naming the word that is wrong. --help is not an error: *help is set and the rest left alone.
 */
int xl_parse(const struct xl_command *command, int argc, char **argv, struct xl_args *args, bool *help,
             struct error *err);

/* Whether an option, called by its long name, was given, and with what value (NULL: not given). */
bool xl_given(const struct xl_args *args, const char *name);
const char *xl_value(const struct xl_args *args, const char *name);

/* `program` is what comes before the command: xl, or xenstore, which has a table of the same kind. */
void xl_print_help(const char *program, const struct xl_command *command, FILE *out);
void xl_print_overview(FILE *out);

#endif
