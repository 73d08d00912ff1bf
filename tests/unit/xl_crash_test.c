// SPDX-License-Identifier: MIT
// Unit tests of finding the reason of a domain's crash in the hypervisor's log, which comes in pieces.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../dom0-tools/toolstackd/toolstackd.h"

static const char *hypervisor_log;

// A few bytes at a time, as a busy hypervisor might give them.
int ctl_log_read(char *buffer, uint32_t size, uint32_t *index, struct error *err)
{
    uint32_t left = (uint32_t)strlen(hypervisor_log) - *index, count = left < 7 ? left : 7;

    (void)err;
    count = count < size ? count : size;
    memcpy(buffer, hypervisor_log + *index, count);
    *index += count;
    return (int)count;
}

static void assert_reason(const char *log, domid_t domid, const char *expected)
{
    char reason[CRASH_REASON_MAX];

    hypervisor_log = log;
    crash_reason_read(domid, reason);
    assert_string_equal(reason, expected);
}

static void the_last_remark_counts(void **state)
{
    static const char log[] = "(PXN) d1v0 crashed: triple fault\r\n(PXN) d1v0 registers:\r\n"
                              "(PXN) d12v0 crashed: something else\n(PXN) d2v3 crashed: no way on\n"
                              "(PXN) d1v0 crashed: the second time\r\n(PXN) d1v0 crash";

    (void)state;
    assert_reason(log, 1, "the second time");
    assert_reason(log, 2, "no way on");
    assert_reason(log, 12, "something else");
}

static void silence_is_said_to_be_the_guest_s_own(void **state)
{
    (void)state;
    assert_reason("", 1, "its own system said so");
    assert_reason("(PXN) d11v0 crashed: x\n(PXN) d1v0 registers:\n", 1, "its own system said so");
}

static void remarks_of_guests_don_t_count(void **state)
{
    (void)state;
    assert_reason("(PXN) (d3) d1v0 crashed: x\n(PXN) (d3) (PXN) d1v0 crashed: y\n", 1,
                  "its own system said so");
    assert_reason("(PXN) d1v0 crashed: triple fault\n(PXN) (d1) (PXN) d1v0 crashed: y\n", 1, "triple fault");
}

static void a_long_remark_is_cut(void **state)
{
    char log[400] = "(PXN) d1v0 crashed: ", reason[CRASH_REASON_MAX];

    (void)state;
    memset(log + strlen(log), 'x', sizeof(log) - strlen(log) - 1);
    assert_true(crash_reason_find(log, 1, reason));
    assert_int_equal(strlen(reason), CRASH_REASON_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_remark_counts),
        cmocka_unit_test(silence_is_said_to_be_the_guest_s_own),
        cmocka_unit_test(remarks_of_guests_don_t_count),
        cmocka_unit_test(a_long_remark_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
