// SPDX-License-Identifier: MIT
/* The shell's own commands. */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <guest/thread.h>
#include <guest/time.h>

#include <dom0/files.h>
#include <dom0/resources.h>
#include <dom0/shell.h>
#include <dom0/terminal.h>
#include <dom0/xenstore.h>
#include <dom0/xl.h>

#include "builtins.h"

/* The status of a command that Ctrl-C ended, as Unix shells report it: 128 + SIGINT. */
#define STATUS_INTERRUPTED 130

#define YIELD_EVERY 4096 /* bytes of a file printed between chances for other threads */

static int usage(const char *name)
{
    fprintf(stderr, "usage: %s %s\n", name, builtin_find(name)->arguments);
    return 2;
}

static int run_help(int argc, char **argv)
{
    const struct builtin *b;

    if (argc > 2)
        return usage(argv[0]);
    if (argc == 2) {
        b = builtin_find(argv[1]);
        if (!b) {
            fprintf(stderr, "help: there is no command '%s'\n", argv[1]);
            return 1;
        }
        printf("%s %s\n  %s\n", b->name, b->arguments, b->summary);
        return 0;
    }
    for (size_t i = 0; (b = builtin_get(i)); i++)
        printf("  %-9s %-18s %s\n", b->name, b->arguments, b->summary);
    printf("Commands may be joined by ';'. 'xl help' lists xl's. Keys: Tab completes, Up recalls, Ctrl-C "
           "stops.\n");
    return 0;
}

static int list_files(bool sizes)
{
    const struct module *module;

    for (unsigned n = 0; (module = file_get(n)); n++)
        if (sizes)
            printf("%12zu %s\n", module->size, module->name);
        else
            printf("%s\n", module->name);
    return 0;
}

static int run_ls(int argc, char **argv)
{
    bool sizes = argc > 1 && !strcmp(argv[1], "-l");
    const char *path = argc > 1 + sizes ? argv[1 + sizes] : "/";
    const struct module *module;
    struct error err;

    if (argc > 2 + sizes)
        return usage(argv[0]);
    if (!strcmp(path, "/")) {
        printf("%s\n", FILES_DIRECTORY + 1);
        return 0;
    }
    if (!strcmp(path, FILES_DIRECTORY) || !strcmp(path, FILES_DIRECTORY "/"))
        return list_files(sizes);
    module = file_find(path, &err);
    if (!module) {
        fprintf(stderr, "ls: %s\n", err.text);
        return 1;
    }
    if (sizes)
        printf("%12zu ", module->size);
    printf("%s\n", path);
    return 0;
}

/* Print a file, and a line break if its last line has none; false if Ctrl-C stopped it. */
static bool print_file(const struct module *module)
{
    const char *data = module->data;

    for (size_t at = 0; at < module->size; at += YIELD_EVERY) {
        size_t part = module->size - at < YIELD_EVERY ? module->size - at : YIELD_EVERY;

        fwrite(data + at, 1, part, stdout);
        fflush(stdout);
        thread_yield();
        if (terminal_take_interrupt())
            return false;
    }
    if (module->size && data[module->size - 1] != '\n')
        printf("\n");
    return true;
}

static int run_cat(int argc, char **argv)
{
    int status = 0;

    if (argc < 2)
        return usage(argv[0]);
    for (int i = 1; i < argc; i++) {
        struct error err;
        const struct module *module = file_find(argv[i], &err);

        if (!module) {
            fprintf(stderr, "cat: %s\n", err.text);
            status = 1;
        } else if (!print_file(module)) {
            return STATUS_INTERRUPTED;
        }
    }
    return status;
}

static int run_echo(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        printf("%s%s", argv[i], i + 1 < argc ? " " : "");
    printf("\n");
    return 0;
}

/* "2" or "0.25" seconds in ns; false if it is neither. */
static bool parse_seconds(const char *text, uint64_t *ns)
{
    uint64_t unit = NS_PER_S;
    bool fraction = false;

    if (!isdigit((unsigned char)*text))
        return false;
    for (*ns = 0; *text; text++) {
        if (*text == '.' && !fraction) {
            fraction = true;
        } else if (!isdigit((unsigned char)*text) || *ns > UINT64_MAX / 100) {
            return false;
        } else if (fraction) {
            unit /= 10;
            *ns += (uint64_t)(*text - '0') * unit;
        } else {
            *ns = *ns * 10 + (uint64_t)(*text - '0') * NS_PER_S;
        }
    }
    return true;
}

static int run_sleep(int argc, char **argv)
{
    uint64_t ns;

    if (argc != 2 || !parse_seconds(argv[1], &ns))
        return usage(argv[0]);
    return terminal_sleep_until(time_after(ns)) ? STATUS_INTERRUPTED : 0;
}

static int run_resources(int argc, char **argv)
{
    struct resources r;
    struct error err;

    if (argc > 1)
        return usage(argv[0]);
    if (resources_count(&r, &err)) {
        fprintf(stderr, "resources: %s\n", err.text);
        return 1;
    }
    printf("machine memory free: %8llu KiB\n", (unsigned long long)r.machine_free >> 10);
    printf("dom0's memory free:  %8llu KiB\n", (unsigned long long)r.free >> 10);
    printf("heap:                %8llu KiB\n", (unsigned long long)r.heap >> 10);
    printf("heap in use:         %8llu bytes\n", (unsigned long long)r.heap_used);
    printf("foreign pages:       %8llu KiB\n", (unsigned long long)r.window >> 10);
    printf("event ports:         %8llu\n", (unsigned long long)r.event_ports);
    printf("store nodes:         %8llu\n", (unsigned long long)r.store_nodes);
    return 0;
}

static int run_poweroff(int argc, char **argv)
{
    if (argc > 1)
        return usage(argv[0]);
    shell_leaving = POWER_OFF;
    return 0;
}

static int run_reboot(int argc, char **argv)
{
    if (argc > 1)
        return usage(argv[0]);
    shell_leaving = REBOOT;
    return 0;
}

static const struct builtin builtins[] = {
    {"help", run_help, "[COMMAND]", "List the commands, or explain one"},
    {"xl", xl_main, "COMMAND ...", "Manage domains; 'xl help' tells how"},
    {"xenstore", xenstore_main, "COMMAND ...", "Read, change and watch the store; 'xenstore help' tells how"},
    {"ls", run_ls, "[-l] [PATH]", "List the boot files: ls /files"},
    {"cat", run_cat, "FILE...", "Print files"},
    {"echo", run_echo, "[WORD]...", "Print words; $? is the last exit status"},
    {"sleep", run_sleep, "SECONDS", "Wait; fractions are fine"},
    {"resources", run_resources, "", "Show what dom0 itself uses"},
    {"poweroff", run_poweroff, "", "Switch the machine off"},
    {"reboot", run_reboot, "", "Restart the machine"},
};

const struct builtin *builtin_get(size_t n)
{
    return n < sizeof(builtins) / sizeof(*builtins) ? &builtins[n] : NULL;
}

const struct builtin *builtin_find(const char *name)
{
    /* xenstore's commands have the names of the original tools, too. */
    static const char xenstore[] = "xenstore-";
    size_t prefix = strlen(xenstore);
    const struct builtin *b;

    if (!strncmp(name, xenstore, prefix) && xenstore_command_find(name + prefix))
        name = "xenstore";
    for (size_t i = 0; (b = builtin_get(i)); i++)
        if (!strcmp(b->name, name))
            return b;
    return NULL;
}

const char *shell_command_name(size_t n)
{
    const struct builtin *b = builtin_get(n);

    return b ? b->name : NULL;
}
