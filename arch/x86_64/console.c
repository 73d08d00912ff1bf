// SPDX-License-Identifier: MIT
// The machine's console devices: which of com1, com2 and the screen are in use.

#include <hv/arch.h>
#include <hv/cmdline.h>
#include <hv/printk.h>
#include <hv/string.h>

#include <asm/machine.h>

#define EARLY_BAUD 115200

static bool ready; // console_init() has been here
static bool uart_on[NR_UARTS];
static bool uart_interrupts[NR_UARTS];
static enum screen_kind screen_on = SCREEN_OTHER; // which means none

// Is `name` one of the comma-separated words of console=?
static bool wanted(const char *name)
{
    size_t length = strlen(name);

    for (const char *word = hv_options.console; word; word = strchr(word, ',')) {
        word += *word == ',';
        if (strncmp(word, name, length) == 0 && (word[length] == ',' || word[length] == '\0'))
            return true;
    }
    return false;
}

static enum screen_kind init_screen(const struct boot_screen *screen)
{
    switch (screen->kind) {
    case SCREEN_FRAMEBUFFER: return framebuffer_init(screen) ? SCREEN_FRAMEBUFFER : SCREEN_OTHER;
    case SCREEN_OTHER: return SCREEN_OTHER;
    default: return vga_init() ? SCREEN_TEXT : SCREEN_OTHER;
    }
}

void console_init(const struct boot_screen *screen)
{
    static const char *const names[NR_UARTS] = {"com1", "com2"};

    for (unsigned i = 0; i < NR_UARTS; i++)
        uart_on[i] = wanted(names[i]) && uart_init(i, hv_options.com_baud);
    if (wanted("vga"))
        screen_on = init_screen(screen);
    ready = true;
}

void console_remap(void)
{
    if ((screen_on == SCREEN_TEXT && !vga_remap()) ||
        (screen_on == SCREEN_FRAMEBUFFER && !framebuffer_remap()))
        screen_on = SCREEN_OTHER;
}

void console_init_interrupts(void)
{
    for (unsigned i = 0; i < NR_UARTS; i++) {
        if (!uart_on[i])
            continue;
        uart_interrupts[i] = uart_enable_interrupt(i);
        if (!uart_interrupts[i])
            log_warning("com%u cannot interrupt: no input from there", i + 1);
    }
}

void console_flush(void)
{
    for (unsigned i = 0; i < NR_UARTS; i++)
        if (uart_on[i])
            uart_flush(i);
}

bool console_owns_gsi(unsigned gsi)
{
    for (unsigned i = 0; i < NR_UARTS; i++)
        if (uart_interrupts[i] && uart_gsi(i) == gsi)
            return true;
    return false;
}

void console_interrupt(unsigned gsi)
{
    for (unsigned i = 0; i < NR_UARTS; i++)
        if (uart_interrupts[i] && uart_gsi(i) == gsi)
            uart_receive(i);
}

void arch_console_puts(const char *bytes, size_t n)
{
    if (!ready) { // a panic before the options are known
        uart_on[0] = uart_init(0, EARLY_BAUD);
        ready = true;
    }
    for (unsigned i = 0; i < NR_UARTS; i++)
        if (uart_on[i])
            uart_puts(i, bytes, n);
    if (screen_on != SCREEN_OTHER)
        screen_puts(bytes, n);
}
