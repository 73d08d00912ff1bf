// SPDX-License-Identifier: MIT
/*
 * dom0: starts the daemons, then the shell. A boot module called ".rc" holds commands to run first; with
 * "exec" on the command line the commands of ".exec" run in place of a prompt, and the machine powers off
 * behind them.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <guest/module.h>
#include <guest/shutdown.h>
#include <guest/time.h>

#include <dom0/consoled.h>
#include <dom0/ps2_keyboard.h>
#include <dom0/shell.h>
#include <dom0/terminal.h>
#include <dom0/toolstack.h>
#include <dom0/xenstored.h>

/* Nothing works without this part: end here, and loudly. */
static void need(int rc, const char *what, const char *why)
{
    if (rc < 0)
        guest_panic("dom0: cannot start %s: %s", what, why ? why : strerror(-rc));
}

static void start_daemons(void)
{
    struct error err;
    int rc;

    need(xenstored_start(), "xenstored", NULL);
    need(consoled_start(), "consoled", NULL);
    rc = toolstack_start(&err);
    need(rc, "the toolstack", err.text);
    need(terminal_start(), "the terminal", NULL);
    rc = ps2_keyboard_start();
    if (rc && rc != -ENODEV)
        fprintf(stderr, "dom0: the PS/2 keyboard does not work: %s\n", strerror(-rc));
}

/* The hypervisor's clock counts from its own start. */
static void print_start_time(void)
{
    uint64_t now = time_now();

    printf("dom0: ready %llu.%03llu s after the hypervisor's start\n", (unsigned long long)(now / NS_PER_S),
           (unsigned long long)(now / NS_PER_MS % 1000));
}

static bool has_argument(int argc, char **argv, const char *word)
{
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], word))
            return true;
    return false;
}

int main(int argc, char **argv)
{
    const struct module *rc_file = module_find(".rc"), *exec_file = module_find(".exec");
    bool exec = has_argument(argc, argv, "exec");

    shell_set_interactive(!exec);
    start_daemons();
    print_start_time();
    if (rc_file)
        shell_run_text(rc_file->data, rc_file->size);
    if (exec)
        shell_exec(exec_file ? exec_file->data : "", exec_file ? exec_file->size : 0);
    shell_interactive();
}
