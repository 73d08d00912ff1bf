// SPDX-License-Identifier: MIT
/* Run directory, lock and socket; see listener.h. */
#define _GNU_SOURCE
#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"

bool listener_make_run_dir(const char *path)
{
    if (!mkdir(path, 0755) || errno == EEXIST)
        return true;
    log_line("%s: cannot make this directory: %s", path, strerror(errno));
    return false;
}

/* Says who holds the lock: its holder has written its process id there. */
static void report_holder(int fd, const char *path)
{
    char pid[16];
    ssize_t len = read(fd, pid, sizeof(pid) - 1);

    pid[len > 0 ? len : 0] = '\0';
    log_line("%s: in use by another xenstored, process %s; end that one first", path, *pid ? pid : "unknown");
}

static void write_pid(int fd)
{
    char pid[16];
    int len = snprintf(pid, sizeof(pid), "%ld", (long)getpid());

    /* Only for report_holder(): without it the lock works as well. */
    if (ftruncate(fd, 0) || pwrite(fd, pid, (size_t)len, 0) != len)
        log_line("the lock file doesn't tell who holds it: %s", strerror(errno));
}

int listener_lock_run_dir(const char *path)
{
    char name[4096];
    int fd;

    snprintf(name, sizeof(name), "%s/lock", path);
    fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        log_line("%s: cannot open the lock file: %s", name, strerror(errno));
        return -1;
    }
    if (!flock(fd, LOCK_EX | LOCK_NB)) {
        write_pid(fd);
        return fd;
    }
    if (errno == EWOULDBLOCK)
        report_holder(fd, path);
    else
        log_line("%s: cannot lock this file: %s", name, strerror(errno));
    close(fd);
    return -1;
}

/* Does a process listen there? */
static bool is_served(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool served = fd >= 0 && (!connect(fd, (const void *)address, sizeof(*address)) || errno == EAGAIN);

    if (fd >= 0)
        close(fd);
    return served;
}

/* Makes way for a new socket: nobody's is removed, anything else is left alone. */
static bool clear_path(const struct sockaddr_un *address)
{
    struct stat status;

    if (lstat(address->sun_path, &status))
        return true; /* bind() says better what is wrong */
    if (!S_ISSOCK(status.st_mode)) {
        log_line("%s: there is something that isn't a socket; remove it, or set XENSTORED_PATH",
                 address->sun_path);
        return false;
    }
    if (is_served(address)) {
        log_line("%s: another daemon listens there; end that one first", address->sun_path);
        return false;
    }
    if (unlink(address->sun_path)) {
        log_line("%s: cannot remove the socket of a former daemon: %s", address->sun_path, strerror(errno));
        return false;
    }
    return true;
}

/* Bound and listening, with a mode that lets only root in from the first moment on. */
static bool listen_at(int fd, const struct sockaddr_un *address)
{
    mode_t mask = umask(0177);
    int failed = bind(fd, (const void *)address, sizeof(*address));

    umask(mask);
    if (!failed && !listen(fd, SOMAXCONN))
        return true;
    log_line("%s: cannot listen there: %s", address->sun_path, strerror(errno));
    return false;
}

int listener_open(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    if (strlen(path) >= sizeof(address.sun_path)) {
        log_line("%s: a socket's path has at most %zu characters", path, sizeof(address.sun_path) - 1);
        return -1;
    }
    strcpy(address.sun_path, path);
    if (!clear_path(&address))
        return -1;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        log_line("no socket can be made: %s", strerror(errno));
        return -1;
    }
    if (listen_at(fd, &address))
        return fd;
    close(fd);
    return -1;
}
