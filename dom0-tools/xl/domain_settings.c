// SPDX-License-Identifier: MIT
/*
 * The meaning of a domain's configuration: one table of keys, each with the function that checks and keeps
 * its value.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dom0/domain_settings.h>

/* Far above any machine, far below where MiB to bytes could overflow. */
#define MAX_MEMORY_MIB (UINT64_C(1) << 32)

struct reader {
    struct domain_settings *settings;
    const char *source;
    void (*warn)(const char *line);
    struct error *err;
    const char *root, *extra; /* parts of a command line, borrowed from the file */
};

struct key {
    const char *name;
    int (*read)(struct reader *r, const struct config_setting *s);
};

#define PLACE_MAX 96

/* Where a setting stands, for messages; settings of the command line have no line number. */
static const char *place(const struct reader *r, const struct config_setting *s, char text[PLACE_MAX])
{
    if (!s->line)
        return "command line";
    snprintf(text, PLACE_MAX, "%s:%u:%u", r->source, s->line, s->column);
    return text;
}

__attribute__((format(printf, 3, 4))) static int bad(struct reader *r, const struct config_setting *s,
                                                     const char *format, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    error_set(r->err, -EINVAL, "%s: %s: %s", place(r, s, (char[PLACE_MAX]){0}), s->key, text);
    return -EINVAL;
}

/* The text of a string setting; NULL, with the error set, if it is none. */
static const char *string_of(struct reader *r, const struct config_setting *s)
{
    if (s->value.type == CONFIG_STRING)
        return s->value.string;
    bad(r, s, "wants a string in quotes");
    return NULL;
}

static int get_number(struct reader *r, const struct config_setting *s, uint64_t limit, uint64_t *out)
{
    if (s->value.type != CONFIG_NUMBER)
        return bad(r, s, "wants a number without quotes");
    if (s->value.number < 0 || (uint64_t)s->value.number > limit)
        return bad(r, s, "%lld is out of range", s->value.number);
    *out = (uint64_t)s->value.number;
    return 0;
}

/* Keep a copy of a string setting in *slot. */
static int keep_string(struct reader *r, const struct config_setting *s, char **slot)
{
    const char *text = string_of(r, s);

    if (!text)
        return -EINVAL;
    free(*slot);
    *slot = strdup(text);
    return *slot ? 0 : error_set(r->err, -ENOMEM, "out of memory");
}

int domain_name_check(const char *name, struct error *err)
{
    if (!*name)
        return error_set(err, -EINVAL, "a domain's name cannot be empty");
    if (strlen(name) > DOMAIN_NAME_MAX)
        return error_set(err, -EINVAL, "name '%.20s...' is longer than %d characters", name, DOMAIN_NAME_MAX);
    if (strspn(name, "0123456789") == strlen(name))
        return error_set(err, -EINVAL, "name '%s' is a number, which commands would take for a domain id",
                         name);
    for (const char *c = name; *c; c++)
        if (!isgraph((unsigned char)*c) || *c == '/')
            return error_set(err, -EINVAL, "name '%s' may hold neither blanks nor '/' nor control characters",
                             name);
    return 0;
}

static int read_name(struct reader *r, const struct config_setting *s)
{
    const char *name = string_of(r, s);
    int rc = name ? domain_name_check(name, r->err) : -EINVAL;

    if (!rc)
        strcpy(r->settings->name, name);
    return rc;
}

static int read_type(struct reader *r, const struct config_setting *s)
{
    const char *type = string_of(r, s);

    if (!type)
        return -EINVAL;
    if (!strcmp(type, "pvh"))
        return 0;
    return bad(r, s, "'%s' guests are not supported, Proxenos runs type = \"pvh\" only", type);
}

static int read_kernel(struct reader *r, const struct config_setting *s)
{
    return keep_string(r, s, &r->settings->kernel);
}

static int read_ramdisk(struct reader *r, const struct config_setting *s)
{
    return keep_string(r, s, &r->settings->ramdisk);
}

static int read_cmdline(struct reader *r, const struct config_setting *s)
{
    return keep_string(r, s, &r->settings->cmdline);
}

static int read_root(struct reader *r, const struct config_setting *s)
{
    r->root = string_of(r, s);
    return r->root ? 0 : -EINVAL;
}

static int read_extra(struct reader *r, const struct config_setting *s)
{
    r->extra = string_of(r, s);
    return r->extra ? 0 : -EINVAL;
}

static int read_memory(struct reader *r, const struct config_setting *s)
{
    int rc = get_number(r, s, MAX_MEMORY_MIB, &r->settings->memory_mib);

    return rc || r->settings->memory_mib ? rc : bad(r, s, "a domain cannot run with 0 MiB");
}

static int read_maxmem(struct reader *r, const struct config_setting *s)
{
    return get_number(r, s, MAX_MEMORY_MIB, &r->settings->maxmem_mib);
}

static int read_vcpus(struct reader *r, const struct config_setting *s)
{
    uint64_t vcpus = 0;
    int rc = get_number(r, s, UINT32_MAX, &vcpus);

    if (rc)
        return rc;
    if (vcpus != 1)
        return bad(r, s, "domains have exactly one vCPU for now, not %llu", (unsigned long long)vcpus);
    r->settings->vcpus = 1;
    return 0;
}

static const char *const action_names[] = {
    [ACTION_DESTROY] = "destroy",
    [ACTION_RESTART] = "restart",
    [ACTION_RENAME_RESTART] = "rename-restart",
    [ACTION_PRESERVE] = "preserve",
};

const char *domain_action_name(enum domain_action action)
{
    return action_names[action];
}

static int read_action(struct reader *r, const struct config_setting *s, enum domain_action *action)
{
    static const char coredump[] = "coredump-";
    const char *text = string_of(r, s), *name;

    if (!text)
        return -EINVAL;
    name = strncmp(text, coredump, strlen(coredump)) ? text : text + strlen(coredump);
    for (size_t i = 0; i < sizeof(action_names) / sizeof(*action_names); i++) {
        char line[160], where[PLACE_MAX];

        if (strcmp(name, action_names[i]))
            continue;
        *action = (enum domain_action)i;
        snprintf(line, sizeof(line), "%s: %s: core dumps are not written, taking '%s' as '%s'",
                 place(r, s, where), s->key, text, name);
        if (name != text)
            r->warn(line);
        return 0;
    }
    return bad(r, s, "'%s' is none of destroy, restart, rename-restart, preserve", text);
}

static int read_on_poweroff(struct reader *r, const struct config_setting *s)
{
    return read_action(r, s, &r->settings->on_poweroff);
}

static int read_on_reboot(struct reader *r, const struct config_setting *s)
{
    return read_action(r, s, &r->settings->on_reboot);
}

static int read_on_crash(struct reader *r, const struct config_setting *s)
{
    return read_action(r, s, &r->settings->on_crash);
}

static bool uuid_parse(const char *text, uint8_t uuid[16])
{
    for (unsigned i = 0; i < 16; i++, text += 2) {
        char digits[3] = {text[0], text[0] ? text[1] : '\0', '\0'};

        if (!isxdigit((unsigned char)digits[0]) || !isxdigit((unsigned char)digits[1]))
            return false;
        uuid[i] = (uint8_t)strtoul(digits, NULL, 16);
        if ((i == 3 || i == 5 || i == 7 || i == 9) && *(text++ + 2) != '-')
            return false;
    }
    return !*text;
}

void uuid_format(const uint8_t uuid[16], char text[UUID_TEXT_SIZE])
{
    for (unsigned i = 0; i < 16; i++)
        text += sprintf(text, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", uuid[i]);
}

static int read_uuid(struct reader *r, const struct config_setting *s)
{
    static const uint8_t none[16];
    const char *text = string_of(r, s);

    if (!text)
        return -EINVAL;
    if (!uuid_parse(text, r->settings->uuid) || !memcmp(r->settings->uuid, none, sizeof(none)))
        return bad(r, s, "'%s' is not a UUID such as 3d2a4c1e-6f5b-4a39-8c77-0123456789ab", text);
    return 0;
}

static const struct key keys[] = {
    {"name", read_name},           {"type", read_type},         {"kernel", read_kernel},
    {"ramdisk", read_ramdisk},     {"cmdline", read_cmdline},   {"root", read_root},
    {"extra", read_extra},         {"memory", read_memory},     {"maxmem", read_maxmem},
    {"vcpus", read_vcpus},         {"uuid", read_uuid},         {"on_poweroff", read_on_poweroff},
    {"on_reboot", read_on_reboot}, {"on_crash", read_on_crash},
};
#define KEY_COUNT (sizeof(keys) / sizeof(*keys))

const char *domain_settings_key(size_t n)
{
    return n < KEY_COUNT ? keys[n].name : NULL;
}

static int read_setting(struct reader *r, const struct config_setting *s)
{
    char line[160], where[PLACE_MAX];

    for (size_t i = 0; i < KEY_COUNT; i++)
        if (!strcmp(keys[i].name, s->key))
            return keys[i].read(r, s);
    snprintf(line, sizeof(line), "%s: unknown key '%s' is ignored", place(r, s, where), s->key);
    r->warn(line);
    return 0;
}

/* cmdline wins; else root= and extra are put together. */
static int compose_cmdline(struct reader *r)
{
    struct domain_settings *settings = r->settings;
    size_t size = (r->root ? strlen(r->root) : 0) + (r->extra ? strlen(r->extra) : 0) + sizeof("root= ");

    if (settings->cmdline) {
        if (r->root || r->extra)
            r->warn("cmdline is set, so root and extra are ignored");
        return 0;
    }
    settings->cmdline = malloc(size);
    if (!settings->cmdline)
        return error_set(r->err, -ENOMEM, "out of memory");
    snprintf(settings->cmdline, size, "%s%s%s%s", r->root ? "root=" : "", r->root ? r->root : "",
             r->root && r->extra ? " " : "", r->extra ? r->extra : "");
    return 0;
}

/* What only the whole can tell: required keys, defaults, keys that contradict each other. */
static int complete_settings(struct reader *r)
{
    struct domain_settings *settings = r->settings;

    if (!settings->name[0])
        return error_set(r->err, -EINVAL, "%s: the domain needs a name (name = \"...\")", r->source);
    if (!settings->kernel || !*settings->kernel)
        return error_set(r->err, -EINVAL, "%s: the domain needs a kernel (kernel = \"/files/...\")",
                         r->source);
    if (!settings->memory_mib)
        settings->memory_mib = settings->maxmem_mib ? settings->maxmem_mib : DEFAULT_MEMORY_MIB;
    if (!settings->maxmem_mib)
        settings->maxmem_mib = settings->memory_mib;
    if (settings->maxmem_mib < settings->memory_mib)
        return error_set(r->err, -EINVAL, "%s: maxmem = %llu is less than memory = %llu", r->source,
                         (unsigned long long)settings->maxmem_mib, (unsigned long long)settings->memory_mib);
    return compose_cmdline(r);
}

int domain_settings_read(const struct config_file *file, const char *source, struct domain_settings *settings,
                         void (*warn)(const char *line), struct error *err)
{
    struct reader r = {.settings = settings, .source = source, .warn = warn, .err = err};
    int rc = 0;

    memset(settings, 0, sizeof(*settings));
    settings->vcpus = 1;
    settings->on_poweroff = ACTION_DESTROY;
    settings->on_reboot = ACTION_RESTART;
    settings->on_crash = ACTION_DESTROY;
    for (const struct config_setting *s = file->first; s && !rc; s = s->next)
        rc = read_setting(&r, s);
    if (!rc)
        rc = complete_settings(&r);
    if (rc)
        domain_settings_clear(settings);
    return rc;
}

int domain_settings_copy(struct domain_settings *to, const struct domain_settings *from)
{
    *to = *from;
    to->kernel = from->kernel ? strdup(from->kernel) : NULL;
    to->ramdisk = from->ramdisk ? strdup(from->ramdisk) : NULL;
    to->cmdline = from->cmdline ? strdup(from->cmdline) : NULL;
    if (!to->kernel == !from->kernel && !to->ramdisk == !from->ramdisk && !to->cmdline == !from->cmdline)
        return 0;
    domain_settings_clear(to);
    return -ENOMEM;
}

void domain_settings_clear(struct domain_settings *settings)
{
    free(settings->kernel);
    free(settings->ramdisk);
    free(settings->cmdline);
    memset(settings, 0, sizeof(*settings));
}
