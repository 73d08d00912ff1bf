// SPDX-License-Identifier: MIT
/* Leaving the terminal; see background.h. */
#define _GNU_SOURCE
#include "background.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "options.h"

static int ready_pipe = -1;

/* The parent's part: a byte says that the daemon serves, the pipe's end that it died. */
static void __attribute__((noreturn)) wait_for_daemon(int pipe_end, pid_t pid)
{
    int status;
    char byte;
    ssize_t got;

    do
        got = read(pipe_end, &byte, 1);
    while (got < 0 && errno == EINTR);
    if (got == 1)
        _exit(EXIT_SUCCESS);
    if (waitpid(pid, &status, 0) == pid && WIFEXITED(status))
        _exit(WEXITSTATUS(status));
    log_line("the daemon died before it served anybody");
    _exit(EXIT_FAILED);
}

bool background_enter(void)
{
    int ends[2];
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC)) {
        log_line("cannot make a pipe: %s", strerror(errno));
        return false;
    }
    pid = fork();
    if (pid < 0) {
        log_line("cannot start a process: %s", strerror(errno));
        return false;
    }
    if (pid) {
        close(ends[1]);
        wait_for_daemon(ends[0], pid);
    }
    close(ends[0]);
    ready_pipe = ends[1];
    setsid();
    return true;
}

static void leave_terminal(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0)
        return;
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    if (null > 2)
        close(null);
}

void background_ready(void)
{
    ssize_t sent;

    log_to_syslog();
    leave_terminal();
    sent = write(ready_pipe, "", 1);
    (void)sent; /* nobody may be waiting any more */
    close(ready_pipe);
}
