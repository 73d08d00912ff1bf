// SPDX-License-Identifier: MIT
// The local APIC of a vcpu (Intel SDM vol. 3, chapter 11; AMD APM vol. 2, chapter 16). All interrupts are
// edge-triggered, so an EOI goes nowhere else.

#include <hv/arch.h>
#include <hv/page_alloc.h>
#include <hv/sched.h>
#include <hv/string.h>

#include <asm/cpu.h>
#include <asm/hvm/hvm.h>
#include <asm/hvm/virt_ops.h>

#define VERSION_VALUE 0x50014U // integrated, six LVT entries

#define SVR_ENABLED         (1U << 8)
#define LVT_MASKED          (1U << 16)
#define ESR_SEND_ILLEGAL    (1U << 5)
#define ESR_RECEIVE_ILLEGAL (1U << 6)

#define TIMER_MODE_SHIFT 17
enum timer_mode { TIMER_ONE_SHOT, TIMER_PERIODIC, TIMER_DEADLINE };

#define TIMER_TICK_NS    10U     // of the bus clock, before the divider
#define TIMER_PERIOD_MIN 100000U // ns: a guest must not keep the cpu busy with its timer

// Interrupt command register.
#define ICR_MODE(icr)      ((icr) >> 8 & 7)
#define ICR_LOGICAL        (1U << 11)
#define ICR_SHORTHAND(icr) ((icr) >> 18 & 3)
#define ICR_WRITABLE       0xccfffU
enum delivery_mode { DELIVERY_FIXED = 0, DELIVERY_LOWEST = 1, DELIVERY_NMI = 4 };
enum shorthand { TO_DESTINATION, TO_SELF, TO_ALL, TO_OTHERS };

static struct vlapic *lapic_of(const struct vcpu *v)
{
    return &v->arch->vlapic;
}

static uint32_t *reg_of(const struct vlapic *lapic, unsigned reg)
{
    return &lapic->page[4 * reg];
}

static bool x2apic_mode(const struct vlapic *lapic)
{
    return lapic->base_msr & APIC_BASE_X2APIC;
}

bool vlapic_x2apic_enabled(const struct vcpu *v)
{
    return x2apic_mode(lapic_of(v));
}

static uint32_t x2apic_id(const struct vcpu *v)
{
    return v->id * 2;
}

bool vlapic_mmio_enabled(const struct vcpu *v)
{
    return (lapic_of(v)->base_msr & (APIC_BASE_ENABLED | APIC_BASE_X2APIC)) == APIC_BASE_ENABLED;
}

// --- interrupts ---

// Highest bit set in the 256-bit register that starts at `base`, or -1.
static int highest(const struct vlapic *lapic, unsigned base)
{
    for (int i = 7; i >= 0; i--) {
        uint32_t word = *reg_of(lapic, base + i);

        if (word)
            return i * 32 + 31 - __builtin_clz(word);
    }
    return -1;
}

static bool software_enabled(const struct vlapic *lapic)
{
    return (lapic->base_msr & APIC_BASE_ENABLED) && (*reg_of(lapic, VLAPIC_SVR) & SVR_ENABLED);
}

void vlapic_set_irq(struct vcpu *v, uint8_t vector)
{
    struct vlapic *lapic = lapic_of(v);

    if (!software_enabled(lapic))
        return;
    if (vector < 16) {
        lapic->pending_errors |= ESR_RECEIVE_ILLEGAL;
        return;
    }
    __atomic_fetch_or(&lapic->requests[vector / 32], 1U << vector % 32, __ATOMIC_SEQ_CST);
    hvm_attention(v, ATTENTION_VLAPIC);
    vcpu_wake(v);
    if (v != current_vcpu() && __atomic_load_n(&v->arch->in_guest, __ATOMIC_SEQ_CST))
        arch_kick_cpu(v->sched.cpu);
}

// Moves what others have asked for to IRR, which belongs to the vcpu itself, and to a processor that runs it.
static void take_requests(struct vlapic *lapic)
{
    for (unsigned i = 0; i < ARRAY_SIZE(lapic->requests); i++)
        if (__atomic_load_n(&lapic->requests[i], __ATOMIC_RELAXED))
            *reg_of(lapic, VLAPIC_IRR + i) |= __atomic_exchange_n(&lapic->requests[i], 0, __ATOMIC_SEQ_CST);
}

int vlapic_requested_vector(struct vcpu *v)
{
    struct vlapic *lapic = lapic_of(v);

    take_requests(lapic);
    return software_enabled(lapic) ? highest(lapic, VLAPIC_IRR) : -1;
}

int vlapic_served_vector(const struct vcpu *v)
{
    return highest(lapic_of(v), VLAPIC_ISR);
}

int vlapic_pending_vector(struct vcpu *v)
{
    int requested = vlapic_requested_vector(v);
    int serving = requested < 0 ? -1 : vlapic_served_vector(v);

    return serving < 0 || requested / 16 > serving / 16 ? requested : -1;
}

void vlapic_accept(struct vcpu *v, uint8_t vector)
{
    struct vlapic *lapic = lapic_of(v);

    *reg_of(lapic, VLAPIC_IRR + vector / 32) &= ~(1U << vector % 32);
    *reg_of(lapic, VLAPIC_ISR + vector / 32) |= 1U << vector % 32;
    hvm_attention(v, ATTENTION_VLAPIC); // there may be more
}

static void end_of_interrupt(struct vcpu *v)
{
    struct vlapic *lapic = lapic_of(v);
    int serving = highest(lapic, VLAPIC_ISR);

    if (serving >= 0)
        *reg_of(lapic, VLAPIC_ISR + serving / 32) &= ~(1U << serving % 32);
    hvm_attention(v, ATTENTION_VLAPIC);
}

static uint32_t processor_priority(const struct vcpu *v)
{
    uint32_t tpr = virt_ops->get_sreg(v, SREG_TPR);
    int serving = highest(lapic_of(v), VLAPIC_ISR);

    return serving / 16 > (int)tpr / 16 ? serving & 0xf0 : tpr;
}

// --- the timer ---

static void timer_fired(void *arg)
{
    struct vcpu *v = arg;
    struct vlapic *lapic = lapic_of(v);
    uint32_t lvt = *reg_of(lapic, VLAPIC_LVT_TIMER);

    if (lapic->timer_period) {
        lapic->timer_started += lapic->timer_period;
        timer_set(&lapic->timer, MAX(lapic->timer_started, arch_now()) + lapic->timer_period);
    }
    lapic->tsc_deadline = 0;
    if (!(lvt & LVT_MASKED))
        vlapic_set_irq(v, lvt);
}

static enum timer_mode timer_mode(const struct vlapic *lapic)
{
    return *reg_of(lapic, VLAPIC_LVT_TIMER) >> TIMER_MODE_SHIFT & 3;
}

static uint64_t tick_ns(const struct vlapic *lapic)
{
    uint32_t divide = *reg_of(lapic, VLAPIC_TIMER_DIVIDE), code = (divide & 3) | (divide >> 1 & 4);

    return (uint64_t)TIMER_TICK_NS << ((code + 1) & 7); // 0: by 2 ... 6: by 128, 7: by 1
}

static void stop_timer(struct vlapic *lapic)
{
    timer_stop(&lapic->timer);
    lapic->timer_period = 0;
    lapic->tsc_deadline = 0;
}

static void start_timer(struct vlapic *lapic)
{
    uint64_t length = *reg_of(lapic, VLAPIC_TIMER_INITIAL) * tick_ns(lapic);

    stop_timer(lapic);
    if (length == 0 || timer_mode(lapic) == TIMER_DEADLINE)
        return;
    lapic->timer_started = arch_now();
    if (timer_mode(lapic) == TIMER_PERIODIC) {
        length = MAX(length, (uint64_t)TIMER_PERIOD_MIN);
        lapic->timer_period = length;
    }
    timer_set(&lapic->timer, lapic->timer_started + length);
}

static uint32_t timer_current(const struct vlapic *lapic)
{
    uint64_t initial = *reg_of(lapic, VLAPIC_TIMER_INITIAL), gone;

    if (!timer_armed(&lapic->timer) || timer_mode(lapic) == TIMER_DEADLINE)
        return 0;
    gone = (arch_now() - lapic->timer_started) / tick_ns(lapic);
    return gone < initial ? initial - gone : 0;
}

static uint64_t tsc_to_ns(uint64_t tsc)
{
    uint64_t delta = tsc - arch_clock.tsc_timestamp;

    if (tsc <= arch_clock.tsc_timestamp)
        return 0;
    unsigned __int128 scaled = delta;
    scaled = arch_clock.shift < 0 ? scaled >> -arch_clock.shift : scaled << arch_clock.shift;
    scaled = (scaled * arch_clock.mul >> 32) + arch_clock.system_time;
    return scaled < TIME_NEVER ? (uint64_t)scaled : TIME_NEVER - 1;
}

bool vlapic_set_deadline(struct vcpu *v, uint64_t tsc)
{
    struct vlapic *lapic = lapic_of(v);

    if (timer_mode(lapic) != TIMER_DEADLINE)
        return true; // ignored in the other modes
    stop_timer(lapic);
    if (tsc) {
        lapic->tsc_deadline = tsc;
        timer_set(&lapic->timer, tsc_to_ns(tsc));
    }
    return true;
}

// --- interprocessor interrupts ---

static bool logical_match(const struct vcpu *v, uint32_t destination)
{
    const struct vlapic *lapic = lapic_of(v);
    uint32_t id = x2apic_id(v);

    if (x2apic_mode(lapic))
        return destination >> 16 == id >> 4 && (destination & 1U << (id & 15));
    uint8_t own = *reg_of(lapic, VLAPIC_LDR) >> 24;
    if (*reg_of(lapic, VLAPIC_DFR) >> 28 == 0xf) // flat
        return own & destination;
    return own >> 4 == (destination >> 4 & 0xf) && (own & destination & 0xf);
}

static bool is_target(const struct vcpu *v, const struct vcpu *sender, uint32_t icr, uint32_t destination)
{
    uint32_t broadcast = x2apic_mode(lapic_of(sender)) ? ~0U : 0xff;

    switch ((enum shorthand)ICR_SHORTHAND(icr)) {
    case TO_SELF: return v == sender;
    case TO_ALL: return true;
    case TO_OTHERS: return v != sender;
    default: break;
    }
    if (destination == broadcast)
        return true;
    return icr & ICR_LOGICAL ? logical_match(v, destination) : destination == x2apic_id(v);
}

static void deliver(struct vcpu *v, uint32_t icr)
{
    switch (ICR_MODE(icr)) {
    case DELIVERY_FIXED:
    case DELIVERY_LOWEST: vlapic_set_irq(v, icr); break;
    case DELIVERY_NMI:
        hvm_attention(v, ATTENTION_NMI);
        vcpu_wake(v);
        arch_vcpu_kick(v);
        break;
    default: break; // INIT and SIPI start other vcpus: not until guests have them
    }
}

static void send_ipi(struct vcpu *sender, uint32_t icr, uint32_t destination)
{
    const struct domain *d = sender->domain;
    uint32_t mode = ICR_MODE(icr);

    if ((mode == DELIVERY_FIXED || mode == DELIVERY_LOWEST) && (icr & 0xf0) == 0) {
        lapic_of(sender)->pending_errors |= ESR_SEND_ILLEGAL;
        return;
    }
    for (unsigned i = 0; i < d->max_vcpus; i++) {
        struct vcpu *v = domain_vcpu(d, i);

        if (!v || !is_target(v, sender, icr, destination))
            continue;
        deliver(v, icr);
        if (mode == DELIVERY_LOWEST)
            return; // one of them is enough
    }
}

// --- registers ---

static const uint32_t lvt_writable[] = {
    [0] = 0x710ff, // timer: mode, mask, vector
    [1] = 0x117ff, // thermal
    [2] = 0x117ff, // performance
    [3] = 0x1f7ff, // LINT0
    [4] = 0x1f7ff, // LINT1
    [5] = 0x110ff, // error
};

static void write_svr(struct vlapic *lapic, uint32_t value)
{
    *reg_of(lapic, VLAPIC_SVR) = value & 0x1ff;
    if (value & SVR_ENABLED)
        return;
    for (unsigned reg = VLAPIC_LVT_TIMER; reg <= VLAPIC_LVT_ERROR; reg++)
        *reg_of(lapic, reg) |= LVT_MASKED;
}

static void write_lvt(struct vlapic *lapic, unsigned reg, uint32_t value)
{
    value &= lvt_writable[reg - VLAPIC_LVT_TIMER];
    if (!(*reg_of(lapic, VLAPIC_SVR) & SVR_ENABLED))
        value |= LVT_MASKED;
    *reg_of(lapic, reg) = value;
    if (reg == VLAPIC_LVT_TIMER && timer_mode(lapic) != lapic->timer_mode) {
        lapic->timer_mode = timer_mode(lapic);
        stop_timer(lapic);
    }
}

// The identifiers, in the form of the mode it is in.
static void set_id(struct vcpu *v)
{
    struct vlapic *lapic = lapic_of(v);
    uint32_t id = x2apic_id(v);

    *reg_of(lapic, VLAPIC_ID) = x2apic_mode(lapic) ? id : id << 24;
    if (x2apic_mode(lapic))
        *reg_of(lapic, VLAPIC_LDR) = (id >> 4) << 16 | 1U << (id & 15);
}

static uint32_t read_register(struct vcpu *v, unsigned reg)
{
    const struct vlapic *lapic = lapic_of(v);

    switch (reg) {
    case VLAPIC_TPR: return virt_ops->get_sreg(v, SREG_TPR);
    case VLAPIC_PPR: return processor_priority(v);
    case VLAPIC_TIMER_CURRENT: return timer_current(lapic);
    default: return *reg_of(lapic, reg);
    }
}

// The registers that both modes write alike. False: there is none, or it is read-only.
static bool write_register(struct vcpu *v, unsigned reg, uint32_t value)
{
    struct vlapic *lapic = lapic_of(v);

    switch (reg) {
    case VLAPIC_TPR:
        virt_ops->set_sreg(v, SREG_TPR, value & 0xff);
        hvm_attention(v, ATTENTION_VLAPIC);
        return true;
    case VLAPIC_EOI: end_of_interrupt(v); return true;
    case VLAPIC_SVR: write_svr(lapic, value); return true;
    case VLAPIC_ESR:
        *reg_of(lapic, VLAPIC_ESR) = lapic->pending_errors;
        lapic->pending_errors = 0;
        return true;
    case VLAPIC_LVT_TIMER ... VLAPIC_LVT_ERROR: write_lvt(lapic, reg, value); return true;
    case VLAPIC_TIMER_INITIAL:
        *reg_of(lapic, reg) = value;
        start_timer(lapic);
        return true;
    case VLAPIC_TIMER_DIVIDE: *reg_of(lapic, reg) = value & 0xb; return true;
    default: return false;
    }
}

static bool readable(unsigned reg)
{
    switch (reg) {
    case VLAPIC_ID:
    case VLAPIC_VERSION:
    case VLAPIC_TPR:
    case VLAPIC_PPR:
    case VLAPIC_LDR:
    case VLAPIC_SVR:
    case VLAPIC_ISR ... VLAPIC_IRR + 7:
    case VLAPIC_ESR:
    case VLAPIC_ICR:
    case VLAPIC_LVT_TIMER ... VLAPIC_TIMER_CURRENT:
    case VLAPIC_TIMER_DIVIDE: return true;
    default: return false;
    }
}

// --- x2APIC: MSRs ---

bool vlapic_msr_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    const struct vlapic *lapic = lapic_of(v);
    unsigned reg = msr - MSR_X2APIC_FIRST;

    if (!x2apic_mode(lapic) || !readable(reg))
        return false;
    if (reg == VLAPIC_ICR)
        *value = *reg_of(lapic, reg) | (uint64_t)*reg_of(lapic, reg + 1) << 32;
    else
        *value = read_register(v, reg);
    return true;
}

static bool write_x2apic_icr(struct vcpu *v, uint64_t value)
{
    struct vlapic *lapic = lapic_of(v);

    if ((uint32_t)value & ~ICR_WRITABLE)
        return false;
    *reg_of(lapic, VLAPIC_ICR) = value;
    *reg_of(lapic, VLAPIC_ICR + 1) = value >> 32;
    send_ipi(v, value, value >> 32);
    return true;
}

bool vlapic_msr_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
    unsigned reg = msr - MSR_X2APIC_FIRST;

    if (!x2apic_mode(lapic_of(v)))
        return false;
    if (reg == VLAPIC_ICR)
        return write_x2apic_icr(v, value);
    if (value >> 32)
        return false;
    if ((reg == VLAPIC_EOI || reg == VLAPIC_ESR) && value)
        return false;
    if (reg == VLAPIC_SELF_IPI) {
        vlapic_set_irq(v, value);
        return value <= 0xff;
    }
    return write_register(v, reg, value);
}

// --- xAPIC: the page ---

uint32_t vlapic_mmio_read(struct vcpu *v, unsigned offset)
{
    unsigned reg = offset / 16;

    if (offset % 16 || reg >= VLAPIC_REGS)
        return 0;
    if (reg == VLAPIC_DFR || reg == VLAPIC_ICR + 1)
        return *reg_of(lapic_of(v), reg);
    return readable(reg) ? read_register(v, reg) : 0;
}

void vlapic_mmio_write(struct vcpu *v, unsigned offset, uint32_t value)
{
    struct vlapic *lapic = lapic_of(v);
    unsigned reg = offset / 16;

    if (offset % 16 || reg >= VLAPIC_REGS)
        return;
    switch (reg) {
    case VLAPIC_ID: set_id(v); break; // read-only, but a processor may have stored to it
    case VLAPIC_LDR: *reg_of(lapic, reg) = value & 0xff000000; break;
    case VLAPIC_DFR: *reg_of(lapic, reg) = value | 0x0fffffff; break;
    case VLAPIC_ICR + 1: *reg_of(lapic, reg) = value & 0xff000000; break;
    case VLAPIC_ICR:
        *reg_of(lapic, reg) = value & ICR_WRITABLE;
        send_ipi(v, value, *reg_of(lapic, VLAPIC_ICR + 1) >> 24);
        break;
    default: (void)write_register(v, reg, value);
    }
}

void vlapic_written(struct vcpu *v, unsigned offset)
{
    offset &= PAGE_SIZE - 16;
    if (offset / 16 < VLAPIC_REGS)
        vlapic_mmio_write(v, offset, *reg_of(lapic_of(v), offset / 16));
}

// --- life ---

static void reset_registers(struct vcpu *v)
{
    struct vlapic *lapic = lapic_of(v);

    memset(lapic->page, 0, PAGE_SIZE);
    set_id(v);
    *reg_of(lapic, VLAPIC_VERSION) = VERSION_VALUE;
    *reg_of(lapic, VLAPIC_DFR) = ~0U;
    *reg_of(lapic, VLAPIC_SVR) = 0xff;
    for (unsigned reg = VLAPIC_LVT_TIMER; reg <= VLAPIC_LVT_ERROR; reg++)
        *reg_of(lapic, reg) = LVT_MASKED;
    lapic->pending_errors = 0;
    lapic->timer_mode = TIMER_ONE_SHOT;
}

int vlapic_create(struct vcpu *v)
{
    struct vlapic *lapic = lapic_of(v);
    mfn_t mfn = page_alloc(ORDER_4K, 0);

    if (!mfn_valid(mfn))
        return -XEN_ENOMEM;
    lapic->page = mfn_to_virt(mfn);
    lapic->base_msr = VLAPIC_BASE | APIC_BASE_ENABLED | (v->id == 0 ? APIC_BASE_BSP : 0);
    reset_registers(v);
    timer_init(&lapic->timer, timer_fired, v);
    return 0;
}

void vlapic_destroy(struct vcpu *v)
{
    timer_stop(&lapic_of(v)->timer);
    page_free(virt_to_mfn(lapic_of(v)->page), ORDER_4K);
}

// The page stays where it is; the mode changes only as the manual allows: x2APIC is left by disabling.
bool vlapic_set_base(struct vcpu *v, uint64_t value)
{
    struct vlapic *lapic = lapic_of(v);
    uint64_t mode = value & (APIC_BASE_ENABLED | APIC_BASE_X2APIC);
    uint64_t old = lapic->base_msr & (APIC_BASE_ENABLED | APIC_BASE_X2APIC);

    if ((value ^ lapic->base_msr) & ~(APIC_BASE_ENABLED | APIC_BASE_X2APIC))
        return false;
    if (mode == APIC_BASE_X2APIC)
        return false;
    if (old == 0 && (mode & APIC_BASE_X2APIC))
        return false;
    if ((old & APIC_BASE_X2APIC) && mode == APIC_BASE_ENABLED)
        return false;
    lapic->base_msr = value;
    if (mode == 0 && old) {
        stop_timer(lapic);
        reset_registers(v);
    } else if (mode != old) {
        set_id(v);
    }
    (void)virt_ops->update_apic(v);
    return true;
}
