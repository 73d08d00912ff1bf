// SPDX-License-Identifier: MIT
//
// The guest ABI from inside: what xen/*.h promise to a PVH guest, call by call, good arguments and bad.

#include <stdint.h>
#include "abi.h"

int main(void)
{
    test_cpuid();
    test_msrs();
    test_ports();
    test_local_apic();
    test_halt();
    test_version();
    test_unknown_calls();
    test_bad_pointers();
    test_hvm_op();
    test_sched_op();
    test_multicall();
    test_compat_calls();
    test_hypercall_page();
    test_memory_op();
    test_time();
    test_runstate();
    test_time_area();
    test_timers();
    test_vcpu_info();
    return test_end("abi");
}
