// SPDX-License-Identifier: MIT
/* The table of xl's subcommands, and finding one in it. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "xl_commands.h"

static const struct xl_command commands[] = {
    {"create",
     xl_create,
     "[CONFIG] [KEY=VALUE]...",
     "Create a domain from a file, settings, or both",
     XL_CONFIG,
     0,
     64,
     {{'c', "console", NULL, "Connect to the console"},
      {'p', "paused", NULL, "Leave the domain paused"},
      {'q', "quiet", NULL, "Print nothing but errors"},
      {'n', "dryrun", NULL, "Only check the configuration"},
      {'f', "defconfig", "FILE", "Read the configuration from FILE"},
      {'v', "verbose", NULL, "Tell how long each phase took"}}},
    {"list",
     xl_list,
     "[DOMAIN]...",
     "List the domains",
     XL_DOMAIN,
     0,
     64,
     {{'l', "long", NULL, "Print all settings of the domains, as JSON"},
      {'v', "verbose", NULL, "Also print UUIDs and shutdown reasons"},
      {0, "json", NULL, "Print the list as JSON"}}},
    {"info",
     xl_info,
     "[FIELD]",
     "Show what the machine and the hypervisor are",
     XL_NO_ARGUMENT,
     0,
     1,
     {{0, "json", NULL, "Print it as JSON"}}},
    {"console",
     xl_console,
     "DOMAIN",
     "Connect to a domain's console (Ctrl-] leaves it)",
     XL_DOMAIN,
     1,
     1,
     {{0, "log", NULL, "Begin with what is left of its output so far"}}},
    {"pause", xl_pause, "DOMAIN", "Pause a domain", XL_DOMAIN, 1, 1, {{0}}},
    {"unpause", xl_unpause, "DOMAIN", "Let a paused domain go on", XL_DOMAIN, 1, 1, {{0}}},
    {"shutdown",
     xl_shutdown,
     "-a | DOMAIN",
     "Ask a domain to shut down",
     XL_DOMAIN,
     0,
     1,
     {{'a', "all", NULL, "All domains but dom0"}, {'w', "wait", NULL, "Wait until they have shut down"}}},
    {"reboot",
     xl_reboot,
     "-a | DOMAIN",
     "Ask a domain to reboot",
     XL_DOMAIN,
     0,
     1,
     {{'a', "all", NULL, "All domains but dom0"}, {'w', "wait", NULL, "Wait until they have shut down"}}},
    {"destroy", xl_destroy, "DOMAIN", "End a domain at once", XL_DOMAIN, 1, 1, {{0}}},
    {"domid", xl_domid, "DOMAIN", "Print the id of a domain", XL_DOMAIN, 1, 1, {{0}}},
    {"domname", xl_domname, "DOMAIN", "Print the name of a domain", XL_DOMAIN, 1, 1, {{0}}},
    {"rename", xl_rename, "DOMAIN NAME", "Give a domain another name", XL_DOMAIN, 2, 2, {{0}}},
    {"dmesg",
     xl_dmesg,
     "",
     "Print the hypervisor's log",
     XL_NO_ARGUMENT,
     0,
     0,
     {{'c', "clear", NULL, "Clear it afterwards"}}},
    {"debug-keys",
     xl_debug_keys,
     "KEYS",
     "Have the hypervisor report to its log (h: which keys there are)",
     XL_NO_ARGUMENT,
     1,
     1,
     {{0}}},
    {"uptime",
     xl_uptime,
     "[DOMAIN]...",
     "Print how long domains have been running",
     XL_DOMAIN,
     0,
     64,
     {{'s', "short", NULL, "One short line per domain, with the time of day"}}},
    {"help", xl_help, "[COMMAND]", "Explain a command", XL_COMMAND, 0, 1, {{0}}},
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(*commands))

const struct xl_command *xl_command_get(size_t n)
{
    return n < COMMAND_COUNT ? &commands[n] : NULL;
}

const struct xl_command *xl_command_find(const char *name)
{
    const struct xl_command *found = NULL;

    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (!strcmp(commands[i].name, name))
            return &commands[i];
        if (!strncmp(commands[i].name, name, strlen(name))) {
            if (found)
                return NULL;
            found = &commands[i];
        }
    }
    return found;
}

int xl_fail(const struct xl_args *args, const struct error *err)
{
    fprintf(stderr, "xl %s: %s\n", args->command->name, err->text);
    return 1;
}

int xl_help(const struct xl_args *args)
{
    const struct xl_command *command;

    if (!args->argc) {
        xl_print_overview(stdout);
        return 0;
    }
    command = xl_command_find(args->argv[0]);
    if (!command) {
        fprintf(stderr, "xl help: there is no command '%s'\n", args->argv[0]);
        return 1;
    }
    xl_print_help("xl", command, stdout);
    return 0;
}

static int run_command(const struct xl_command *command, int argc, char **argv)
{
    struct xl_args args;
    struct error err;
    bool help = false;

    if (xl_parse(command, argc, argv, &args, &help, &err)) {
        fprintf(stderr, "xl %s: %s\n", command->name, err.text);
        xl_print_help("xl", command, stderr);
        return XL_USAGE_ERROR;
    }
    if (help) {
        xl_print_help("xl", command, stdout);
        return 0;
    }
    return command->run(&args);
}

int xl_main(int argc, char **argv)
{
    const struct xl_command *command;

    if (argc < 2) {
        xl_print_overview(stderr);
        return 1;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        xl_print_overview(stdout);
        return 0;
    }
    command = xl_command_find(argv[1]);
    if (command)
        return run_command(command, argc - 2, argv + 2);
    fprintf(stderr, "xl: there is no command '%s'; 'xl help' lists them\n", argv[1]);
    return 1;
}
