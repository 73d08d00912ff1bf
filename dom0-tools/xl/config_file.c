// SPDX-License-Identifier: MIT
/*
 * Parser for xl's configuration grammar: one pass over the text, one character of look-ahead. Every error
 * carries the line and column of the character that could not be accepted.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dom0/config_file.h>

/* Deep enough for every real key; keeps hostile "[[[[…" off the stack. */
#define MAX_NESTING 8

struct parser {
    const char *at, *end;
    unsigned line, column;
    struct config_error *error;
};

__attribute__((format(printf, 4, 5))) static bool fail_at(struct parser *p, unsigned line, unsigned column,
                                                          const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(p->error->message, sizeof(p->error->message), format, args);
    va_end(args);
    p->error->line = line;
    p->error->column = column;
    return false;
}

#define fail(p, ...) fail_at(p, (p)->line, (p)->column, __VA_ARGS__)

/* The next character, or EOF. */
static int peek(const struct parser *p)
{
    return p->at < p->end ? (unsigned char)*p->at : EOF;
}

static void advance(struct parser *p)
{
    if (*p->at++ == '\n') {
        p->line++;
        p->column = 1;
    } else {
        p->column++;
    }
}

/* How an error names the character in the way. */
static const char *describe(int c, char text[16])
{
    if (c == EOF)
        return "end of file";
    if (c == '\n' || c == '\r')
        return "end of line";
    snprintf(text, 16, isprint(c) ? "'%c'" : "byte 0x%02x", c);
    return text;
}

static bool unexpected(struct parser *p, const char *wanted)
{
    char text[16];

    return fail(p, "expected %s, found %s", wanted, describe(peek(p), text));
}

/* Skip blanks and comments; line breaks too if `across_lines`. */
static void skip_blanks(struct parser *p, bool across_lines)
{
    for (;;) {
        int c = peek(p);

        if (c == '#') {
            while (peek(p) != EOF && peek(p) != '\n')
                advance(p);
        } else if (c == ' ' || c == '\t' || c == '\r' || (across_lines && c == '\n')) {
            advance(p);
        } else {
            return;
        }
    }
}

static char *copy_text(const char *from, size_t length)
{
    char *copy = malloc(length + 1);

    if (copy) {
        memcpy(copy, from, length);
        copy[length] = '\0';
    }
    return copy;
}

static bool is_key_char(int c)
{
    return c != EOF && (isalnum(c) || c == '_');
}

static void value_clear(struct config_value *value)
{
    for (size_t i = 0; i < value->count; i++)
        value_clear(&value->items[i]);
    free(value->items);
    free(value->string);
    value->items = NULL;
    value->string = NULL;
    value->count = 0;
}

/* Up to `max_digits` digits of `base`, which the caller has seen to be there. */
static unsigned escape_number(struct parser *p, unsigned base, unsigned max_digits)
{
    unsigned value = 0;

    while (max_digits--) {
        int c = peek(p);
        unsigned digit = c == EOF || !isxdigit(c) ? 16
                         : isdigit(c)             ? (unsigned)(c - '0')
                                                  : (unsigned)(tolower(c) - 'a') + 10;

        if (digit >= base)
            break;
        value = value * base + digit;
        advance(p);
    }
    return value;
}

/* The character after a backslash, or a number in its place. */
static bool parse_escape(struct parser *p, char *out)
{
    static const char letters[] = "abfnrtv\\\"'", values[] = "\a\b\f\n\r\t\v\\\"'";
    unsigned line = p->line, column = p->column;
    int c = peek(p);
    const char *found = c > 0 ? strchr(letters, c) : NULL;
    unsigned number;

    if (found) {
        *out = values[found - letters];
        advance(p);
        return true;
    }
    if (c == 'x') {
        advance(p);
        if (peek(p) == EOF || !isxdigit(peek(p)))
            return unexpected(p, "two hexadecimal digits after \\x");
        number = escape_number(p, 16, 2);
    } else if (c >= '0' && c <= '7') {
        number = escape_number(p, 8, 3);
    } else {
        return unexpected(p, "an escape such as \\n or \\\"");
    }
    if (number == 0 || number > 255)
        return fail_at(p, line, column, "character number %u does not fit in a string", number);
    *out = (char)number;
    return true;
}

static bool parse_string(struct parser *p, struct config_value *value)
{
    unsigned line = p->line, column = p->column;
    int quote = peek(p);
    char *out;

    /* What is left of the text bounds the string: escapes only shrink. */
    value->string = out = malloc((size_t)(p->end - p->at) + 1);
    if (!out)
        return fail(p, "out of memory");
    value->type = CONFIG_STRING;
    advance(p);
    for (;;) {
        int c = peek(p);

        if (c == EOF || c == '\n')
            return fail_at(p, line, column, "string has no closing %c", quote);
        if (c == '\0')
            return unexpected(p, "text");
        advance(p);
        if (c == quote)
            break;
        if (c != '\\')
            *out++ = (char)c;
        else if (!parse_escape(p, out++))
            return false;
    }
    *out = '\0';
    out = realloc(value->string, (size_t)(out - value->string) + 1);
    if (out)
        value->string = out;
    return true;
}

static bool parse_number(struct parser *p, struct config_value *value)
{
    char digits[32], *stop;
    size_t length = 0;
    unsigned line = p->line, column = p->column;

    while (is_key_char(peek(p)) || (length == 0 && (peek(p) == '-' || peek(p) == '+'))) {
        if (length + 1 < sizeof(digits))
            digits[length++] = *p->at;
        advance(p);
    }
    digits[length] = '\0';
    errno = 0;
    value->type = CONFIG_NUMBER;
    value->number = strtoll(digits, &stop, 0);
    if (*stop || stop == digits)
        return fail_at(p, line, column, "'%s' is not a number (strings need quotes)", digits);
    if (errno)
        return fail_at(p, line, column, "number %s is too large", digits);
    return true;
}

static bool parse_value(struct parser *p, struct config_value *value, unsigned depth);

static bool append_item(struct parser *p, struct config_value *list, unsigned depth)
{
    struct config_value *items = realloc(list->items, (list->count + 1) * sizeof(*items));

    if (!items)
        return fail(p, "out of memory");
    list->items = items;
    memset(&items[list->count], 0, sizeof(*items));
    return parse_value(p, &items[list->count++], depth);
}

static bool parse_list(struct parser *p, struct config_value *value, unsigned depth)
{
    if (depth >= MAX_NESTING)
        return fail(p, "lists are nested more than %u deep", MAX_NESTING);
    value->type = CONFIG_LIST;
    advance(p);
    for (;;) {
        skip_blanks(p, true);
        if (peek(p) == ']')
            break;
        if (!append_item(p, value, depth + 1))
            return false;
        skip_blanks(p, true);
        if (peek(p) == ',')
            advance(p);
        else if (peek(p) != ']')
            return unexpected(p, "',' or ']' in the list");
    }
    advance(p);
    return true;
}

/* On false the partly built value is still sound: value_clear() frees it. */
static bool parse_value(struct parser *p, struct config_value *value, unsigned depth)
{
    int c = peek(p);

    if (c == '"' || c == '\'')
        return parse_string(p, value);
    if (c == '[')
        return parse_list(p, value, depth);
    if (c == '-' || c == '+' || is_key_char(c))
        return parse_number(p, value);
    return unexpected(p, "a number, a quoted string or a list");
}

/* The setting called key[0, length), or the link where it would be added. */
static struct config_setting **find_link(struct config_file *file, const char *key, size_t length)
{
    struct config_setting **link = &file->first;

    while (*link && (strncmp((*link)->key, key, length) || (*link)->key[length]))
        link = &(*link)->next;
    return link;
}

/* Move the items of one list to the end of another. */
static bool append_list(struct config_value *to, struct config_value *from)
{
    struct config_value *items = realloc(to->items, (to->count + from->count + 1) * sizeof(*items));

    if (!items)
        return false;
    memcpy(items + to->count, from->items, from->count * sizeof(*items));
    to->items = items;
    to->count += from->count;
    free(from->items);
    return true;
}

static struct config_setting *new_setting(const char *key, size_t length)
{
    struct config_setting *setting = calloc(1, sizeof(*setting));

    if (setting && !(setting->key = copy_text(key, length))) {
        free(setting);
        return NULL;
    }
    return setting;
}

/* A parsed `key = value` or `key += value`, on its way into the file. */
struct assignment {
    const char *key;
    size_t key_length;
    unsigned line, column;
    bool append;
    struct config_value value;
};

/* Take over the value, whose memory is the file's from then on; on false it stays the caller's. */
static bool store(struct parser *p, struct config_file *file, struct assignment *a)
{
    struct config_setting **link = find_link(file, a->key, a->key_length), *setting = *link;

    if (a->append && setting) {
        if (setting->value.type != CONFIG_LIST || a->value.type != CONFIG_LIST)
            return fail_at(p, a->line, a->column, "+= joins two lists, and '%s' or its new value is none",
                           setting->key);
        return append_list(&setting->value, &a->value) || fail(p, "out of memory");
    }
    if (!setting && !(*link = setting = new_setting(a->key, a->key_length)))
        return fail(p, "out of memory");
    value_clear(&setting->value);
    setting->value = a->value;
    setting->line = a->line;
    setting->column = a->column;
    return true;
}

static bool parse_key(struct parser *p, struct assignment *a)
{
    a->key = p->at;
    a->line = p->line;
    a->column = p->column;
    if (isdigit(peek(p)))
        return unexpected(p, "a setting such as name = \"guest\"");
    while (is_key_char(peek(p)))
        advance(p);
    a->key_length = (size_t)(p->at - a->key);
    return a->key_length || unexpected(p, "a setting such as name = \"guest\"");
}

static bool parse_setting(struct parser *p, struct config_file *file)
{
    struct assignment a = {0};

    if (!parse_key(p, &a))
        return false;
    skip_blanks(p, false);
    if (peek(p) == '+') {
        a.append = true;
        advance(p);
    }
    if (peek(p) != '=')
        return unexpected(p, a.append ? "'=' after '+'" : "'='");
    advance(p);
    skip_blanks(p, false);
    if (parse_value(p, &a.value, 0) && store(p, file, &a))
        return true;
    value_clear(&a.value);
    return false;
}

static bool parse_settings(struct parser *p, struct config_file *file)
{
    for (;;) {
        skip_blanks(p, true);
        if (peek(p) == EOF)
            return true;
        if (peek(p) == ';') {
            advance(p);
            continue;
        }
        if (!parse_setting(p, file))
            return false;
        skip_blanks(p, false);
        if (peek(p) != EOF && peek(p) != '\n' && peek(p) != ';')
            return unexpected(p, "end of line or ';'");
    }
}

bool config_file_parse(struct config_file *file, const char *text, size_t length, struct config_error *error)
{
    struct parser p = {.at = text, .end = text + length, .line = 1, .column = 1, .error = error};

    return parse_settings(&p, file);
}

/* Whether the whole of `text` is one number, so that memory=256 means what it says. */
static bool is_whole_number(const char *text)
{
    char *stop;

    if (!isdigit((unsigned char)*text) && *text != '-' && *text != '+')
        return false;
    errno = 0;
    strtoll(text, &stop, 0);
    return stop != text && !*stop && !errno;
}

bool config_file_override(struct config_file *file, const char *word, struct config_error *error)
{
    struct parser p = {.at = word, .end = word + strlen(word), .line = 0, .column = 1, .error = error};
    const char *equals = strchr(word, '=');
    struct assignment a = {.key = word, .value = {.type = CONFIG_STRING}};
    const char *text;

    while (is_key_char((unsigned char)word[a.key_length]))
        a.key_length++;
    if (!a.key_length || word + a.key_length != equals)
        return fail_at(&p, 0, 0, "'%s' is not a key=value setting", word);
    text = equals + 1;
    if (*text == '[' || *text == '"' || *text == '\'' || is_whole_number(text))
        return parse_settings(&p, file);
    a.value.string = copy_text(text, strlen(text));
    if (!a.value.string)
        return fail_at(&p, 0, 0, "out of memory");
    if (store(&p, file, &a))
        return true;
    value_clear(&a.value);
    return false;
}

const struct config_setting *config_file_find(const struct config_file *file, const char *key)
{
    for (const struct config_setting *s = file->first; s; s = s->next)
        if (!strcmp(s->key, key))
            return s;
    return NULL;
}

void config_file_clear(struct config_file *file)
{
    while (file->first) {
        struct config_setting *setting = file->first;

        file->first = setting->next;
        value_clear(&setting->value);
        free(setting->key);
        free(setting);
    }
}
