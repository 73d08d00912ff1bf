// SPDX-License-Identifier: MIT
/* What Tab offers: commands, xl's subcommands and options, domains, configuration keys, files. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dom0/domain_settings.h>
#include <dom0/files.h>
#include <dom0/shell.h>
#include <dom0/toolstack.h>
#include <dom0/words.h>
#include <dom0/xenstore.h>
#include <dom0/xl.h>

/* The word being completed, with its quotes removed, and where candidates go. */
struct target {
    const char *word;
    struct completion *completion;
};

/* Offer `before` followed by `text` if the word begins like that. */
static void offer(const struct target *t, const char *before, const char *text)
{
    char whole[LINE_MAX_LENGTH + 1], quoted[LINE_MAX_LENGTH + 1];

    snprintf(whole, sizeof(whole), "%s%s", before, text);
    if (strncmp(whole, t->word, strlen(t->word)))
        return;
    words_quote(whole, quoted, sizeof(quoted));
    completion_add(t->completion, quoted);
}

/* Offer files, behind `before` (empty, or "kernel="). */
static void offer_files(const struct target *t, const char *before)
{
    const struct module *module;

    for (unsigned n = 0; (module = file_get(n)); n++) {
        char path[LINE_MAX_LENGTH + 1];

        snprintf(path, sizeof(path), FILES_DIRECTORY "/%s", module->name);
        offer(t, before, path);
    }
}

static void offer_domains(const struct target *t)
{
    char *name;

    for (domid_t domid = 0; (name = toolstack_next_name(&domid)); domid++) {
        offer(t, "", name);
        free(name);
    }
}

static bool takes_file(const char *key, size_t length)
{
    static const char *const keys[] = {"kernel=", "ramdisk="};

    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        if (strlen(keys[i]) == length && !strncmp(keys[i], key, length))
            return true;
    return false;
}

/* key=value settings and configuration files. A key is not the end of a word: its value follows. */
static void offer_config(const struct target *t)
{
    const char *equals = strchr(t->word, '='), *key;
    size_t length = equals ? (size_t)(equals - t->word) + 1 : 0;
    char text[32];

    if (equals && length < sizeof(text) && takes_file(t->word, length)) {
        snprintf(text, sizeof(text), "%.*s", (int)length, t->word);
        offer_files(t, text);
        return;
    }
    offer_files(t, "");
    for (size_t i = 0; !equals && (key = domain_settings_key(i)); i++) {
        size_t before = t->completion->count;

        snprintf(text, sizeof(text), "%s=", key);
        offer(t, "", text);
        if (t->completion->count > before)
            t->completion->complete = false;
    }
}

/* Paths of the store. None is the end of a word: there may be more below. */
static void offer_store_paths(const struct target *t)
{
    const char *slash = strrchr(t->word, '/');
    size_t count = 0;
    char directory[LINE_MAX_LENGTH + 1], prefix[LINE_MAX_LENGTH + 2];
    char **names;

    t->completion->complete = false;
    if (t->word[0] != '/') {
        offer(t, "", "/");
        return;
    }
    snprintf(prefix, sizeof(prefix), "%.*s", (int)(slash - t->word) + 1, t->word);
    snprintf(directory, sizeof(directory), "%.*s", slash == t->word ? 1 : (int)(slash - t->word), t->word);
    names = xenstore_children(directory, &count);
    for (size_t i = 0; names && i < count; i++)
        offer(t, prefix, names[i]);
    free(names);
}

static void offer_options(const struct target *t, const struct xl_command *command)
{
    const struct xl_option *option;
    char text[40];

    for (size_t i = 0; (option = xl_option_get(command, i)); i++) {
        snprintf(text, sizeof(text), "--%s", option->name);
        offer(t, "", text);
    }
    offer(t, "", "--help");
}

/* The commands of a table, behind `before`. */
static void offer_table(const struct target *t, const char *before, const struct xl_command *(*get)(size_t n))
{
    const struct xl_command *command;

    for (size_t i = 0; (command = get(i)); i++)
        offer(t, before, command->name);
}

/* An argument of a command of xl or xenstore. */
static void offer_argument(const struct target *t, const struct xl_command *command,
                           const struct xl_command *(*get)(size_t n))
{
    if (t->word[0] == '-') {
        offer_options(t, command);
        return;
    }
    switch (command->kind) {
    case XL_NO_ARGUMENT: break;
    case XL_DOMAIN: offer_domains(t); break;
    case XL_CONFIG: offer_config(t); break;
    case XL_COMMAND: offer_table(t, "", get); break;
    case XL_PATH: offer_store_paths(t); break;
    }
}

static void offer_commands(const struct target *t)
{
    const char *name;

    for (size_t i = 0; (name = shell_command_name(i)); i++)
        offer(t, "", name);
    if (!strncmp(t->word, "xenstore-", strlen("xenstore-")))
        offer_table(t, "xenstore-", xenstore_command_get);
}

/* The arguments of a tool with a table; `used` words name the tool and its command. */
static void offer_for_tool(const struct target *t, int argc, const char *name, int used,
                           const struct xl_command *(*get)(size_t n),
                           const struct xl_command *(*find)(const char *name))
{
    const struct xl_command *command = argc >= used ? find(name) : NULL;

    if (argc < used)
        offer_table(t, "", get);
    else if (command)
        offer_argument(t, command, get);
}

/* `argv` are the words before the one being completed, `argc` of them. */
static void offer_for(const struct target *t, int argc, char **argv)
{
    static const char xenstore[] = "xenstore-";
    size_t prefix = strlen(xenstore);

    if (argc == 0) {
        offer_commands(t);
    } else if (!strcmp(argv[0], "xl")) {
        offer_for_tool(t, argc, argv[1], 2, xl_command_get, xl_command_find);
    } else if (!strcmp(argv[0], "xenstore")) {
        offer_for_tool(t, argc, argv[1], 2, xenstore_command_get, xenstore_command_find);
    } else if (!strncmp(argv[0], xenstore, prefix)) {
        offer_for_tool(t, argc, argv[0] + prefix, 1, xenstore_command_get, xenstore_command_find);
    } else if (!strcmp(argv[0], "help")) {
        offer_commands(t);
    } else {
        offer_files(t, "");
    }
}

void shell_complete(void *unused, const char *line, size_t cursor, struct completion *completion)
{
    char *before = strndup(line, cursor);
    const char *command = before, *rest = before, *problem;
    struct target target = {.word = "", .completion = completion};
    struct words words = {0};

    (void)unused;
    completion->complete = true;
    while (rest) { /* the last of the commands joined by ';' */
        words_free(&words);
        command = rest;
        rest = NULL;
        words_split(&words, command, 0, &rest, &problem);
    }
    if (before && words.storage) {
        if (words.open) {
            target.word = words.argv[--words.argc];
            completion->start = (size_t)(command - before) + words.start[words.argc];
        }
        offer_for(&target, words.argc, words.argv);
    }
    words_free(&words);
    free(before);
}
