// SPDX-License-Identifier: MIT
//
// The parts of the ABI test, one file each.
#ifndef TESTS_GUESTS_ABI_H
#define TESTS_GUESTS_ABI_H

#include "../test.h"

void test_cpuid(void); // cpu.c: leaves, MSRs, ports, local APIC, halting
void test_msrs(void);
void test_ports(void);
void test_local_apic(void);
void test_halt(void);
void test_version(void); // calls.c: each hypercall's own meaning
void test_unknown_calls(void);
void test_bad_pointers(void);
void test_hvm_op(void);
void test_sched_op(void);
void test_multicall(void);
void test_compat_calls(void);
void test_hypercall_page(void);
void test_memory_op(void);
void test_time(void); // vcpu.c: time, timers, areas
void test_timers(void);
void test_runstate(void);
void test_time_area(void);
void test_vcpu_info(void); // moves vcpu_info: last

#endif
