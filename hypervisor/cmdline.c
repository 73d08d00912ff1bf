// SPDX-License-Identifier: MIT
// The hypervisor's boot options. docs/boot-options.md describes each row of the table.

#include <hv/cmdline.h>
#include <hv/printk.h>
#include <hv/string.h>

#define WORD_MAX       128
#define MAX_COMPLAINTS 8
#define MIN_DOM0_MEM   (8UL << 20)

struct hv_options hv_options = {
    .console = "com1,vga",
    .com_baud = 115200,
    .log_level = LOG_INFO,
    .dom0_mem = 64UL << 20,
    .reboot_on_panic = true,
};

// What was wrong, for cmdline_report(): the console is not up while options are parsed.
static char complaints[MAX_COMPLAINTS][WORD_MAX];
static unsigned nr_complaints;

// Each takes what follows "name=" ("" for a plain word) and returns false if it makes no sense.

static bool is_console_device(const char *name, size_t length)
{
    static const char *const devices[] = {"com1", "com2", "vga", "none"};

    for (unsigned i = 0; i < ARRAY_SIZE(devices); i++)
        if (strlen(devices[i]) == length && strncmp(name, devices[i], length) == 0)
            return true;
    return false;
}

static bool set_console(const char *value)
{
    for (const char *name = value, *end; name; name = *end ? end + 1 : NULL) {
        end = strchr(name, ',');
        end = end ? end : name + strlen(name);
        if (!is_console_device(name, end - name))
            return false;
    }
    return hv_strlcpy(hv_options.console, value, sizeof(hv_options.console)) < sizeof(hv_options.console);
}

static bool set_baud(const char *value)
{
    uint64_t baud;

    if (!parse_number(value, &value, &baud) || *value || baud == 0 || baud > 115200 || 115200 % baud != 0)
        return false;
    hv_options.com_baud = baud;
    return true;
}

static bool set_log_level(const char *value)
{
    static const struct {
        const char *name;
        int level;
    } levels[] = {
        {"none", -1},       {"error", LOG_ERROR}, {"warning", LOG_WARNING},
        {"info", LOG_INFO}, {"debug", LOG_DEBUG}, {"all", LOG_DEBUG},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(levels); i++) {
        if (strcmp(value, levels[i].name) != 0)
            continue;
        hv_options.log_level = levels[i].level;
        return true;
    }
    return false;
}

static bool set_dom0_mem(const char *value)
{
    uint64_t bytes;

    if (!parse_number(value, &value, &bytes) || *value || bytes < MIN_DOM0_MEM || bytes % PAGE_SIZE != 0)
        return false;
    hv_options.dom0_mem = bytes;
    return true;
}

static bool set_panic(const char *value)
{
    hv_options.reboot_on_panic = strcmp(value, "reboot") == 0;
    return hv_options.reboot_on_panic || strcmp(value, "halt") == 0;
}

static bool set_noreboot(const char *value)
{
    hv_options.no_power_off = true;
    return *value == '\0';
}

const char *const spec_names[SPEC_MITIGATIONS] = {
    [SPEC_RETPOLINE] = "retpoline", [SPEC_IBRS] = "ibrs",         [SPEC_IBPB] = "ibpb",
    [SPEC_L1D_FLUSH] = "l1d-flush", [SPEC_MD_CLEAR] = "md-clear",
};

// One of the list's words: "no" is for all of them, "yes" leaves all to what the processor is, and name=no
// and name=yes force one.
static bool set_mitigation(char *word, uint32_t *on, uint32_t *off)
{
    uint32_t bits = (1U << SPEC_MITIGATIONS) - 1;
    char *value = strchr(word, '=');
    unsigned i = 0;

    if (value) {
        *value++ = '\0';
        while (i < SPEC_MITIGATIONS && strcmp(word, spec_names[i]) != 0)
            i++;
        if (i == SPEC_MITIGATIONS)
            return false;
        bits = 1U << i;
    }
    bool yes = strcmp(value ? value : word, "yes") == 0;
    if (!yes && strcmp(value ? value : word, "no") != 0)
        return false;
    *on = (*on & ~bits) | (value && yes ? bits : 0);
    *off = (*off & ~bits) | (yes ? 0 : bits);
    return true;
}

static bool set_spec_ctrl(const char *value)
{
    char words[WORD_MAX];
    uint32_t on = 0, off = 0;

    hv_strlcpy(words, value, sizeof(words));
    for (char *word = words, *end; word; word = end) {
        end = strchr(word, ',');
        if (end)
            *end++ = '\0';
        if (!set_mitigation(word, &on, &off))
            return false;
    }
    hv_options.spec_on = on;
    hv_options.spec_off = off;
    return true;
}

static const struct option {
    const char *name; // with '=' if it takes a value
    bool (*set)(const char *value);
} options[] = {
    {"console=", set_console},     {"com1=", set_baud},   {"loglvl=", set_log_level},
    {"dom0_mem=", set_dom0_mem},   {"panic=", set_panic}, {"noreboot", set_noreboot},
    {"spec-ctrl=", set_spec_ctrl},
};

static bool apply(const char *word)
{
    for (unsigned i = 0; i < ARRAY_SIZE(options); i++) {
        const char *name = options[i].name;
        size_t length = strlen(name);

        if (strncmp(word, name, length) == 0 && (name[length - 1] == '=' || word[length] == '\0'))
            return options[i].set(word + length);
    }
    return false;
}

void cmdline_parse(const char *cmdline)
{
    char word[WORD_MAX];

    nr_complaints = 0;
    while (*cmdline) {
        size_t length = 0;

        while (cmdline[length] && cmdline[length] != ' ')
            length++;
        size_t kept = MIN(length, sizeof(word) - 1);
        memcpy(word, cmdline, kept);
        word[kept] = '\0';
        if (length && (kept < length || !apply(word)) && nr_complaints < MAX_COMPLAINTS)
            memcpy(complaints[nr_complaints++], word, sizeof(word));
        cmdline += length + (cmdline[length] == ' ');
    }
}

void cmdline_report(void)
{
    for (unsigned i = 0; i < nr_complaints; i++)
        log_warning("boot option not understood: %s (see docs/boot-options.md)", complaints[i]);
}
