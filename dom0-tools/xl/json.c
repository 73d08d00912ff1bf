// SPDX-License-Identifier: MIT
/* The JSON writer behind --json. */
#include <inttypes.h>
#include <string.h>

#include <dom0/json.h>

static void write_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c == '\n')
            fputs("\\n", out);
        else if (c < ' ' || c > '~')
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

static void new_line(struct json *json)
{
    fprintf(json->out, "\n%*s", (int)json->depth * 2, "");
}

/* Whatever has to stand before a value. */
static void begin_value(struct json *json, const char *key)
{
    if (json->has_items)
        fputc(',', json->out);
    if (json->depth)
        new_line(json);
    if (key) {
        write_string(json->out, key);
        fputs(": ", json->out);
    }
    json->has_items = true;
}

static void begin_group(struct json *json, const char *key, char bracket)
{
    begin_value(json, key);
    fputc(bracket, json->out);
    json->depth++;
    json->has_items = false;
}

static void end_group(struct json *json, char bracket)
{
    json->depth--;
    if (json->has_items)
        new_line(json);
    fputc(bracket, json->out);
    json->has_items = true;
    if (json->depth == 0)
        fputc('\n', json->out);
}

void json_init(struct json *json, FILE *out)
{
    memset(json, 0, sizeof(*json));
    json->out = out;
}

void json_begin_object(struct json *json, const char *key)
{
    begin_group(json, key, '{');
}

void json_end_object(struct json *json)
{
    end_group(json, '}');
}

void json_begin_array(struct json *json, const char *key)
{
    begin_group(json, key, '[');
}

void json_end_array(struct json *json)
{
    end_group(json, ']');
}

void json_string(struct json *json, const char *key, const char *value)
{
    begin_value(json, key);
    if (value)
        write_string(json->out, value);
    else
        fputs("null", json->out);
}

void json_number(struct json *json, const char *key, uint64_t value)
{
    begin_value(json, key);
    fprintf(json->out, "%" PRIu64, value);
}

void json_seconds(struct json *json, const char *key, uint64_t nanoseconds)
{
    begin_value(json, key);
    fprintf(json->out, "%" PRIu64 ".%09" PRIu64, nanoseconds / 1000000000, nanoseconds % 1000000000);
}
