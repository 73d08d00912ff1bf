// SPDX-License-Identifier: MIT
/*
 * The daemon's own commands of CONTROL; see control.h. A live update comes in steps, as Xen's client makes
 * them: the program, its arguments if they change, then the start. Before that is answered with "OK", the
 * program has to say that it is a xenstored and understands its arguments: afterwards nobody could answer.
 */
#define _GNU_SOURCE
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "options.h"

#define PROBE_SECONDS 5 /* a program that says nothing for so long is none of ours */
#define BLANKS        " \t\n"

const char control_help[] = "live-update -f FILE | -c ARGUMENTS | -s [-F] [-t SECONDS] | -a\n"
                            "log on|off\n"
                            "logfile PATH\n";

/* ---- would it start? ---- */

static size_t count_words(char *const *words)
{
    size_t count = 0;

    while (words[count])
        count++;
    return count;
}

static void __attribute__((noreturn)) become(const char *program, char **arguments, int out)
{
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    alarm(PROBE_SECONDS);
    execv(program, arguments);
    dprintf(STDERR_FILENO, "%s", strerror(errno));
    _exit(EXIT_FAILED);
}

static int ms_until(const struct timespec *end)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int)((end->tv_sec - now.tv_sec) * 1000 + (end->tv_nsec - now.tv_nsec) / 1000000);
}

/* Reads what comes, as a string, until nobody can write any more. False: that takes too long, or is too much.
 */
static bool read_all(int fd, char *said, size_t size)
{
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};
    struct timespec end;
    ssize_t got = 1;
    size_t len = 0;
    int left;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += PROBE_SECONDS;
    while (got > 0 && len < size - 1 && (left = ms_until(&end)) > 0 && poll(&pollfd, 1, left) > 0) {
        got = read(fd, said + len, size - 1 - len);
        len += got > 0 ? (size_t)got : 0;
    }
    said[len] = '\0';
    return got == 0;
}

/* Runs a program until its end, with what it says. True: it succeeded. */
static bool run(const char *program, char **arguments, char *said, size_t size)
{
    int ends[2], status;
    bool ended;
    pid_t child;

    if (pipe2(ends, O_CLOEXEC))
        return false;
    child = fork();
    if (!child)
        become(program, arguments, ends[1]);
    close(ends[1]);
    ended = child > 0 && read_all(ends[0], said, size);
    close(ends[0]);
    if (child < 0)
        return false;
    /* What it left behind in the background may go on; we don't wait for that. */
    if (!ended)
        kill(child, SIGKILL);
    return waitpid(child, &status, 0) == child && ended && WIFEXITED(status) &&
           WEXITSTATUS(status) == EXIT_SUCCESS;
}

/* Asks a program for its version. If it isn't one that could go on in our place, *answer says so. */
static bool probe(const struct handover_target *target, char *answer, size_t size)
{
    size_t count = count_words(target->arguments);
    char **arguments = calloc(count + 2, sizeof(*arguments));
    char said[1024] = "";
    bool fits;

    if (!arguments) {
        snprintf(answer, size, "out of memory");
        return false;
    }
    memcpy(arguments, target->arguments, count * sizeof(*arguments));
    arguments[count] = "--version";
    fits = run(target->program, arguments, said, sizeof(said)) &&
           !strncmp(said, OPTIONS_PROGRAM, strlen(OPTIONS_PROGRAM));
    free(arguments);
    if (!fits)
        snprintf(answer, size, "%s is not started: %.*s", target->program,
                 *said ? (int)strcspn(said, "\n") : (int)sizeof(said),
                 *said ? said : "it does not tell its version");
    return fits;
}

/* ---- live-update ---- */

void control_forget(struct control *control)
{
    free(control->program);
    free(control->line);
    free(control->arguments);
    *control = (struct control){.program = NULL};
}

struct handover_target control_target(const struct control *control)
{
    struct handover_target target = handover_again();

    if (control->program)
        target.program = control->program;
    if (control->arguments)
        target.arguments = control->arguments;
    return target;
}

static int take_program(struct control *control, const char *path, char *answer, size_t size)
{
    char *arguments[] = {(char *)path, NULL};
    const struct handover_target target = {.program = path, .arguments = arguments};

    if (!probe(&target, answer, size))
        return 0;
    control_forget(control);
    control->program = strdup(path);
    return control->program ? 0 : ENOMEM;
}

static int take_line(struct control *control, const char *line)
{
    free(control->line);
    control->line = strdup(line);
    return control->line ? 0 : ENOMEM;
}

/* Takes the line of arguments apart. */
static int split_line(struct control *control)
{
    size_t count = 1;
    char *word, *rest;

    if (!control->line)
        return 0;
    control->arguments = calloc(strlen(control->line) / 2 + 3, sizeof(*control->arguments));
    if (!control->arguments)
        return ENOMEM;
    control->arguments[0] = handover_again().arguments[0];
    for (word = strtok_r(control->line, BLANKS, &rest); word; word = strtok_r(NULL, BLANKS, &rest))
        control->arguments[count++] = word;
    return 0;
}

/* -F and -t SECONDS are about open transactions; ours go on with EAGAIN, so nobody has to wait for them. */
static bool are_start_options(const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(words[i], "-F"))
            continue;
        if (strcmp(words[i], "-t") || ++i == count || !*words[i] || words[i][strspn(words[i], "0123456789")])
            return false;
    }
    return true;
}

static int start(struct control *control, char *answer, size_t size)
{
    int error = split_line(control);
    struct handover_target target = control_target(control);

    if (!error && probe(&target, answer, size)) {
        log_line("live update: becoming %s", target.program);
        control->decided = true;
    } else {
        control_forget(control);
    }
    return error;
}

static int live_update(struct control *control, const char *const *words, size_t count, char *answer,
                       size_t size)
{
    if (control->decided) {
        snprintf(answer, size, "BUSY");
        return 0;
    }
    if (count == 2 && !strcmp(words[0], "-f"))
        return take_program(control, words[1], answer, size);
    if (count == 2 && !strcmp(words[0], "-c"))
        return take_line(control, words[1]);
    if (count && !strcmp(words[0], "-s") && are_start_options(words + 1, count - 1))
        return start(control, answer, size);
    if (count != 1 || strcmp(words[0], "-a"))
        return EINVAL;
    control_forget(control);
    return 0;
}

/* ---- the commands ---- */

int control_run(struct control *control, const char *const *words, size_t count, char *answer, size_t size)
{
    if (!strcmp(words[0], "live-update"))
        return live_update(control, words + 1, count - 1, answer, size);
    if (count != 2)
        return EINVAL;
    if (!strcmp(words[0], "logfile"))
        return log_to_file(words[1]);
    if (!strcmp(words[0], "log") && (!strcmp(words[1], "on") || !strcmp(words[1], "off")))
        return log_switch(!strcmp(words[1], "on"));
    return EINVAL;
}
