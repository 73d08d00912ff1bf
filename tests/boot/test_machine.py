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


def test_mitigations_are_switched_by_boot_option(run, guest):
    off = "retpoline=off ibrs=off ibpb=off l1d-flush=off md-clear=off smt="
    done = run("xl info speculation", hv_args="spec-ctrl=no loglvl=info")
    assert done.out.startswith(off) and "(PXN) speculation: " + off in done.log
    # What the emulated processor does not need but can do is forced, and a guest runs with it.
    done = run("xl info speculation", "xl create -c name=a kernel=/files/hello memory=32", files={"hello": guest("hello")},
               hv_args="spec-ctrl=no,md-clear=yes,ibpb=yes")
    assert re.match(r"retpoline=off ibrs=off ibpb=(on|missing) l1d-flush=off md-clear=on smt=", done.out)
