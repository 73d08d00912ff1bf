// SPDX-License-Identifier: MIT
/*
 * A JSON writer: two blanks per level, commas and line breaks placed by itself. The caller nests begin and
 * end calls correctly; inside an object every value has a key, inside an array (and at the top) key is NULL.
 */
#ifndef DOM0_JSON_H
#define DOM0_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *out;
    unsigned depth;
    bool has_items; /* the open object or array already holds a value */
};

void json_init(struct json *json, FILE *out);
void json_begin_object(struct json *json, const char *key);
void json_end_object(struct json *json);
void json_begin_array(struct json *json, const char *key);
void json_end_array(struct json *json);
/* Text is escaped; bytes that are not ASCII go out as \u00xx, so the output is always valid JSON. NULL writes
 * null. */
void json_string(struct json *json, const char *key, const char *value);
void json_number(struct json *json, const char *key, uint64_t value);
void json_seconds(struct json *json, const char *key, uint64_t nanoseconds); /* as a decimal fraction */

#endif
