// SPDX-License-Identifier: MIT
// Fuzzes what dom0 reads from files and keyboards: configurations, command lines, keys. The first byte
// chooses.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <dom0/config_file.h>
#include <dom0/domain_settings.h>
#include <dom0/line_edit.h>
#include <dom0/words.h>

static void ignore(const char *line)
{
    (void)line;
}

static void read_settings(const struct config_file *file)
{
    struct domain_settings settings;
    struct error err;

    domain_settings_read(file, "file", &settings, ignore, &err);
    domain_settings_clear(&settings);
}

// The lines of the text one after the other, as overrides of a minimal configuration.
static void try_overrides(char *text)
{
    static const char minimum[] = "name = 'a'\nkernel = 'k'\n";
    struct config_file file = {NULL};
    struct config_error error;

    config_file_parse(&file, minimum, strlen(minimum), &error);
    for (char *word = strtok(text, "\n"); word; word = strtok(NULL, "\n"))
        config_file_override(&file, word, &error);
    read_settings(&file);
    config_file_clear(&file);
}

static void try_file(const char *text, size_t size)
{
    struct config_file file = {NULL};
    struct config_error error;

    if (config_file_parse(&file, text, size, &error))
        read_settings(&file);
    config_file_clear(&file);
}

// Splitting a line, and quoting its words again, gives the same words.
static void try_words(const char *line)
{
    struct words words, again;
    const char *rest, *problem;

    if (words_split(&words, line, 255, &rest, &problem)) {
        for (int i = 0; i < words.argc; i++) {
            char *quoted = malloc(2 * strlen(words.argv[i]) + 3);

            words_quote(words.argv[i], quoted, 2 * strlen(words.argv[i]) + 3);
            if (*words.argv[i] && (!words_split(&again, quoted, 0, &rest, &problem) || again.argc != 1 ||
                                   strcmp(again.argv[0], words.argv[i])))
                abort();
            if (*words.argv[i])
                words_free(&again);
            free(quoted);
        }
    }
    words_free(&words);
}

static void swallow(void *context, const char *bytes, size_t length)
{
    (void)context, (void)bytes, (void)length;
}

// Offers two words that share a beginning, for any word.
static void offer(void *context, const char *line, size_t cursor, struct completion *completion)
{
    (void)context, (void)line;
    completion->start = cursor / 2;
    completion->complete = cursor % 2;
    completion_add(completion, "candidate");
    if (cursor % 3)
        completion_add(completion, "candied");
}

static void try_keys(const uint8_t *keys, size_t size)
{
    static const struct line_edit_ops ops = {.write = swallow, .complete = offer};
    struct history history = {0};
    struct line_edit *edit = malloc(sizeof(*edit));

    line_edit_init(edit, &ops, &history, "> ", 40);
    line_edit_start(edit);
    for (size_t i = 0; i < size; i++) {
        if (line_edit_byte(edit, keys[i]) != LINE_EDITING)
            line_edit_start(edit);
        if (edit->cursor > edit->length || strlen(edit->text) != edit->length || edit->scroll > edit->cursor)
            abort();
    }
    history_clear(&history);
    free(edit);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text;

    if (!size)
        return 0;
    text = malloc(size);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    switch (data[0] % 4) {
    case 0: try_file(text, size - 1); break;
    case 1: try_overrides(text); break;
    case 2: try_words(text); break;
    case 3: try_keys((const uint8_t *)text, size - 1); break;
    }
    free(text);
    return 0;
}
