// SPDX-License-Identifier: MIT
// The machine's console: output of log lines and of the privileged domain, input kept until that domain reads
// it.

#include <hv/arch.h>
#include <hv/console.h>
#include <hv/evtchn.h>
#include <hv/lock.h>

#define INPUT_SIZE 1024 // a power of two

static struct spinlock console_lock = SPINLOCK(LOCK_CONSOLE);
static bool mid_line; // the last byte written was not a newline

static char input[INPUT_SIZE];
static unsigned input_in, input_out; // free-running

void console_write(const char *bytes, size_t n)
{
    if (n == 0)
        return;
    spin_lock(&console_lock);
    arch_console_puts(bytes, n);
    mid_line = bytes[n - 1] != '\n';
    spin_unlock(&console_lock);
}

void console_write_line(const char *bytes, size_t n, bool forced)
{
    if (!forced)
        spin_lock(&console_lock);
    if (mid_line)
        arch_console_puts("\n", 1);
    arch_console_puts(bytes, n);
    mid_line = false;
    if (!forced)
        spin_unlock(&console_lock);
}

// Called where interrupts are let in, so never with a lock held.
void console_input(char byte)
{
    spin_lock(&console_lock);
    if (input_in - input_out < INPUT_SIZE)
        input[input_in++ % INPUT_SIZE] = byte;
    spin_unlock(&console_lock);
    evtchn_send_global_virq(VIRQ_CONSOLE);
}

size_t console_read(char *buf, size_t n)
{
    size_t count = 0;

    spin_lock(&console_lock);
    while (count < n && input_in != input_out)
        buf[count++] = input[input_out++ % INPUT_SIZE];
    spin_unlock(&console_lock);
    return count;
}
