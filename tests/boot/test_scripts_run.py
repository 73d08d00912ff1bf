# SPDX-License-Identifier: MIT
"""scripts/run itself: what it refuses, how it ends, and that files and commands reach dom0 as they are."""

import os
import re
import signal
import subprocess
import sys
import time

import pexpect
import pytest

RUN = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "scripts", "run")


@pytest.mark.parametrize("arguments, complaint", [
    (["--cpu", "pentium"], "invalid choice"),
    (["--cpu", "vmx", "--mem", "4096"], "Bochs has at most 2048 MiB"),
    (["--cpu", "vmx", "--gdb", "1234"], "without a gdb server"),
    (["--cpu", "vmx", "--display", "gtk"], "shows no screen"),
    (["--cpu", "vmx", "--boot", "kernel"], "boots from an ISO image only"),
    (["--cpu", "svm-bochs", "--uefi"], "no UEFI firmware for Bochs"),
    (["--uefi", "--boot", "kernel"], "boots from an ISO image only"),
    (["--cpu", "host", "--icount"], "only an emulated processor"),
    (["--file", "kernel"], "expected NAME=PATH"),
    (["--file", "a/b=/dev/null"], "no / in NAME"),
    (["--file", "a=/nowhere/at,all"], "there is no file /nowhere/at,all"),
    (["--file", f"a={RUN}", "--file", f"a={RUN}"], "already a file named a"),
    (["--exec", "xl list\nxl info"], "is one line"),
    (["--smp", "0"], "at least 1 CPU"),
])
def test_refuses(arguments, complaint):
    done = subprocess.run([sys.executable, RUN, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=30)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert done.stdout == ""


def test_prints_only_what_commands_print(run):
    assert run("echo one", "echo two; echo three").out == "one\ntwo\nthree\n"


def test_status_is_that_of_the_first_failure(run):
    result = run("echo before", "cat /files/none", "echo after", "xl nonsense", status=None)
    assert result.status not in (0, 124, 125)
    assert result.out.startswith("before\n") and result.out.endswith("\n") and "after\n" in result.out
    assert "failed with status" in result.err


def test_file_names_hold_anything(run, tmp_path):
    names = ["plain", "two words", "a,b", "100%", "quote'\"s"]
    files = {}
    for number, name in enumerate(names):
        files[name] = tmp_path / f"source, {number}"
        files[name].write_text(f"this is {name}\n")
    listing = run("ls /files", "cat '/files/two words'", "cat /files/a,b", files=files).out
    for name in names:
        assert name in listing.split("this is")[0]
    assert "this is two words\nthis is a,b\n" in listing
    assert ".exec" not in listing


def test_limit(run):
    start = time.monotonic()
    result = run("echo begun", "sleep 10000", limit=5, status=124)
    assert result.out == "begun\n"
    assert time.monotonic() - start < 60
    assert re.search(r"the limit of \d+ s was reached", result.err)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_leaves_no_files_when_it_is_stopped(tmp_path, cpu, ending):
    machine = subprocess.Popen([sys.executable, RUN, "--cpu", cpu, "--exec", "echo up", "--exec", "sleep 10000"], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, env={**os.environ, "TMPDIR": str(tmp_path)})
    assert machine.stdout.readline() == b"up\n"
    assert os.listdir(tmp_path)
    machine.send_signal(ending)
    assert machine.wait(30) == 128 + ending
    assert not os.listdir(tmp_path)


def test_says_nothing_when_nobody_reads_on(tmp_path, cpu):
    machine = subprocess.Popen([sys.executable, RUN, "--cpu", cpu, "--exec", "echo up", "--exec", "sleep 1", "--exec", "xl info"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "TMPDIR": str(tmp_path)})
    assert machine.stdout.readline() == b"up\n"
    machine.stdout.close()
    assert machine.wait(30) == 128 + signal.SIGPIPE
    assert machine.stderr.read() == b""
    assert not os.listdir(tmp_path)


def test_icount_repeats_to_the_byte(run):
    commands = ["xl info", "xl dmesg", "xl uptime"]
    assert run(*commands, icount=True).log == run(*commands, icount=True).log


def test_iso_boots_the_same(run, tmp_path):
    (tmp_path / "file").write_text("from the image\n")
    result = run("cat '/files/a file, named so'", files={"a file, named so": tmp_path / "file"}, boot="iso")
    assert result.out == "from the image\n"


@pytest.mark.only("svm", reason="there is no UEFI firmware for Bochs")
def test_iso_boots_behind_uefi(run, tmp_path):
    (tmp_path / "file").write_text("from the image\n")
    result = run("cat /files/file", "xl dmesg", files={"file": tmp_path / "file"}, uefi=True)
    assert result.out.startswith("from the image\n")
    assert re.search(r"ACPI: .* has power-off", result.out)


def test_iso_passes_boot_options(run):
    out = run("xl dmesg", boot="iso", hv_args="loglvl=error").out
    assert "(PXN) command line: loglvl=none loglvl=error\n" in out
    assert "not understood" not in out


def test_console_is_interactive(machine):
    session = machine()
    session.expect("# $", timeout=60)  # the prompt
    session.send("echo interac")
    session.send("tive; poweroff\r")
    session.expect("\ninteractive\r*\n")
    session.expect(pexpect.EOF)


def test_ctrl_a_x_quits(machine):
    session = machine()
    session.expect("# $", timeout=60)
    session.send("\x01x")
    session.expect(pexpect.EOF)
    assert session.wait() == 0
