// SPDX-License-Identifier: MIT
/* Reading lines and running the commands in them. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <guest/console.h>
#include <guest/shutdown.h>
#include <guest/thread.h>

#include <dom0/shell.h>
#include <dom0/terminal.h>
#include <dom0/words.h>

#include "builtins.h"

#define PROMPT "dom0# "

enum leaving shell_leaving;

static int last_status;   /* $? */
static int first_failure; /* of all commands so far; what scripts/run exits with */
static bool interactive;

void shell_set_interactive(bool on)
{
    interactive = on;
}

bool shell_is_interactive(void)
{
    return interactive;
}

static int run_words(struct words *words)
{
    const struct builtin *b = builtin_find(words->argv[0]);

    if (b)
        return b->run(words->argc, words->argv);
    fprintf(stderr, "%s: no such command; 'help' lists them\n", words->argv[0]);
    return 127;
}

/* Run the first command of the line; returns the rest, NULL at its end. */
static const char *run_first(const char *line)
{
    struct words words;
    const char *rest = NULL, *problem;

    if (!words_split(&words, line, last_status, &rest, &problem)) {
        fprintf(stderr, "dom0: %s: %s\n", problem, line);
        last_status = 2;
        rest = NULL;
    } else if (words.argc) {
        last_status = run_words(&words);
    }
    words_free(&words);
    fflush(stdout);
    if (!first_failure)
        first_failure = last_status;
    return rest;
}

void shell_run_line(const char *line)
{
    while (line && shell_leaving == STAY) {
        line = run_first(line);
        thread_yield(); /* a script that never waits must not keep the toolstack from a domain that ended */
    }
}

void shell_run_text(const char *text, size_t length)
{
    while (length && shell_leaving == STAY) {
        const char *end = memchr(text, '\n', length);
        size_t part = end ? (size_t)(end - text) : length;
        char *line = strndup(text, part && text[part - 1] == '\r' ? part - 1 : part);

        if (!line) {
            fprintf(stderr, "dom0: out of memory\n");
            last_status = 1;
            return;
        }
        shell_run_line(line);
        free(line);
        part += end != NULL;
        text += part;
        length -= part;
    }
}

static void leave(void) __attribute__((noreturn));

static void leave(void)
{
    fflush(stdout);
    if (shell_leaving == REBOOT)
        shutdown_reboot();
    shutdown_poweroff();
}

/* scripts/run shows what stands between these two lines. Every command ends its last line, so they stand
 * alone. */
void shell_exec(const char *text, size_t length)
{
    first_failure = last_status = 0;
    printf("proxenos: exec begin\n");
    fflush(stdout);
    shell_run_text(text, length);
    printf("proxenos: exit status %d\n", first_failure);
    leave();
}

static void write_console(void *unused, const char *bytes, size_t length)
{
    (void)unused;
    console_write(bytes, length);
}

static void redraw_prompt(void *edit)
{
    line_edit_redraw(edit);
}

/* Edit one line; false if it was cancelled. */
static bool read_line(struct line_edit *edit)
{
    enum line_event event = LINE_EDITING;

    line_edit_start(edit);
    terminal_set_redraw(redraw_prompt, edit);
    while (event == LINE_EDITING) {
        int byte = terminal_take();

        if (byte < 0)
            terminal_wait(DEADLINE_NEVER);
        else
            event = line_edit_byte(edit, (uint8_t)byte);
    }
    terminal_set_redraw(NULL, NULL);
    return event == LINE_ENTERED;
}

void shell_interactive(void)
{
    static const struct line_edit_ops ops = {.write = write_console, .complete = shell_complete};
    static struct history history;
    static struct line_edit edit;

    line_edit_init(&edit, &ops, &history, PROMPT, TERMINAL_COLUMNS);
    while (shell_leaving == STAY)
        if (read_line(&edit))
            shell_run_line(edit.text);
    leave();
}
