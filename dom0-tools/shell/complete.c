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

static void offer_xl_commands(const struct target *t)
{
    const struct xl_command *command;

    for (size_t i = 0; (command = xl_command_get(i)); i++)
        offer(t, "", command->name);
}

/* An argument of an xl subcommand. */
static void offer_xl_argument(const struct target *t, const struct xl_command *command)
{
    if (t->word[0] == '-') {
        offer_options(t, command);
        return;
    }
    switch (command->kind) {
    case XL_NO_ARGUMENT: break;
    case XL_DOMAIN: offer_domains(t); break;
    case XL_CONFIG: offer_config(t); break;
    case XL_COMMAND: offer_xl_commands(t); break;
    }
}

static void offer_commands(const struct target *t)
{
    const char *name;

    for (size_t i = 0; (name = shell_command_name(i)); i++)
        offer(t, "", name);
}

/* `argv` are the words before the one being completed, `argc` of them. */
static void offer_for(const struct target *t, int argc, char **argv)
{
    const struct xl_command *command;

    if (argc == 0) {
        offer_commands(t);
    } else if (!strcmp(argv[0], "xl")) {
        command = argc > 1 ? xl_command_find(argv[1]) : NULL;
        if (argc == 1)
            offer_xl_commands(t);
        else if (command)
            offer_xl_argument(t, command);
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
