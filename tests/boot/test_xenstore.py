# SPDX-License-Identifier: MIT
"""The store in dom0: its commands, and guests that go on while it restarts."""

import re

import pexpect
import pytest

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
    ("xenstore read /no/such", 1, "/no/such: there is no such node"),
    ("xenstore-read /bad//path", 1, "/bad//path: not a path"),
    ("xenstore exists /tool /nowhere", 1, ""),
    ("xenstore write /a", 2, "wants PATH VALUE"),
    ("xenstore write /a b /c", 2, "no value for /c"),
    ("xenstore write /a 'b\\q'", 1, "behind a backslash"),
    ("xenstore chmod /tool q0", 1, "q0: not a permission"),
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


def test_top_and_watch_follow_a_guest(run, guest):
    result = run("xl create name=t kernel=/files/t.elf memory=32 extra=seconds=5",
                 "xenstore watch -n 30 /local/domain/1/data", "xenstore top -n 2", "xl list",
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
