// SPDX-License-Identifier: MIT
// 16550 serial lines com1 and com2. Output polls and gives up on a line that never becomes ready; input
// interrupts.

#include <hv/console.h>
#include <hv/types.h>

#include <asm/apic.h>
#include <asm/cpu.h>
#include <asm/io.h>
#include <asm/machine.h>

#define UART_DATA             0
#define UART_INTERRUPT_ENABLE 1
#define UART_FIFO             2
#define UART_LINE_CONTROL     3
#define UART_MODEM_CONTROL    4
#define UART_LINE_STATUS      5
#define UART_SCRATCH          7

#define LINE_8N1              0x03
#define LINE_DIVISOR_LATCH    0x80
#define FIFO_ENABLE_AND_CLEAR 0x07
#define MODEM_DTR_RTS_OUT2    0x0b // OUT2 lets the interrupt line through on PCs
#define INTERRUPT_RECEIVED    0x01
#define STATUS_RECEIVED       0x01
#define STATUS_TRANSMIT_EMPTY 0x20
#define STATUS_TRANSMIT_IDLE  0x40 // not even the shift register is busy
#define STATUS_FLOATING       0xff

#define UART_CLOCK 115200
#define FIFO_DEPTH 16
// In TSC ticks, some 5 to 15 s: an emulated line stands still as long as the program that reads it does, and
// what is given up on is lost.
#define TRANSMIT_PATIENCE (UINT64_C(1) << 34)
#define RECEIVE_LIMIT     64 // bytes per interrupt: more than any FIFO holds

static const struct {
    uint16_t port;
    uint8_t irq;
} lines[NR_UARTS] = {{0x3f8, 4}, {0x2f8, 3}};

static bool dead[NR_UARTS]; // stopped sending: not waited for until it is ready again

bool uart_init(unsigned index, uint32_t baud)
{
    uint16_t port = lines[index].port, divisor = UART_CLOCK / baud;

    outb(port + UART_SCRATCH, 0xa5);
    if (inb(port + UART_SCRATCH) != 0xa5)
        return false;
    outb(port + UART_INTERRUPT_ENABLE, 0);
    outb(port + UART_LINE_CONTROL, LINE_DIVISOR_LATCH | LINE_8N1);
    outb(port + UART_DATA, divisor);
    outb(port + UART_INTERRUPT_ENABLE, divisor >> 8); // the divisor's high byte now
    outb(port + UART_LINE_CONTROL, LINE_8N1);
    outb(port + UART_FIFO, FIFO_ENABLE_AND_CLEAR);
    outb(port + UART_MODEM_CONTROL, MODEM_DTR_RTS_OUT2);
    if (inb(port + UART_LINE_STATUS) == STATUS_FLOATING)
        return false;
    reserve_ports(port, 8);
    return true;
}

static bool wait_for_transmitter(unsigned index, uint8_t status)
{
    uint64_t start = rdtsc();

    while (!dead[index]) {
        if (inb(lines[index].port + UART_LINE_STATUS) & status)
            return true;
        dead[index] = rdtsc() - start > TRANSMIT_PATIENCE;
    }
    return false;
}

// An empty transmitter takes a whole FIFO without being asked again.
static bool put_byte(unsigned index, char byte, unsigned *room)
{
    if (*room == 0) {
        if (!wait_for_transmitter(index, STATUS_TRANSMIT_EMPTY))
            return false;
        *room = FIFO_DEPTH;
    }
    outb(lines[index].port + UART_DATA, byte);
    (*room)--;
    return true;
}

void uart_puts(unsigned index, const char *bytes, size_t n)
{
    unsigned room = 0;

    if (dead[index])
        dead[index] = !(inb(lines[index].port + UART_LINE_STATUS) & STATUS_TRANSMIT_EMPTY);
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == '\n' && !put_byte(index, '\r', &room))
            return;
        if (!put_byte(index, bytes[i], &room))
            return;
    }
}

void uart_flush(unsigned index)
{
    wait_for_transmitter(index, STATUS_TRANSMIT_IDLE);
}

unsigned uart_gsi(unsigned index)
{
    return isa_irq_gsi(lines[index].irq);
}

bool uart_enable_interrupt(unsigned index)
{
    if (!ioapic_is_edge(uart_gsi(index)))
        return false;
    ioapic_set_mask(uart_gsi(index), false);
    outb(lines[index].port + UART_INTERRUPT_ENABLE, INTERRUPT_RECEIVED);
    uart_receive(index); // what came before would hold the line up, and no edge would follow
    return true;
}

void uart_receive(unsigned index)
{
    uint16_t port = lines[index].port;

    for (unsigned i = 0; i < RECEIVE_LIMIT && (inb(port + UART_LINE_STATUS) & STATUS_RECEIVED); i++)
        console_input(inb(port + UART_DATA));
}
