# SPDX-License-Identifier: MIT
"""What the hypervisor says when the machine or its boot files fail it, and that its own memory is protected."""

import os
import re
import select
import subprocess
import sys
import time
import types

import pexpect
import pytest

from conftest import BUILD, LIMIT, PATIENCE, PROJECT

sys.path.insert(0, os.path.join(PROJECT, "scripts", "lib"))
import bochs
import bootfiles

WRITABLE, NO_EXECUTE = "W", "X"  # in the flags of "info tlb"


class Monitored:
    """Proxenos at dom0's prompt, with its serial line in a file and QEMU's monitor at hand."""

    def __init__(self, log):
        self.log = log
        self.qemu = pexpect.spawn(
            "qemu-system-x86_64",
            ["-accel", "tcg", "-cpu", "max", "-m", "512", "-display", "none", "-no-reboot", "-monitor", "stdio",
             "-serial", f"file:{log}", "-kernel", os.path.join(BUILD, "proxenos"),
             "-initrd", os.path.join(BUILD, "dom0.elf"), "-append", "loglvl=none panic=halt"],
            timeout=LIMIT, encoding="utf-8", codec_errors="replace", dimensions=(24, 200), maxread=65536)
        self.qemu.expect_exact("(qemu) ")
        self.wait_for("dom0# ")

    def wait_for(self, text):
        """Waits until the console has said it; returns all that was said."""
        for _ in range(10 * LIMIT):
            said = open(self.log, errors="replace").read() if os.path.exists(self.log) else ""
            if text in said:
                return said
            time.sleep(0.1)
        pytest.fail(f"the console never said {text!r}")

    def command(self, text):
        """A command of the monitor; returns its output."""
        self.qemu.sendline(text)
        self.qemu.expect_exact("(qemu) ")
        return self.qemu.before


@pytest.fixture
def monitored(log_path):
    machine = Monitored(log_path())
    yield machine
    machine.qemu.close(force=True)


def check_report(said):
    """All registers, control registers, and a backtrace with the names of functions."""
    assert re.search(r"RIP [0-9a-f]{16} \w+\+0x[0-9a-f]+", said)
    for register in ["RAX", "RSP", "R15", "RFLAGS", "CR0", "CR2", "CR3", "CR4"]:
        assert register + " " in said
    assert re.search(r"from [0-9a-f]{16} hv_start\+0x", said)


def test_nmi_ends_in_a_report(monitored):
    monitored.command("nmi")
    said = monitored.wait_for("mm_enter")
    assert "PANIC: non-maskable interrupt" in said
    check_report(said)


def test_machine_check_names_its_bank(monitored):
    monitored.command("mce 0 1 0xbe00000000000000 0x5 0x1000 0x8c")
    said = monitored.wait_for("mm_enter")
    assert "PANIC: #MC machine check" in said
    assert "bank 1: status be00000000000000, address 0000000000001000" in said
    check_report(said)


def mapped_pages(monitored):
    """{address: flags} of the idle cpu's page tables, which are the hypervisor's: dom0 waits for a key."""
    pages = dict(re.findall(r"([0-9a-f]{16}): [0-9a-f]{16} (\S{9})", monitored.command("info tlb")))
    assert len(pages) > 50
    return pages


def test_no_page_is_both_writable_and_executable(monitored):
    pages = mapped_pages(monitored)
    assert not [page for page, flags in pages.items() if WRITABLE in flags and NO_EXECUTE not in flags]
    assert [page for page, flags in pages.items() if NO_EXECUTE not in flags]  # some are executable


def test_nothing_is_mapped_low_and_stacks_are_guarded(monitored):
    pages = mapped_pages(monitored)
    assert all(page.startswith("ffff") for page in pages)
    assert "ffffffffd0001000" in pages      # the lowest page of cpu 0's stack
    assert "ffffffffd0000000" not in pages  # and its guard


def whole(image):
    return image


def cut(image):
    return image[:65536]  # within its code; the second half is but symbols


def text(image):
    return b"not a program\n" * 100


@pytest.mark.parametrize("model, dom0, complaint", [
    ("max,-svm", whole, "this CPU has no AMD-V"),
    ("max,-npt", whole, "AMD-V has no nested paging"),
    ("max", None, "no dom0: the boot loader passed no module"),
    ("max", cut, "can't be loaded: a segment lies outside the file"),
    ("max", text, "can't be loaded: no ELF magic number"),
])
def test_what_cannot_run_is_refused_by_name(tmp_path, model, dom0, complaint):
    command = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", model, "-m", "512", "-display", "none", "-no-reboot",
               "-monitor", "none", "-serial", "stdio", "-kernel", os.path.join(BUILD, "proxenos")]
    if dom0:
        with open(os.path.join(BUILD, "dom0.elf"), "rb") as image:
            (tmp_path / "dom0").write_bytes(dom0(image.read()))
        command += ["-initrd", "dom0"]
    done = subprocess.run(command, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=LIMIT)
    assert re.search(rf"^PANIC: .*{re.escape(complaint)}", done.stdout.decode(errors="replace"), re.M)


def what_bochs_says(folder, monkeypatch, model):
    """What the hypervisor says on this model of Bochs's until it has panicked."""
    monkeypatch.setitem(bochs.MODELS, "vmx", model)
    options = types.SimpleNamespace(cpu="vmx", smp=1, mem=256, log=None)
    machine = bochs.Machine(options, bootfiles.BootFiles("", "", {}), folder)
    console, said = machine.start(), b""
    deadline = time.monotonic() + LIMIT * PATIENCE["vmx"]
    try:
        while b"mm_enter" not in said and time.monotonic() < deadline:
            if not select.select([console], [], [], 1)[0]:
                continue
            more = os.read(console, 4096)
            if not more:
                break
            said += more
    finally:
        complaint = machine.stop()
    assert not complaint, complaint
    return said.decode(errors="replace")


@pytest.mark.parametrize("model, complaint", [
    ("p4_prescott_celeron_336", "this CPU has no AMD-V (SVM) and no VT-x (VMX)"),
    ("core2_penryn_t9600", 'VT-x has no "EPT" on this CPU'),
    ("corei5_lynnfield_750", 'VT-x has no "unrestricted guest" on this CPU'),
])
def test_vt_x_that_lacks_something_is_refused_by_name(tmp_path, monkeypatch, model, complaint):
    said = what_bochs_says(tmp_path, monkeypatch, model)
    assert re.search(rf"^PANIC: .*{re.escape(complaint)}", said, re.M), said
