// SPDX-License-Identifier: MIT
// Register contexts of vcpus: the stock HVM save records (public header arch-x86/hvm/save.h) that a toolstack
// writes to start or restore a vcpu and reads back, and the PVH entry state of the first domain. A blob is a
// sequence of records, each with a descriptor, ended by one of type END; a vcpu's records carry its number as
// their instance.

#include <hv/arch.h>
#include <hv/string.h>

#include <xen/hvm/save.h>

#include <asm/cpu.h>
#include <asm/hvm/hvm.h>
#include <asm/hvm/virt_ops.h>

_Static_assert(sizeof(struct hvm_save_descriptor) == 8, "public header hvm/save.h");
_Static_assert(sizeof(struct hvm_hw_cpu) == 1032, "Xen 4.17");
_Static_assert(sizeof(struct hvm_hw_mtrr) == 240, "Xen 4.17");
_Static_assert(MTRR_VCNT == MTRR_VARIABLE && NUM_FIXED_MSR == MTRR_FIXED, "as many as stock guests see");

// --- segments ---

struct segment_fields {
    enum guest_segment seg;
    size_t selector, limit, base, attr; // offsets in hvm_hw_cpu; 0: not there
};

#define SEGMENT(seg, name)                                                                        \
    {                                                                                             \
        seg, offsetof(struct hvm_hw_cpu, name##_sel), offsetof(struct hvm_hw_cpu, name##_limit),  \
            offsetof(struct hvm_hw_cpu, name##_base), offsetof(struct hvm_hw_cpu, name##_arbytes) \
    }

static const struct segment_fields segments[] = {
    SEGMENT(SEG_ES, es),
    SEGMENT(SEG_CS, cs),
    SEGMENT(SEG_SS, ss),
    SEGMENT(SEG_DS, ds),
    SEGMENT(SEG_FS, fs),
    SEGMENT(SEG_GS, gs),
    SEGMENT(SEG_TR, tr),
    SEGMENT(SEG_LDTR, ldtr),
    {SEG_GDTR, 0, offsetof(struct hvm_hw_cpu, gdtr_limit), offsetof(struct hvm_hw_cpu, gdtr_base), 0},
    {SEG_IDTR, 0, offsetof(struct hvm_hw_cpu, idtr_limit), offsetof(struct hvm_hw_cpu, idtr_base), 0},
};

// In the record, as in Xen's code, AVL, L, D and G stand right above the type byte (bits 11:8).
static uint16_t attr_from_record(uint32_t arbytes)
{
    return (arbytes & 0xff) | (arbytes & 0xf00) << 4;
}

static uint32_t attr_to_record(uint16_t attr)
{
    return (attr & 0xff) | (attr >> 4 & 0xf00);
}

static uint32_t *field32(struct hvm_hw_cpu *c, size_t offset)
{
    return (uint32_t *)((char *)c + offset);
}

static uint64_t *field64(struct hvm_hw_cpu *c, size_t offset)
{
    return (uint64_t *)((char *)c + offset);
}

static void set_segments(struct vcpu *v, struct hvm_hw_cpu *c)
{
    for (unsigned i = 0; i < ARRAY_SIZE(segments); i++) {
        const struct segment_fields *f = &segments[i];

        virt_ops->set_segment(v, f->seg,
                              &(struct guest_segment_state){
                                  .base = *field64(c, f->base),
                                  .limit = *field32(c, f->limit),
                                  .selector = f->selector ? *field32(c, f->selector) : 0,
                                  .attr = f->attr ? attr_from_record(*field32(c, f->attr)) : 0,
                              });
    }
}

static void get_segments(const struct vcpu *v, struct hvm_hw_cpu *c)
{
    for (unsigned i = 0; i < ARRAY_SIZE(segments); i++) {
        const struct segment_fields *f = &segments[i];
        struct guest_segment_state s;

        virt_ops->get_segment(v, f->seg, &s);
        *field64(c, f->base) = s.base;
        *field32(c, f->limit) = s.limit;
        if (f->selector)
            *field32(c, f->selector) = s.selector;
        if (f->attr)
            *field32(c, f->attr) = attr_to_record(s.attr);
    }
}

// --- the CPU record ---

struct msr_field {
    uint32_t msr;
    size_t offset;
};

static const struct msr_field msr_fields[] = {
    {MSR_SYSENTER_CS, offsetof(struct hvm_hw_cpu, sysenter_cs)},
    {MSR_SYSENTER_ESP, offsetof(struct hvm_hw_cpu, sysenter_esp)},
    {MSR_SYSENTER_EIP, offsetof(struct hvm_hw_cpu, sysenter_eip)},
    {MSR_KERNEL_GS_BASE, offsetof(struct hvm_hw_cpu, shadow_gs)},
    {MSR_LSTAR, offsetof(struct hvm_hw_cpu, msr_lstar)},
    {MSR_STAR, offsetof(struct hvm_hw_cpu, msr_star)},
    {MSR_CSTAR, offsetof(struct hvm_hw_cpu, msr_cstar)},
    {MSR_SFMASK, offsetof(struct hvm_hw_cpu, msr_syscall_mask)},
};

static bool cpu_valid(const struct hvm_hw_cpu *c)
{
    if (hvm_check_state(c->cr0, c->cr4, c->msr_efer))
        return false;
    return !(c->cr3 >> arch_gpa_bits()) && !(c->dr6 >> 32) && !(c->dr7 >> 32) && (c->rflags & RFLAGS_FIXED);
}

static void set_general(struct guest_regs *r, const struct hvm_hw_cpu *c)
{
    *r = (struct guest_regs){
        .rax = c->rax,
        .rbx = c->rbx,
        .rcx = c->rcx,
        .rdx = c->rdx,
        .rbp = c->rbp,
        .rsi = c->rsi,
        .rdi = c->rdi,
        .r8 = c->r8,
        .r9 = c->r9,
        .r10 = c->r10,
        .r11 = c->r11,
        .r12 = c->r12,
        .r13 = c->r13,
        .r14 = c->r14,
        .r15 = c->r15,
        .rip = c->rip,
    };
}

static void set_cpu(struct vcpu *v, struct hvm_hw_cpu *c)
{
    struct arch_vcpu *arch = v->arch;

    set_general(&arch->regs, c);
    virt_ops->set_sreg(v, SREG_RSP, c->rsp);
    hvm_set_rflags(v, c->rflags);
    set_segments(v, c);
    virt_ops->set_sreg(v, SREG_CR0, c->cr0 | CR0_ET);
    virt_ops->set_sreg(v, SREG_CR2, c->cr2);
    virt_ops->set_sreg(v, SREG_CR3, c->cr3);
    virt_ops->set_sreg(v, SREG_CR4, c->cr4);
    virt_ops->set_sreg(v, SREG_EFER, c->msr_efer);
    virt_ops->set_sreg(v, SREG_DR6, c->dr6 ? c->dr6 : DR6_RESET);
    virt_ops->set_sreg(v, SREG_DR7, c->dr7 | DR7_RESET);
    memcpy(arch->dr, &c->dr0, sizeof(arch->dr));
    arch->tsc_aux = (uint32_t)c->msr_tsc_aux;
    for (unsigned i = 0; i < ARRAY_SIZE(msr_fields); i++)
        (void)virt_ops->set_msr(v, msr_fields[i].msr, *field64(c, msr_fields[i].offset));
    if (c->flags & XEN_X86_FPU_INITIALISED)
        fpu_set_legacy(v, c->fpu_regs);
    hvm_attention(v, ATTENTION_FLUSH); // of what the page tables of an earlier context said
    v->initialised = true;
}

static void get_cpu(const struct vcpu *v, struct hvm_hw_cpu *c)
{
    const struct arch_vcpu *arch = v->arch;
    const struct guest_regs *r = &arch->regs;

    *c = (struct hvm_hw_cpu){
        .rax = r->rax,
        .rbx = r->rbx,
        .rcx = r->rcx,
        .rdx = r->rdx,
        .rbp = r->rbp,
        .rsi = r->rsi,
        .rdi = r->rdi,
        .r8 = r->r8,
        .r9 = r->r9,
        .r10 = r->r10,
        .r11 = r->r11,
        .r12 = r->r12,
        .r13 = r->r13,
        .r14 = r->r14,
        .r15 = r->r15,
        .rip = r->rip,
        .rflags = r->rflags,
    };
    c->rsp = virt_ops->get_sreg(v, SREG_RSP);
    get_segments(v, c);
    c->cr0 = virt_ops->get_sreg(v, SREG_CR0);
    c->cr2 = virt_ops->get_sreg(v, SREG_CR2);
    c->cr3 = virt_ops->get_sreg(v, SREG_CR3);
    c->cr4 = virt_ops->get_sreg(v, SREG_CR4);
    c->msr_efer = virt_ops->get_sreg(v, SREG_EFER);
    c->dr6 = virt_ops->get_sreg(v, SREG_DR6);
    c->dr7 = virt_ops->get_sreg(v, SREG_DR7);
    memcpy(&c->dr0, arch->dr, sizeof(arch->dr));
    c->msr_tsc_aux = arch->tsc_aux;
    c->tsc = rdtsc();
    for (unsigned i = 0; i < ARRAY_SIZE(msr_fields); i++)
        (void)virt_ops->get_msr(v, msr_fields[i].msr, field64(c, msr_fields[i].offset));
    c->flags = XEN_X86_FPU_INITIALISED;
    fpu_get_legacy(v, c->fpu_regs);
}

// --- the MTRR and LAPIC records ---

static const uint32_t mtrr_fixed_msrs[MTRR_FIXED] = {
    MSR_MTRR_FIX64K,       MSR_MTRR_FIX16K_80,    MSR_MTRR_FIX16K_A0,    MSR_MTRR_FIX4K_C0,
    MSR_MTRR_FIX4K_C0 + 1, MSR_MTRR_FIX4K_C0 + 2, MSR_MTRR_FIX4K_C0 + 3, MSR_MTRR_FIX4K_C0 + 4,
    MSR_MTRR_FIX4K_C0 + 5, MSR_MTRR_FIX4K_C0 + 6, MSR_MTRR_FIX4K_C0 + 7,
};

// PAT and the registers one by one, as the guest itself would write them; what it could not write is left as
// it was.
static void set_mtrr(struct vcpu *v, const struct hvm_hw_mtrr *m)
{
    (void)hvm_set_msr(v, MSR_PAT, m->msr_pat_cr);
    (void)mtrr_write(v, MSR_MTRR_DEF_TYPE, m->msr_mtrr_def_type);
    for (unsigned i = 0; i < MTRR_FIXED; i++)
        (void)mtrr_write(v, mtrr_fixed_msrs[i], m->msr_mtrr_fixed[i]);
    for (unsigned i = 0; i < 2 * MTRR_VARIABLE; i++)
        (void)mtrr_write(v, MSR_MTRR_PHYSBASE0 + i, m->msr_mtrr_var[i]);
}

static void get_mtrr(struct vcpu *v, struct hvm_hw_mtrr *m)
{
    (void)hvm_get_msr(v, MSR_PAT, &m->msr_pat_cr);
    (void)mtrr_read(v, MSR_MTRR_CAP, &m->msr_mtrr_cap);
    (void)mtrr_read(v, MSR_MTRR_DEF_TYPE, &m->msr_mtrr_def_type);
    for (unsigned i = 0; i < MTRR_FIXED; i++)
        (void)mtrr_read(v, mtrr_fixed_msrs[i], &m->msr_mtrr_fixed[i]);
    for (unsigned i = 0; i < 2 * MTRR_VARIABLE; i++)
        (void)mtrr_read(v, MSR_MTRR_PHYSBASE0 + i, &m->msr_mtrr_var[i]);
}

// --- blobs ---

struct record_type {
    uint16_t code;
    uint32_t size;
};

// What is understood. HEADER is checked only for its magic.
static const struct record_type record_types[] = {
    {HVM_SAVE_CODE(HEADER), HVM_SAVE_LENGTH(HEADER)},
    {HVM_SAVE_CODE(CPU), HVM_SAVE_LENGTH(CPU)},
    {HVM_SAVE_CODE(MTRR), HVM_SAVE_LENGTH(MTRR)},
    {HVM_SAVE_CODE(END), HVM_SAVE_LENGTH(END)},
};

static bool size_valid(const struct hvm_save_descriptor *desc)
{
    for (unsigned i = 0; i < ARRAY_SIZE(record_types); i++)
        if (desc->typecode == record_types[i].code)
            return desc->length == record_types[i].size;
    return false;
}

// Takes the record at *at out of the blob and moves *at behind it; the body is at the returned address.
static const void *next_record(const char *buf, uint32_t size, uint32_t *at, struct hvm_save_descriptor *desc)
{
    if (size - *at < sizeof(*desc))
        return NULL;
    memcpy(desc, buf + *at, sizeof(*desc));
    *at += sizeof(*desc);
    if (!size_valid(desc) || size - *at < desc->length)
        return NULL;
    const void *body = buf + *at;
    *at += desc->length;
    return body;
}

static bool body_valid(struct domain *d, const struct hvm_save_descriptor *desc, const void *body)
{
    struct hvm_hw_cpu cpu;
    struct hvm_save_header header;

    switch (desc->typecode) {
    case HVM_SAVE_CODE(HEADER):
        memcpy(&header, body, sizeof(header));
        return header.magic == HVM_FILE_MAGIC && header.version == HVM_FILE_VERSION;
    case HVM_SAVE_CODE(CPU):
        memcpy(&cpu, body, sizeof(cpu));
        return domain_vcpu(d, desc->instance) && !domain_vcpu(d, desc->instance)->loaded && cpu_valid(&cpu);
    case HVM_SAVE_CODE(MTRR): return domain_vcpu(d, desc->instance);
    default: return true;
    }
}

static int check_blob(struct domain *d, const char *buf, uint32_t size)
{
    struct hvm_save_descriptor desc = {};
    bool first = true;

    for (uint32_t at = 0; first || desc.typecode != HVM_SAVE_CODE(END); first = false) {
        const void *body = next_record(buf, size, &at, &desc);

        if (!body || !body_valid(d, &desc, body) || first != (desc.typecode == HVM_SAVE_CODE(HEADER)))
            return -XEN_EINVAL;
    }
    return 0;
}

int arch_hvm_context_set(struct domain *d, const void *buf, uint32_t size)
{
    struct hvm_save_descriptor desc;
    uint32_t at = 0;
    int rc = check_blob(d, buf, size);

    if (rc)
        return rc;
    do {
        const void *body = next_record(buf, size, &at, &desc);
        struct vcpu *v = domain_vcpu(d, desc.instance);

        if (desc.typecode == HVM_SAVE_CODE(CPU)) {
            struct hvm_hw_cpu cpu;
            memcpy(&cpu, body, sizeof(cpu)); // records are not aligned
            set_cpu(v, &cpu);
            vcpu_up(v);
        } else if (desc.typecode == HVM_SAVE_CODE(MTRR)) {
            struct hvm_hw_mtrr mtrr;
            memcpy(&mtrr, body, sizeof(mtrr));
            set_mtrr(v, &mtrr);
        }
    } while (desc.typecode != HVM_SAVE_CODE(END));
    return 0;
}

// Appends a record, or only counts it when there is no buffer.
static void put_record(char *buf, uint32_t *at, uint16_t code, uint16_t instance, const void *body,
                       uint32_t size)
{
    struct hvm_save_descriptor desc = {.typecode = code, .instance = instance, .length = size};

    if (buf) {
        memcpy(buf + *at, &desc, sizeof(desc));
        memcpy(buf + *at + sizeof(desc), body, size);
    }
    *at += sizeof(desc) + size;
}

static void put_vcpu(char *buf, uint32_t *at, struct vcpu *v)
{
    struct hvm_hw_cpu cpu = {};
    struct hvm_hw_mtrr mtrr = {};

    if (buf) {
        get_cpu(v, &cpu);
        get_mtrr(v, &mtrr);
    }
    put_record(buf, at, HVM_SAVE_CODE(CPU), v->id, &cpu, sizeof(cpu));
    put_record(buf, at, HVM_SAVE_CODE(MTRR), v->id, &mtrr, sizeof(mtrr));
}

static uint32_t put_blob(struct domain *d, char *buf)
{
    struct hvm_save_header header = {
        .magic = HVM_FILE_MAGIC,
        .version = HVM_FILE_VERSION,
        .cpuid = cpuid(1, 0).eax,
        .gtsc_khz = arch_clock.tsc_khz,
    };
    uint32_t at = 0;

    put_record(buf, &at, HVM_SAVE_CODE(HEADER), 0, &header, sizeof(header));
    for (unsigned i = 0; i < d->max_vcpus; i++)
        if (domain_vcpu(d, i))
            put_vcpu(buf, &at, domain_vcpu(d, i));
    put_record(buf, &at, HVM_SAVE_CODE(END), 0, &header, 0);
    return at;
}

long arch_hvm_context_get(struct domain *d, void *buf, uint32_t size)
{
    uint32_t needed = put_blob(d, NULL);

    if (!buf)
        return needed;
    if (size < needed)
        return -XEN_ENOSPC;
    return put_blob(d, buf);
}

// --- PVH entry ---

// 32-bit protected mode, paging off, flat segments (docs/misc/pvh.pandoc of Xen).
void arch_vcpu_start_pvh(struct vcpu *v, uint32_t entry, uint32_t start_info)
{
    struct hvm_hw_cpu c = {
        .rbx = start_info,
        .rip = entry,
        .rflags = RFLAGS_FIXED,
        .cr0 = CR0_PE | CR0_ET,
        .cs_limit = ~0U,
        .ds_limit = ~0U,
        .es_limit = ~0U,
        .ss_limit = ~0U,
        .tr_limit = 0x67,
        .cs_arbytes = 0xc9b,
        .ds_arbytes = 0xc93,
        .es_arbytes = 0xc93,
        .ss_arbytes = 0xc93,
        .tr_arbytes = 0x8b,
    };

    set_cpu(v, &c);
    vcpu_up(v);
}
