# SPDX-License-Identifier: MIT
"""The store in dom0: its commands, and guests that go on while it restarts."""

import glob
import os
import re
import subprocess
import sys

import pexpect
import pytest

from conftest import PROJECT

LS = """libxl = ""
 0 = ""
  type = "pvh"
local = ""
 domain = ""
  0 = ""
   domid = "0"
   name = "Domain-0"
tool = ""
 xenstored = ""
"""


def test_nodes_are_written_read_and_removed(run):
    out = run("xenstore ls", "xenstore write /a/b hello /a/c 'x\\ty\\x00\\\\'", "xenstore-read -p /a/b /a/c",
              "xenstore-ls -f /a", "xenstore-list /a", "xenstore mkdir /a/d", "xenstore-exists /a/d /a/b",
              "xenstore-chmod -r /a n3 r5", "xenstore-ls -p /a", "xenstore-rm -t /a/b /a/c /a/d", "xenstore list /").out
    assert out.startswith(LS)
    assert out[len(LS):] == ('/a/b: hello\n/a/c: x\\ty\\000\\\\\n'
                             '/a/b = "hello"\n/a/c = "x\\ty\\000\\\\"\n'
                             'b\nc\n'
                             'b = "hello" (n3,r5)\nc = "x\\ty\\000\\\\" (n3,r5)\nd = "" (n3,r5)\n'
                             'libxl\nlocal\ntool\n')


@pytest.mark.parametrize("command, status, said", [
    ("xenstore read /no/such", 1, "xenstore-read: couldn't read path /no/such: No such file or directory\n"),
    ("xenstore-read /bad//path", 1, "couldn't read path /bad//path: not a path"),
    ("xenstore-ls /no/such", 1, "xenstore-ls: xs_directory (/no/such): No such file or directory\n"),
    ("xenstore-list /no/such", 1, "xenstore-list: could not list path /no/such"),
    ("xenstore-rm /no/such", 1, "xenstore-rm: could not remove path /no/such"),
    ("xenstore-watch /a//b", 1, "xenstore-watch: Unable to add watch on /a//b"),
    ("xenstore-chmod /no n0", 1, "xenstore-chmod: Error occurred setting permissions on '/no': No such file or directory\n"),
    ("xenstore exists /tool /nowhere", 1, ""),
    ("xenstore write /a", 2, "wants PATH VALUE"),
    ("xenstore write /a b /c", 2, "no value for /c"),
    ("xenstore write /a 'b\\q'", 1, "behind a backslash"),
    ("xenstore chmod /tool q0", 1, "Invalid permission specification: 'q0'"),
    ("xenstore frobnicate", 1, "no command 'frobnicate'"),
    ("xenstore quota noodles 5", 2, "no quota 'noodles'"),
    ("xenstore quota 9", 1, "does not know this domain"),
    ("xenstore watch -n x /", 2, "'x' is not a number"),
    ("xenstore-ls --help", 0, "Usage: xenstore ls"),
])
def test_errors_say_what_is_wrong(run, command, status, said):
    result = run(command, status=status)
    assert said in result.out


def test_a_write_of_several_values_is_whole_or_not_at_all(run):
    result = run("xenstore write /a 1 /b/ 2", "xenstore exists /a", "echo status $?", status=1)
    assert "status 1" in result.out


def test_quotas_are_shown_set_and_told_when_met(run, guest):
    result = run("xenstore quota nodes 3", "xenstore quota", "xenstore quota 0 nodes 77", "xenstore quota 0",
                 "xl create -c name=t kernel=/files/t.elf memory=64", files={"t.elf": guest("store")}, status=None)
    assert re.search(r"^nodes +3$", result.out, re.M)
    assert re.search(r"^nodes +\d+ +77 +0$", result.out, re.M)
    assert "the first write: No space left on device" in result.out
    assert "xenstore: domain 1 has reached its quota of nodes (3) at /local/domain/1/data/count" in result.log


def test_control_gives_the_store_its_own_commands(run):
    result = run("xenstore write /kept 1", "xenstore-control help", "xenstore control check", "xenstore control memreport",
                 "xenstore control print hello", "xenstore control log off", "xenstore control print unheard",
                 "xenstore control log on", "xenstore-control live-update -f /bin/other", "xenstore-control live-update -s -F",
                 "sleep 0.1", "xenstore read /kept", "xenstore control explode", status=1)
    assert "live-update -s\nlog on|off\nOK\n" in result.out
    assert re.search(r"^nodes +1\d +\d+$", result.out, re.M)
    assert "xenstore: domain 0: says: hello" in result.log
    assert "says: unheard" not in result.log
    assert "it can only begin anew as it is" in result.out
    assert "xenstore: restarted, 0 domains connected" in result.log
    assert "connected\n1\nxenstore control: there is no such command" in result.out


def test_top_and_watch_follow_a_guest(run, guest):
    result = run("xl create name=t kernel=/files/t.elf memory=32 extra=seconds=5",
                 "xenstore watch -n 30 /local/domain/1/data/count", "xenstore top -n 2", "xl list",
                 files={"t.elf": guest("store")})
    assert result.out.count("/local/domain/1/data/count\n") > 10
    rates = result.out[result.out.index("reads/s"):]
    assert re.search(r"^ +1 +[1-9]\d* +[1-9]\d* +[1-9]\d* +\d+/1000 +1/128 ", rates, re.M)


def test_watch_ends_with_ctrl_c(machine):
    session = machine()
    session.expect("dom0# ")
    session.sendline("xenstore watch /tool")
    session.expect("\n/tool\r")
    session.send("\x03")
    session.expect("dom0# ")
    session.sendline("echo status $?")
    session.expect("status 130")
    session.send("xenstore-li\t/loc\t/dom\t\r")
    session.expect_exact("xenstore-list /local/domain")
    session.expect("\n0\r")
    session.expect("dom0# ")
    session.sendline("poweroff")
    session.expect(pexpect.EOF)


def test_a_restart_loses_nothing_of_four_guests(run, guest, soaking):
    rounds = 200 if soaking else 12
    names = ["a", "b", "c", "d"]
    seconds = 8 + rounds // 2
    create = "xl create name={} kernel=/files/t.elf memory=32 on_poweroff=preserve extra=seconds={}"
    result = run(*[create.format(name, seconds) for name in names],
                 *["sleep 0.25; xenstore restart"] * rounds,
                 *[f"sleep {seconds}", "xl list", "xenstore top", "xenstore ls /local/domain/1/data"], *[f"xl console --log {name}" for name in names],
                 files={"t.elf": guest("store")}, limit=120 + 4 * rounds)
    assert result.out.count("the store has been restarted") == rounds
    assert result.out.count("4 domains connected") == rounds
    assert result.out.count("TEST store: PASS") == len(names)
    assert all(int(count) > 50 for count in re.findall(r"(\d+) numbers written", result.out))


@pytest.fixture
def debian_with_tools(debian, tmp_path):
    """A stock Debian guest whose initrd has Debian's xenstore-* tools, unmodified, with their libraries."""
    files = debian("cloud")
    tools = [path for path in glob.glob("/usr/bin/xenstore-*") if not os.path.islink(path)]
    subprocess.run([sys.executable, os.path.join(PROJECT, "scripts", "mkinitrd"), "--add", tmp_path / "more", *tools],
                   check=True)
    (tmp_path / "initrd").write_bytes(b"".join(open(path, "rb").read() for path in (files["initrd"], tmp_path / "more")))
    return {**files, "initrd": tmp_path / "initrd"}


def test_debians_tools_work_in_a_linux_guest(machine, debian_with_tools):
    session = machine(files=debian_with_tools)

    def ask(command, *answers):
        """At the guest's prompt."""
        session.sendline(command + "; echo status $?")
        for answer in answers:
            session.expect(answer)
        session.expect("# ")

    session.expect("dom0# ")
    session.sendline('xl create -c name=a kernel=/files/vmlinuz ramdisk=/files/initrd memory=256 extra=console=hvc0')
    session.expect("@@GUEST-USERSPACE")
    session.expect("# ")
    ask("ls -l /dev/xen/xenbus", "/dev/xen/xenbus")
    ask("xenstore-read name domid", r"a\s+1\s")
    ask("xenstore-ls /local/domain/1", 'name = "a"')
    ask("xenstore-write data/x hello data/y 'two words'", "status 0")
    ask("xenstore-read -p data/x data/y", r"data/x: hello\s+data/y: two words\s")
    ask("xenstore-list data", r"x\s+y\s")
    ask("xenstore-exists data/z", "status 1")
    ask("xenstore-chmod data/x n1 r0", "status 0")
    ask("xenstore-rm data/y", "status 0")
    ask("xenstore-list data", r"x\s")
    ask("xenstore-read /local/domain/0/name", "couldn't read path")
    ask("(sleep 1; xenstore-write data/x changed) & xenstore-watch -n 2 data/x", r"data/x\s+data/x\s")
    session.send("\x1d")  # Ctrl-]
    session.expect("dom0# ")
    session.sendline("xenstore read /local/domain/1/data/x; xenstore restart")
    session.expect(r"changed\s")
    session.expect("restarted")
    session.sendline("xl console a")
    session.sendline("")
    session.expect("# ")
    ask("xenstore-read data/x", r"changed\s")
    session.send("\x1d")
    session.expect("dom0# ")
    session.sendline("poweroff")
    session.expect(pexpect.EOF)
