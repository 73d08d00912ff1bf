// SPDX-License-Identifier: MIT
//
// The domain's ends.

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <guest/console.h>
#include <guest/hypercall.h>
#include <guest/shutdown.h>

static void __attribute__((noreturn)) shut_down(unsigned reason)
{
    struct sched_shutdown op = {.reason = reason};
    HYPERVISOR_sched_op(SCHEDOP_shutdown, &op);
    for (;;) // refused: halting with interrupts off is a power-off too
        __asm__ volatile("cli; hlt");
}

void shutdown_poweroff(void)
{
    shut_down(SHUTDOWN_poweroff);
}

void shutdown_reboot(void)
{
    shut_down(SHUTDOWN_reboot);
}

void shutdown_crash(void)
{
    shut_down(SHUTDOWN_crash);
}

void guest_panic(const char *format, ...)
{
    static char text[512];
    va_list args;
    va_start(args, format);
    int size = snprintf(text, sizeof(text), "\r\nguest: panic at %p: ", __builtin_return_address(0));
    size += vsnprintf(text + size, sizeof(text) - (size_t)size, format, args);
    va_end(args);
    if (size > (int)sizeof(text) - 3)
        size = sizeof(text) - 3;
    size += snprintf(text + size, sizeof(text) - (size_t)size, "\r\n");
    console_emergency(text, (size_t)size);
    shutdown_crash();
}
