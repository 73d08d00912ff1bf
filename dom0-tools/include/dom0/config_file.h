// SPDX-License-Identifier: MIT
/*
 * The grammar of xl's domain configuration files, and nothing of their meaning.
 *
 *     file    = { [ setting ] ( newline | ";" ) }
 *     setting = key ( "=" | "+=" ) value
 *     value   = number | string | "[" [ value { "," value } [ "," ] ] "]"
 *
 * Strings stand in single or double quotes with C's escapes; numbers are decimal, octal (0…) or hexadecimal
 * (0x…);
 * `#` starts a comment; line breaks are free inside a list. What a key means is domain_config.h's business.
 */
#ifndef DOM0_CONFIG_FILE_H
#define DOM0_CONFIG_FILE_H

#include <stdbool.h>
#include <stddef.h>

enum config_type { CONFIG_NUMBER, CONFIG_STRING, CONFIG_LIST };

struct config_value {
    enum config_type type;
    long long number;           /* CONFIG_NUMBER */
    char *string;               /* CONFIG_STRING, owned */
    struct config_value *items; /* CONFIG_LIST, owned, `count` of them */
    size_t count;
};

struct config_setting {
    char *key;
    struct config_value value;
    unsigned line, column; /* of the key, from 1; line 0: set on the command line */
    struct config_setting *next;
};

/* Settings in file order. A key set twice keeps its first place and takes the last value. */
struct config_file {
    struct config_setting *first;
};

struct config_error {
    unsigned line, column; /* from 1; line 0: in an override; both 0: nowhere in particular */
    char message[120];
};

/*
 * Parse `length` bytes of text (they need no terminating NUL; a NUL inside is an error like any other stray
 * byte) and add its settings to `file`. On false, `error` says what and where, and the settings before it
 * have been kept: the caller clears the file.
 */
bool config_file_parse(struct config_file *file, const char *text, size_t length, struct config_error *error);

/*
 * Apply one `key=value` of a command line. Quoted strings and lists follow the grammar above; a whole number
 * is a number; anything else is taken as a string as it stands, since the shell has already removed the
 * quotes.
 */
bool config_file_override(struct config_file *file, const char *word, struct config_error *error);

/* The setting called `key`, or NULL. */
const struct config_setting *config_file_find(const struct config_file *file, const char *key);

void config_file_clear(struct config_file *file);

#endif
