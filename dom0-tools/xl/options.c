// SPDX-License-Identifier: MIT
/* Reading the options of a subcommand, and the help text that its table row implies. */
#include <errno.h>
#include <string.h>

#include <dom0/xl.h>

const struct xl_option *xl_option_get(const struct xl_command *command, size_t n)
{
    return n < XL_MAX_OPTIONS && command->options[n].name ? &command->options[n] : NULL;
}

/* The index of an option, or -1. */
static int find_long(const struct xl_command *command, const char *name, size_t length)
{
    const struct xl_option *option;

    for (size_t i = 0; (option = xl_option_get(command, i)); i++)
        if (strlen(option->name) == length && !memcmp(option->name, name, length))
            return (int)i;
    return -1;
}

static int find_letter(const struct xl_command *command, char letter)
{
    const struct xl_option *option;

    for (size_t i = 0; (option = xl_option_get(command, i)); i++)
        if (option->letter == letter)
            return (int)i;
    return -1;
}

struct word_reader {
    struct xl_args *args;
    int left;    /* words behind the current one */
    char **next; /* the first of them */
    bool *help;
    struct error *err;
};

/* Note option `index`; its value is `attached`, or the next word. `shown` is how the person wrote it. */
static int take_option(struct word_reader *r, int index, const char *attached, const char *shown)
{
    const struct xl_option *option = &r->args->command->options[index];

    if (!option->value && attached)
        return error_set(r->err, -EINVAL, "option '%s' takes no value", shown);
    if (option->value && !attached) {
        if (!r->left)
            return error_set(r->err, -EINVAL, "option '%s' wants a %s", shown, option->value);
        attached = *r->next++;
        r->left--;
    }
    r->args->given[index] = true;
    r->args->values[index] = attached;
    return 0;
}

static int read_long(struct word_reader *r, const char *word)
{
    const char *name = word + 2, *equals = strchr(name, '=');
    int index;

    if (!strcmp(name, "help")) {
        *r->help = true;
        return 0;
    }
    index = find_long(r->args->command, name, equals ? (size_t)(equals - name) : strlen(name));
    if (index < 0)
        return error_set(r->err, -EINVAL, "there is no option '%s'", word);
    return take_option(r, index, equals ? equals + 1 : NULL, word);
}

/* Letters may be joined: -pq. The one that takes a value ends the word, with the value behind it or next. */
static int read_letters(struct word_reader *r, const char *word)
{
    for (const char *letter = word + 1; *letter; letter++) {
        int index = find_letter(r->args->command, *letter);
        char shown[3] = {'-', *letter, '\0'};
        bool wants_value;
        int rc;

        if (index < 0 && *letter == 'h') {
            *r->help = true;
            return 0;
        }
        if (index < 0)
            return error_set(r->err, -EINVAL, "there is no option '%s'", shown);
        wants_value = r->args->command->options[index].value != NULL;
        rc = take_option(r, index, wants_value && letter[1] ? letter + 1 : NULL, shown);
        if (rc || wants_value)
            return rc;
    }
    return 0;
}

static int check_count(const struct xl_args *args, struct error *err)
{
    const struct xl_command *command = args->command;

    if (args->argc < command->min_arguments)
        return error_set(err, -EINVAL, "wants %s", command->arguments);
    if (args->argc > command->max_arguments)
        return error_set(err, -EINVAL, "one argument too many: '%s'", args->argv[command->max_arguments]);
    return 0;
}

int xl_parse(const struct xl_command *command, int argc, char **argv, struct xl_args *args, bool *help,
             struct error *err)
{
    struct word_reader r = {.args = args, .left = argc, .next = argv, .help = help, .err = err};
    bool only_plain = false;

    memset(args, 0, sizeof(*args));
    args->command = command;
    args->argv = argv;
    while (r.left) {
        char *word = *r.next++;
        int rc = 0;

        r.left--;
        if (only_plain || word[0] != '-' || !word[1])
            args->argv[args->argc++] = word;
        else if (!strcmp(word, "--"))
            only_plain = true;
        else
            rc = word[1] == '-' ? read_long(&r, word) : read_letters(&r, word);
        if (rc || *help)
            return rc;
    }
    return check_count(args, err);
}

bool xl_given(const struct xl_args *args, const char *name)
{
    int index = find_long(args->command, name, strlen(name));

    return index >= 0 && args->given[index];
}

const char *xl_value(const struct xl_args *args, const char *name)
{
    return xl_given(args, name) ? args->values[find_long(args->command, name, strlen(name))] : NULL;
}

void xl_print_help(const char *program, const struct xl_command *command, FILE *out)
{
    const struct xl_option *option = xl_option_get(command, 0);

    fprintf(out, "Usage: %s %s%s%s%s\n\n%s.\n", program, command->name, option ? " [OPTION]..." : "",
            *command->arguments ? " " : "", command->arguments, command->summary);
    if (option)
        fprintf(out, "\nOptions:\n");
    for (size_t i = 0; (option = xl_option_get(command, i)); i++) {
        char letter[5] = "    ", name[32];

        if (option->letter)
            snprintf(letter, sizeof(letter), "-%c, ", option->letter);
        snprintf(name, sizeof(name), "%s%s%s", option->name, option->value ? " " : "",
                 option->value ? option->value : "");
        fprintf(out, "  %s--%-18s %s\n", letter, name, option->help);
    }
}

void xl_print_overview(FILE *out)
{
    const struct xl_command *command;

    fprintf(out, "Usage: xl COMMAND [OPTION]... [ARGUMENT]...\n\nCommands:\n");
    for (size_t i = 0; (command = xl_command_get(i)); i++)
        fprintf(out, "  %-10s %s\n", command->name, command->summary);
    fprintf(out, "\n'xl help COMMAND' tells more.\n");
}
