// SPDX-License-Identifier: MIT
// Hypervisor boot options. Every option is one row of the table in cmdline.c, which docs/boot-options.md
// mirrors.
#pragma once

#include <hv/printk.h>
#include <hv/types.h>

// spec-ctrl=: mitigations against speculation, as architectures have them.
enum spec_mitigation {
    SPEC_RETPOLINE,
    SPEC_IBRS,
    SPEC_IBPB,
    SPEC_L1D_FLUSH,
    SPEC_MD_CLEAR,
    SPEC_MITIGATIONS
};
extern const char *const spec_names[SPEC_MITIGATIONS];

struct hv_options {
    char console[32];  // console=com1,com2,vga: devices in use
    uint32_t com_baud; // com1=115200: baud rate of the serial lines
    int log_level;     // loglvl=none|error|warning|info|debug|all: what reaches the console (-1: nothing but
                       // panics)
    uint64_t dom0_mem; // dom0_mem=64M: bytes of RAM for dom0 beyond the boot modules
    bool reboot_on_panic;       // panic=reboot|halt
    uint32_t spec_on, spec_off; // spec-ctrl=no,ibpb=yes: bits, forced; neither: by what the processor is
    bool no_power_off;          // noreboot: halt where the machine would reset or power off
};

extern struct hv_options hv_options;

// Parses the command line into hv_options; unknown or malformed options are kept as warnings that
// cmdline_report() logs once the console is up.
void cmdline_parse(const char *cmdline);
void cmdline_report(void);
