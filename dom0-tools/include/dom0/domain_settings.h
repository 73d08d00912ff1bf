// SPDX-License-Identifier: MIT
/*
 * What a configuration file says about a domain, checked key by key. Paths are as the user wrote them:
 * whether the files exist is found out when the domain is built.
 */
#ifndef DOM0_DOMAIN_SETTINGS_H
#define DOM0_DOMAIN_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include <dom0/config_file.h>
#include <dom0/error.h>

#define DOMAIN_NAME_MAX    63
#define DEFAULT_MEMORY_MIB 128

/* What happens to a domain when it has shut down. */
enum domain_action {
    ACTION_DESTROY,        /* free all it has */
    ACTION_RESTART,        /* destroy it and build it anew */
    ACTION_RENAME_RESTART, /* keep it under another name for inspection, and build it anew */
    ACTION_PRESERVE,       /* keep it as it is */
};

struct domain_settings {
    char name[DOMAIN_NAME_MAX + 1];
    char *kernel;  /* owned; never NULL once parsed */
    char *ramdisk; /* owned; NULL: none */
    char *cmdline; /* owned; never NULL once parsed */
    uint64_t memory_mib, maxmem_mib;
    unsigned vcpus;
    enum domain_action on_poweroff, on_reboot, on_crash;
    uint8_t uuid[16]; /* first byte of the text form first; all zero: choose one */
};

/*
 * Read the settings out of a parsed configuration; `source` names it in messages. `warn` is called with one
 * line for each thing that is odd but not wrong. On error the result is cleared. 0 or a negative errno with
 * *err.
 */
int domain_settings_read(const struct config_file *file, const char *source, struct domain_settings *settings,
                         void (*warn)(const char *line), struct error *err);

/* A deep copy; -ENOMEM leaves `to` cleared. */
int domain_settings_copy(struct domain_settings *to, const struct domain_settings *from);

void domain_settings_clear(struct domain_settings *settings);

/* The n-th key a configuration may hold, NULL behind the last: for completion and help. */
const char *domain_settings_key(size_t n);

const char *domain_action_name(enum domain_action action);

/* 0, or -EINVAL with *err saying why `name` cannot name a domain. */
int domain_name_check(const char *name, struct error *err);

#define UUID_TEXT_SIZE 37
void uuid_format(const uint8_t uuid[16], char text[UUID_TEXT_SIZE]);

#endif
