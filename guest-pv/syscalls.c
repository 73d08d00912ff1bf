// SPDX-License-Identifier: MIT
//
// newlib's system calls. Files 0, 1 and 2 are the console; open() knows boot modules, as /files/NAME,
// read-only.

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/times.h>
#include <unistd.h>
#include <guest/console.h>
#include <guest/module.h>
#include <guest/shutdown.h>
#include <guest/thread.h>
#include <guest/time.h>
#include "kit.h"

#define FIRST_FILE   3
#define MAX_FILES    32
#define FILES_PREFIX "/files/"

struct file {
    const struct module *module; // NULL: free
    size_t offset;
};

static struct file files[MAX_FILES];
static bool raw_stdin;

void console_set_raw(bool raw)
{
    raw_stdin = raw;
}

static int fail(int error)
{
    errno = error;
    return -1;
}

static struct file *file_of(int fd)
{
    int index = fd - FIRST_FILE;
    return index >= 0 && index < MAX_FILES && files[index].module ? &files[index] : NULL;
}

void *sbrk(ptrdiff_t by)
{
    uint64_t before = heap_move_end(by);
    if (before)
        return (void *)before;
    errno = ENOMEM;
    return (void *)-1;
}

int open(const char *path, int flags, ...)
{
    if (strncmp(path, FILES_PREFIX, strlen(FILES_PREFIX)))
        return fail(ENOENT);
    if ((flags & O_ACCMODE) != O_RDONLY)
        return fail(EROFS);
    const struct module *module = module_find(path + strlen(FILES_PREFIX));
    if (!module)
        return fail(ENOENT);
    for (int i = 0; i < MAX_FILES; i++) {
        if (!files[i].module) {
            files[i] = (struct file){module, 0};
            return FIRST_FILE + i;
        }
    }
    return fail(EMFILE);
}

int close(int fd)
{
    struct file *file = file_of(fd);
    if (fd >= 0 && fd < FIRST_FILE)
        return 0;
    if (!file)
        return fail(EBADF);
    file->module = NULL;
    return 0;
}

// A line from the console, handed out in as many pieces as the caller's buffer needs.
static int read_line(char *buffer, size_t size)
{
    static char line[256];
    static size_t length, given;
    if (given == length) {
        int typed = console_read_line(line, sizeof(line) - 1);
        if (typed < 0)
            return 0;
        line[typed] = '\n';
        length = (size_t)typed + 1;
        given = 0;
    }
    size_t count = length - given < size ? length - given : size;
    memcpy(buffer, line + given, count);
    given += count;
    return (int)count;
}

_READ_WRITE_RETURN_TYPE read(int fd, void *buffer, size_t size)
{
    struct file *file = file_of(fd);
    if (fd == STDIN_FILENO)
        return raw_stdin ? (int)console_read(buffer, size, DEADLINE_NEVER) : read_line(buffer, size);
    if (!file)
        return fail(EBADF);
    size_t left = file->module->size - file->offset;
    size_t count = left < size ? left : size;
    memcpy(buffer, (const char *)file->module->data + file->offset, count);
    file->offset += count;
    return (int)count;
}

_READ_WRITE_RETURN_TYPE write(int fd, const void *buffer, size_t size)
{
    if (fd != STDOUT_FILENO && fd != STDERR_FILENO)
        return fail(EBADF);
    console_puts(buffer, size);
    return (int)size;
}

off_t lseek(int fd, off_t offset, int whence)
{
    struct file *file = file_of(fd);
    if (!file)
        return fail(fd >= 0 && fd < FIRST_FILE ? ESPIPE : EBADF);
    off_t base = whence == SEEK_SET ? 0 : (off_t)(whence == SEEK_CUR ? file->offset : file->module->size);
    if (base + offset < 0 || base + offset > (off_t)file->module->size)
        return fail(EINVAL);
    file->offset = (size_t)(base + offset);
    return base + offset;
}

int isatty(int fd)
{
    return fd >= 0 && fd < FIRST_FILE ? 1 : (errno = ENOTTY, 0);
}

int fstat(int fd, struct stat *st)
{
    struct file *file = file_of(fd);
    memset(st, 0, sizeof(*st));
    if (!file && !isatty(fd))
        return fail(EBADF);
    st->st_mode = file ? S_IFREG | 0444 : S_IFCHR | 0600;
    st->st_size = file ? (off_t)file->module->size : 0;
    return 0;
}

int stat(const char *path, struct stat *st)
{
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return -1;
    fstat(fd, st);
    return close(fd);
}

int unlink(const char *path)
{
    (void)path;
    return fail(EROFS);
}

int getpid(void)
{
    return 1;
}

// abort() and assert() end in raise(), and that here.
int kill(int pid, int signal)
{
    (void)pid;
    guest_panic("signal %d (abort or a failed assertion)", signal);
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    uint64_t now = time_wall_now();
    (void)zone;
    tv->tv_sec = (time_t)(now / NS_PER_S);
    tv->tv_usec = (suseconds_t)(now % NS_PER_S / NS_PER_US);
    return 0;
}

clock_t times(struct tms *t)
{
    clock_t ticks = (clock_t)(time_now() / (NS_PER_S / CLOCKS_PER_SEC));
    *t = (struct tms){.tms_utime = ticks};
    return ticks;
}

unsigned sleep(unsigned seconds)
{
    thread_sleep(seconds * NS_PER_S);
    return 0;
}

int usleep(useconds_t us)
{
    thread_sleep(us * NS_PER_US);
    return 0;
}

void _exit(int status)
{
    (void)status; // Xen has no place for it
    shutdown_poweroff();
}
