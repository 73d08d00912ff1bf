// SPDX-License-Identifier: MIT
/* The store's state on disk; see state_file.h. */
#define _GNU_SOURCE
#include "state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xenstore/state.h>

#include "batch.h"
#include "log.h"

#define CHANGES_MIN ((uint64_t)1 << 20) /* not worth writing anew before */

static void set_path(char path[PATH_MAX], const char *run_dir, const char *name)
{
    snprintf(path, PATH_MAX, "%s/%s", run_dir, name); /* the socket's path was no shorter, and fitted */
}

void state_file_init(struct state_file *file)
{
    *file = (struct state_file){.fd = -1};
}

/* ---- reading ---- */

static int apply(void *ctx, const void *records, size_t len)
{
    return xs_store_apply(ctx, records, len);
}

static bool load(const char *path, int fd, struct xs_store *store)
{
    struct stat status;
    uint64_t end = 0;
    int error = fstat(fd, &status) ? errno : batch_read_all(fd, apply, store, &end);

    if (error == EINVAL) {
        log_line(
            "%s: damaged at byte %llu, or of another version; without this file xenstored starts with an "
            "empty store",
            path, (unsigned long long)end);
    } else if (error) {
        log_line("%s: cannot read the store's state: %s", path, strerror(error));
    } else if (end < (uint64_t)status.st_size) {
        log_line("%s: its last change is not complete: no client was told that it had happened", path);
    }
    return !error;
}

bool state_file_load(const char *run_dir, struct xs_store *store)
{
    char path[PATH_MAX];
    bool loaded;
    int fd;

    set_path(path, run_dir, "state");
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return true;
    if (fd < 0) {
        log_line("%s: cannot read the store's state: %s", path, strerror(errno));
        return false;
    }
    loaded = load(path, fd, store);
    close(fd);
    return loaded;
}

/* ---- writing ---- */

struct writing {
    int fd;
    uint64_t size;
};

static int write_part(void *ctx, const void *records, size_t len)
{
    struct writing *writing = ctx;
    int error = batch_write(writing->fd, writing->size, records, len);

    writing->size += BATCH_OVERHEAD + len;
    return error;
}

/* Puts a file with the whole state in the place of the former. 0 or a positive errno: the former stays. */
static int replace(struct state_file *file, struct xs_store *store)
{
    struct writing writing = {.fd = open(file->new_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
    int error;

    if (writing.fd < 0)
        return errno;
    error = xs_store_save(store, write_part, &writing);
    if (!error && rename(file->new_path, file->path))
        error = errno;
    if (error) {
        close(writing.fd);
        unlink(file->new_path);
        return error;
    }
    if (file->fd >= 0)
        close(file->fd);
    file->fd = writing.fd;
    file->size = writing.size;
    file->rewrite_at = 2 * writing.size + CHANGES_MIN;
    file->broken = false;
    return 0;
}

bool state_file_begin(struct state_file *file, const char *run_dir, struct xs_store *store)
{
    int error;

    set_path(file->path, run_dir, "state");
    set_path(file->new_path, run_dir, "state.new");
    error = replace(file, store);
    if (error)
        log_line("%s: cannot write the store's state: %s", file->new_path, strerror(error));
    return !error;
}

int state_file_append(void *ctx, const void *records, size_t len)
{
    struct state_file *file = ctx;
    int error;

    if (file->fd < 0)
        return 0;
    if (file->broken)
        return EIO;
    error = batch_write(file->fd, file->size, records, len);
    if (!error) {
        file->size += BATCH_OVERHEAD + len;
        return 0;
    }
    log_line("%s: a change cannot be kept, and is refused: %s", file->path, strerror(error));
    file->broken = ftruncate(file->fd, (off_t)file->size) != 0;
    return error == ENOSPC ? ENOSPC : EIO;
}

void state_file_tidy(struct state_file *file, struct xs_store *store)
{
    int error;

    if (file->fd < 0 || (file->size < file->rewrite_at && !file->broken))
        return;
    error = replace(file, store);
    if (!error)
        return;
    log_line("%s: cannot write the store's state anew, the file grows: %s", file->new_path, strerror(error));
    file->rewrite_at += file->size;
}
