# SPDX-License-Identifier: MIT
"""Debian's own kernels, unmodified, from their packages."""

import re

import pytest

CREATE = 'xl create -c name={name} kernel=/files/vmlinuz ramdisk=/files/initrd memory={memory} extra="{extra}"'


def create(name="a", memory=256, extra="console=hvc0 px.poweroff"):
    return CREATE.format(name=name, memory=memory, extra=extra)


@pytest.mark.repeat(10)
@pytest.mark.parametrize("kind", ["cloud", pytest.param("generic", marks=pytest.mark.slow_in_bochs)])
def test_debian_kernel_reaches_userspace_and_powers_off(run, debian, kind):
    result = run(create(), "xl list", files=debian(kind))
    assert re.search(r"@@GUEST-USERSPACE uptime=\d+\.\d+ kernel=\S+", result.out)
    assert "System halted" in result.out  # a PVH guest has no other power switch
    table = result.out[result.out.rindex("Name"):]
    assert "Domain-0" in table and not re.search(r"^a ", table, re.M)


@pytest.mark.only("svm", reason="Bochs boots from nothing else")
def test_iso_boots_debian_through_grub(run, debian):
    assert "@@GUEST-USERSPACE" in run(create(), files=debian("cloud"), boot="iso").out


@pytest.mark.slow_in_bochs
def test_guest_reboots_and_comes_back(run, debian):
    result = run('xl create name=a kernel=/files/vmlinuz ramdisk=/files/initrd memory=256 '
                 'extra="console=hvc0 px.reboot" on_reboot=destroy', "sleep 20", "xl list", files=debian("cloud"))
    assert not re.search(r"^a ", result.out, re.M)


@pytest.mark.slow_in_bochs
def test_crashing_guest_is_reported_with_its_reason(run, debian):
    result = run(create(extra="console=hvc0 panic=0 px.panic"), files=debian("cloud"), status=None)
    assert result.status != 0
    assert "crash" in result.out


def test_shell_of_a_guest_on_its_console(machine, debian):
    session = machine(files=debian("cloud"))
    session.expect("dom0# ")
    session.sendline(create(extra="console=hvc0"))
    session.expect("@@GUEST-USERSPACE")
    session.expect("# ")
    session.sendline("cat /sys/hypervisor/type; echo sum $((20+22))")
    session.expect("xen")
    session.expect("sum 42")
    session.send("\x1d")  # Ctrl-]
    session.expect("dom0# ")
    session.sendline("xl shutdown -w a; xl list")
    session.expect("Domain-0")
    session.expect("dom0# ")
    session.sendline("poweroff")
    session.expect("has shut down: power off")


@pytest.mark.slow_in_bochs
def test_three_debian_guests_at_once(run, debian):
    names = ["a", "b", "c"]
    commands = [f'xl create name={name} kernel=/files/vmlinuz ramdisk=/files/initrd memory=192 extra="console=hvc0"'
                for name in names]
    result = run(*commands, "sleep 15", "xl list", *[f"xl shutdown -w {name}" for name in names], "xl list",
                 files=debian("cloud"))
    running, after = result.out.split("Name")[-2:]
    for name in names:
        assert re.search(rf"^{name} ", running, re.M)
        assert not re.search(rf"^{name} ", after, re.M)
