// SPDX-License-Identifier: MIT
/* The table of xenstore's commands, and finding one in it. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xenstore_commands.h"

#define SOCKET                                                  \
    {                                                           \
        's', "socket", NULL, "Accepted for the originals' sake" \
    }

static const struct xl_command commands[] = {
    {"ls",
     xenstore_ls,
     "[PATH]",
     "Print a subtree with its values",
     XL_PATH,
     0,
     1,
     {{'f', "flat", NULL, "Print whole paths"}, {'p', "perms", NULL, "Print permissions"}, SOCKET}},
    {"read",
     xenstore_read,
     "PATH...",
     "Print values",
     XL_PATH,
     1,
     64,
     {{'p', "prefix", NULL, "Print the path before each value"},
      {'R', "raw", NULL, "Print the bytes as they are"},
      SOCKET}},
    {"write",
     xenstore_write,
     "PATH VALUE...",
     "Set values, all or none; \\t \\n \\r \\xHH \\ooo stand for bytes",
     XL_PATH,
     2,
     64,
     {{'R', "raw", NULL, "Take backslashes as they are"}, SOCKET}},
    {"mkdir", xenstore_mkdir, "PATH...", "Make nodes, all or none", XL_PATH, 1, 64, {SOCKET}},
    {"rm",
     xenstore_rm,
     "PATH...",
     "Remove subtrees, all or none",
     XL_PATH,
     1,
     64,
     {{'t', "tidy", NULL, "Remove parents that are left empty, too"}, SOCKET}},
    {"list",
     xenstore_list,
     "PATH...",
     "Print the names of a node's children",
     XL_PATH,
     1,
     64,
     {{'p', "prefix", NULL, "Print whole paths"}, SOCKET}},
    {"exists", xenstore_exists, "PATH...", "Succeed if all of these are there", XL_PATH, 1, 64, {SOCKET}},
    {"chmod",
     xenstore_chmod,
     "PATH MODE...",
     "Set permissions: n, r, w or b, and a domid; the first is the owner's and everybody's",
     XL_PATH,
     2,
     64,
     {{'r', "recurse", NULL, "Also those of all below"},
      {'u', "upto", NULL, "Also those of its ancestors"},
      SOCKET}},
    {"watch",
     xenstore_watch,
     "PATH",
     "Print what changes at or below a path (Ctrl-C ends it)",
     XL_PATH,
     1,
     1,
     {{'n', "number", "NR", "End after so many events; the first comes at once"}, SOCKET}},
    {"top",
     xenstore_top,
     "",
     "Show who reads, writes and watches, and how much of each quota is used",
     XL_NO_ARGUMENT,
     0,
     0,
     {{'n', "number", "NR", "End after so many tables"},
      {'d', "delay", "SECONDS", "Between two tables (1)"}}},
    {"quota",
     xenstore_quota,
     "[DOMID] [NAME LIMIT]",
     "Show limits, or set one, of all domains or of one",
     XL_NO_ARGUMENT,
     0,
     3,
     {{0}}},
    {"control",
     xenstore_control,
     "COMMAND [ARGUMENT]...",
     "Give the store one of its own commands ('help' lists them)",
     XL_NO_ARGUMENT,
     1,
     8,
     {{0}}},
    {"restart",
     xenstore_restart,
     "",
     "Save the store, end it, and begin anew with what was saved",
     XL_NO_ARGUMENT,
     0,
     0,
     {{0}}},
    {"help", xenstore_help, "[COMMAND]", "Explain a command", XL_COMMAND, 0, 1, {{0}}},
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(*commands))

const struct xl_command *xenstore_command_get(size_t n)
{
    return n < COMMAND_COUNT ? &commands[n] : NULL;
}

const struct xl_command *xenstore_command_find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (!strcmp(commands[i].name, name))
            return &commands[i];
    }
    return NULL;
}

/* What the store's answer means here. */
static const char *reason(int rc)
{
    switch (-rc) {
    case EINVAL:
        return "not a path: /name/name..., names of letters, digits and -_@, at most 3072 characters";
    case EILSEQ: return "in its value something is behind a backslash that isn't \\, t, n, r, xHH or ooo";
    case ERANGE: return "n, r, w or b, and a domain's number";
    case E2BIG: return "path and value are longer than the protocol's 4096 bytes";
    case ESRCH: return "the store does not know this domain";
    case ENOMEM: return "out of memory";
    default: return strerror(-rc);
    }
}

/* How the original tools say that a command failed: what stands before and behind the path. They give no
 * reason, we do behind that. Where there is no original: nothing. */
struct complaint {
    const char *before, *behind;
};

static struct complaint complaint_of(const struct xl_args *args, int rc)
{
    static const struct {
        const char *command;
        struct complaint complaint;
    } complaints[] = {
        {"chmod", {"Error occurred setting permissions on '", "'"}},
        {"list", {"could not list path ", ""}},
        {"ls", {"xs_directory (", ")"}},
        {"mkdir", {"could not create path ", ""}},
        {"read", {"couldn't read path ", ""}},
        {"rm", {"could not remove path ", ""}},
        {"watch", {"Unable to add watch on ", ""}},
        {"write", {"could not write path ", ""}},
    };

    if (rc == -ENOMEM)
        return (struct complaint){"", ""};
    if (rc == -ERANGE)
        return (struct complaint){"Invalid permission specification: '", "'"};
    for (size_t i = 0; i < sizeof(complaints) / sizeof(*complaints); i++) {
        if (!strcmp(args->command->name, complaints[i].command))
            return complaints[i].complaint;
    }
    return (struct complaint){"", ""};
}

int xenstore_fail(const struct xl_args *args, const char *path, int rc)
{
    struct complaint complaint = complaint_of(args, rc);

    fprintf(stderr, "xenstore%c%s: %s%s%s: %s\n", *complaint.before ? '-' : ' ', args->command->name,
            complaint.before, path, complaint.behind, reason(rc));
    return 1;
}

static void print_overview(FILE *out)
{
    fprintf(out, "Usage: xenstore COMMAND [OPTION]... [ARGUMENT]...\n\nCommands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
    fprintf(out, "\n'xenstore help COMMAND' tells more. Each is also called xenstore-COMMAND.\n");
}

int xenstore_help(const struct xl_args *args)
{
    const struct xl_command *command;

    if (!args->argc) {
        print_overview(stdout);
        return 0;
    }
    command = xenstore_command_find(args->argv[0]);
    if (!command) {
        fprintf(stderr, "xenstore help: there is no command '%s'\n", args->argv[0]);
        return 1;
    }
    xl_print_help("xenstore", command, stdout);
    return 0;
}

static int run_command(const struct xl_command *command, int argc, char **argv)
{
    struct xl_args args = {.command = command, .argc = argc, .argv = argv};
    struct error err;
    bool help = false;

    /* What follows the store's own command is for the store, options included. */
    if (command->run == xenstore_control && argc && *argv[0] != '-')
        return command->run(&args);
    if (xl_parse(command, argc, argv, &args, &help, &err)) {
        fprintf(stderr, "xenstore %s: %s\n", command->name, err.text);
        xl_print_help("xenstore", command, stderr);
        return XL_USAGE_ERROR;
    }
    if (help) {
        xl_print_help("xenstore", command, stdout);
        return 0;
    }
    return command->run(&args);
}

int xenstore_main(int argc, char **argv)
{
    const char *dash = strchr(argv[0], '-'), *name = dash ? dash + 1 : argc > 1 ? argv[1] : NULL;
    int used = dash ? 1 : 2;
    const struct xl_command *command;

    if (!name) {
        print_overview(stderr);
        return 1;
    }
    if (!strcmp(name, "--help") || !strcmp(name, "-h")) {
        print_overview(stdout);
        return 0;
    }
    command = xenstore_command_find(name);
    if (command)
        return run_command(command, argc - used, argv + used);
    fprintf(stderr, "xenstore: there is no command '%s'; 'xenstore help' lists them\n", name);
    return 1;
}

char **xenstore_children(const char *path, size_t *count)
{
    struct xs_local *xs = xenstored_connect(NULL, NULL);
    char **names = NULL;

    if (xs && xs_local_ls(xs, XS_TX_NONE, path, &names, count))
        names = NULL;
    if (xs)
        xs_local_close(xs);
    return names;
}
