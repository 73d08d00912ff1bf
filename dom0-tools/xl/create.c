// SPDX-License-Identifier: MIT
/* xl create: from a configuration to a running domain. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <guest/thread.h>
#include <guest/time.h>

#include <dom0/config_file.h>
#include <dom0/files.h>
#include <dom0/shell.h>

#include "xl_commands.h"

/* Builds shorter than this show no progress. */
#define PROGRESS_AFTER (200 * NS_PER_MS)

static void warn(const char *line)
{
    fprintf(stderr, "xl create: warning: %s\n", line);
}

/* The configuration file: the value of -f, or the first argument without a '='. NULL: there is none. */
static const char *config_name(const struct xl_args *args)
{
    if (xl_given(args, "defconfig"))
        return xl_value(args, "defconfig");
    return args->argc && !strchr(args->argv[0], '=') ? args->argv[0] : NULL;
}

static int read_config_file(const char *name, struct config_file *config, struct error *err)
{
    const struct module *module = file_find(name, err);
    struct config_error where;

    if (!module)
        return error_prefix(err, "configuration");
    if (config_file_parse(config, module->data, module->size, &where))
        return 0;
    return error_set(err, -EINVAL, "%s:%u:%u: %s", name, where.line, where.column, where.message);
}

static int read_overrides(const struct xl_args *args, int first, struct config_file *config,
                          struct error *err)
{
    struct config_error where;

    for (int i = first; i < args->argc; i++)
        if (!config_file_override(config, args->argv[i], &where))
            return error_set(err, -EINVAL, "in '%s': %s", args->argv[i], where.message);
    return 0;
}

/* All that the command line says about the domain. */
static int read_settings(const struct xl_args *args, struct domain_settings *settings, struct error *err)
{
    const char *name = config_name(args);
    struct config_file config = {NULL};
    bool name_is_argument = name && !xl_given(args, "defconfig");
    int rc = name ? read_config_file(name, &config, err) : 0;

    if (!name && !args->argc)
        rc = error_set(err, -EINVAL, "wants a configuration file, key=value settings, or both");
    if (!rc)
        rc = read_overrides(args, name_is_argument ? 1 : 0, &config, err);
    if (!rc)
        rc = domain_settings_read(&config, name ? name : "command line", settings, warn, err);
    config_file_clear(&config);
    return rc;
}

struct progress {
    const char *name;
    uint64_t begin;
    unsigned percent; /* last shown; 0: nothing shown yet */
    bool visible;
};

static void show_progress(void *ctx, uint64_t done, uint64_t total)
{
    struct progress *p = ctx;
    unsigned percent = total ? (unsigned)(done * 100 / total) : 100;

    if (!p->visible || percent == p->percent || time_now() - p->begin < PROGRESS_AFTER)
        return;
    p->percent = percent;
    printf("\rBuilding %s: %u%%", p->name, percent);
    fflush(stdout);
}

static void clear_progress(const struct progress *p)
{
    if (p->percent)
        printf("\r\x1b[K");
}

static void give_way(void *ctx)
{
    (void)ctx;
    thread_yield();
}

/* One line: what took how many seconds. */
static void print_time(const char *what, uint64_t ns, const char *end)
{
    printf("%s %llu.%06llu s%s\n", what, (unsigned long long)(ns / NS_PER_S),
           (unsigned long long)(ns / NS_PER_US % 1000000), end);
}

static void print_times(const struct domain_record *record, const struct create_times *times)
{
    printf("Domain %u '%s' created", record->domid, record->settings.name);
    print_time(" in", times->build + times->announce + times->start, ":");
    print_time("  build   ", times->build, "");
    print_time("  announce", times->announce, "");
    print_time("  start   ", times->start, "");
}

/* Make the domain, showing how far it is. */
static int create_domain(const struct xl_args *args, const struct domain_settings *settings,
                         struct domain_record **record, struct error *err)
{
    struct progress progress = {.name = settings->name, .begin = time_now()};
    struct build_hooks hooks = {.progress = show_progress, .yield = give_way, .ctx = &progress};
    struct create_times times;
    int rc;

    progress.visible = shell_is_interactive() && !xl_given(args, "quiet");
    rc = toolstack_create(settings, xl_given(args, "paused"), &hooks, &times, record, err);
    clear_progress(&progress);
    if (!rc && xl_given(args, "verbose"))
        print_times(*record, &times);
    return rc;
}

int xl_create(const struct xl_args *args)
{
    struct domain_settings settings;
    struct domain_record *record;
    struct error err;
    int status = 0;

    if (read_settings(args, &settings, &err))
        return xl_fail(args, &err);
    if (config_name(args) && !xl_given(args, "quiet"))
        printf("Parsing config from %s\n", config_name(args));
    if (!xl_given(args, "dryrun")) {
        if (create_domain(args, &settings, &record, &err)) {
            status = xl_fail(args, &err);
        } else {
            if (xl_given(args, "console"))
                status = xl_show_console(args, record, true);
            toolstack_put(record);
        }
    }
    domain_settings_clear(&settings);
    return status;
}
