// SPDX-License-Identifier: MIT
/*
 * PS/2 keyboard on the i8042. Commands and bits: IBM PS/2 Hardware Interface Technical Reference, "Keyboard
 * and Auxiliary Device Controller". The controller translates to scan code set 1; its interrupt is ISA IRQ 1.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include <guest/console.h>
#include <guest/cpu.h>
#include <guest/error.h>
#include <guest/event.h>
#include <guest/hypercall.h>

#include <dom0/keymap.h>
#include <dom0/ps2_keyboard.h>

#define KEYBOARD_IRQ 1

enum { DATA_PORT = 0x60, STATUS_PORT = 0x64 };
enum { STATUS_OUTPUT_FULL = 0x01, STATUS_INPUT_FULL = 0x02, STATUS_FROM_MOUSE = 0x20 };
enum { READ_CONFIG = 0x20, WRITE_CONFIG = 0x60, ENABLE_KEYBOARD = 0xae };
enum { CONFIG_INTERRUPT = 0x01, CONFIG_KEYBOARD_OFF = 0x10, CONFIG_TRANSLATE = 0x40 };

/* Reads of the status port to wait for, about a microsecond each: far longer than any controller takes. */
#define PATIENCE 50000

static struct keymap keymap;

/* Wait until the status bits under `mask` are `value`. */
static bool wait_status(uint8_t mask, uint8_t value)
{
    for (unsigned i = 0; i < PATIENCE; i++)
        if ((inb(STATUS_PORT) & mask) == value)
            return true;
    return false;
}

static bool send(uint16_t port, uint8_t byte)
{
    if (!wait_status(STATUS_INPUT_FULL, 0))
        return false;
    outb(port, byte);
    return true;
}

/* Drop what was typed before anybody listened; false if that never ends, as where there is no controller. */
static bool drain(void)
{
    for (unsigned i = 0; i < 64; i++) {
        if (!(inb(STATUS_PORT) & STATUS_OUTPUT_FULL))
            return true;
        inb(DATA_PORT);
    }
    return false;
}

/* Interrupt and translation on, keyboard enabled: what firmware usually leaves, but need not. */
static bool set_up_controller(void)
{
    uint8_t config;

    if (!drain() || !send(STATUS_PORT, READ_CONFIG) || !wait_status(STATUS_OUTPUT_FULL, STATUS_OUTPUT_FULL))
        return false;
    config = inb(DATA_PORT);
    config = (uint8_t)((config | CONFIG_INTERRUPT | CONFIG_TRANSLATE) & ~CONFIG_KEYBOARD_OFF);
    return send(STATUS_PORT, WRITE_CONFIG) && send(DATA_PORT, config) && send(STATUS_PORT, ENABLE_KEYBOARD);
}

/* The event handler: take all bytes that wait, or an edge-triggered line would not interrupt again. */
static void keyboard_event(evtchn_port_t port, void *unused)
{
    uint8_t status;

    (void)port;
    (void)unused;
    while ((status = inb(STATUS_PORT)) & STATUS_OUTPUT_FULL) {
        uint8_t code = inb(DATA_PORT);
        char bytes[4];

        if (!(status & STATUS_FROM_MOUSE))
            console_input(bytes, keymap_scancode(&keymap, code, bytes));
    }
}

int ps2_keyboard_start(void)
{
    struct physdev_map_pirq map = {
        .domid = DOMID_SELF,
        .type = MAP_PIRQ_TYPE_GSI,
        .index = KEYBOARD_IRQ,
        .pirq = KEYBOARD_IRQ,
    };
    int rc;

    if (!set_up_controller())
        return -ENODEV;
    rc = error_from_xen(HYPERVISOR_physdev_op(PHYSDEVOP_map_pirq, &map));
    if (rc >= 0)
        rc = event_bind_pirq((uint32_t)map.pirq, keyboard_event, NULL);
    return rc < 0 ? rc : 0;
}
