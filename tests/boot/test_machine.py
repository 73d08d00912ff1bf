# SPDX-License-Identifier: MIT
"""The hypervisor on its own: booting, running out, and saying why not."""

import re


def test_boots_to_dom0_and_powers_off(run):
    result = run("echo hello", hv_args="loglvl=all")
    assert result.out == "hello\n"


def test_status_is_that_of_the_first_failing_command(run):
    run("echo one", "ls /files/nothing", "xl", status=1)


def test_limit_gives_124(run):
    run("sleep 10000", limit=5, status=124)


def test_too_little_memory_for_dom0_is_named(run):
    result = run("echo never", mem=64, hv_args="dom0_mem=512M", status=125)
    assert re.search(r"PANIC: .*dom0_mem=512M", result.log)


def test_unknown_boot_option_is_a_warning(run):
    result = run("xl dmesg", hv_args="nonsense=1")
    assert "nonsense" in result.out
