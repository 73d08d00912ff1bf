# SPDX-License-Identifier: MIT
"""CONTROL: the administrator's commands, byte for byte and by Xen's own xenstore-control where that is installed."""

import glob
import os
import shutil

import pytest

from conftest import CONTROL, XENSTORED, StoreError, wait_for

# Debian's command in the path is a wrapper that wants to run under Xen.
TOOLS = sorted(glob.glob("/usr/lib/xen-*/bin/xenstore-control"))
by_tool = pytest.mark.skipif(not TOOLS, reason="xenstore-control is not installed")


def control(client, *words):
    return client.ask(CONTROL, *words)[:-1].decode()


def went_on(daemon):
    return daemon.log().count("went on as this program")


# ---- what the engine knows ----

def test_help_lists_all_there_is(client):
    names = [line.split()[0] for line in control(client, "help").splitlines()]
    assert names == ["check", "help", "memreport", "print", "quota", "quota-soft", "live-update", "log", "logfile"]


def test_check_and_memreport(client):
    client.write("/a/b", "1")
    assert control(client, "check") == "OK"
    report = dict(line.split()[:2] for line in control(client, "memreport").splitlines())
    assert report["nodes"] == "5"
    assert report["connections"] == "1"


@pytest.mark.parametrize("words", [["explode"], ["log"], ["log", "maybe"], ["logfile"], ["logfile", "relative"],
                                   ["live-update"], ["live-update", "-x"], ["live-update", "-s", "-t"],
                                   ["live-update", "-s", "-t", "x"], ["live-update", "-a", "-s"]])
def test_what_is_not_a_command_is_refused(client, words):
    with pytest.raises(StoreError, match="EINVAL"):
        control(client, *words)


# ---- the log ----

def test_the_log_goes_to_a_file_while_it_is_on(daemon, client):
    path = os.path.join(daemon.folder, "file")
    with pytest.raises(StoreError, match="ENOENT"):
        control(client, "log", "on")
    assert control(client, "logfile", path) == "OK"
    control(client, "print", "one")
    assert control(client, "log", "off") == "OK"
    control(client, "print", "two")
    os.rename(path, path + ".1")
    assert control(client, "log", "on") == "OK"
    control(client, "print", "three")
    assert open(path + ".1").read().endswith("Z domain 0: says: one\n")
    assert open(path).read().count("\n") == 1
    assert "three" in open(path).read()
    for word in ("one", "two", "three"):
        assert f"says: {word}" in daemon.log()


def test_a_file_that_cannot_be_opened_changes_nothing(daemon, client):
    path = os.path.join(daemon.folder, "file")
    control(client, "logfile", path)
    with pytest.raises(StoreError, match="EISDIR"):
        control(client, "logfile", daemon.folder)
    with pytest.raises(StoreError, match="ENOENT"):
        control(client, "logfile", "/nowhere/at/all")
    os.mkfifo(path + ".pipe")
    with pytest.raises(StoreError, match="EINVAL"):
        control(client, "logfile", path + ".pipe")
    control(client, "print", "still here")
    assert "still here" in open(path).read()


# ---- live updates ----

def test_a_start_alone_is_a_reexecution(daemon, client):
    path = os.path.join(daemon.folder, "file")
    control(client, "logfile", path)
    client.watch("/a", "t")
    for options in ([], ["-F"], ["-t", "5"], ["-F", "-t", "0"]):
        before = went_on(daemon)
        assert control(client, "live-update", "-s", *options) == "OK"
        client.write("/a/b", "1")
        assert client.next_event() == ("/a/b", "t")
        assert went_on(daemon) == before + 1
    assert open(path).read().count("went on as this program") == 4


def test_another_program_with_other_arguments(daemon, client):
    program = os.path.join(daemon.folder, "next")
    shutil.copy(XENSTORED, program)
    assert control(client, "live-update", "-f", program) == "OK"
    assert control(client, "live-update", "-c", " -N  --entry-nb 77 ") == "OK"
    assert control(client, "live-update", "-s") == "OK"
    assert "nodes                        77\n" in control(client, "quota")
    assert os.readlink(f"/proc/{daemon.process.pid}/exe") == program
    # The next one is the same again.
    assert control(client, "live-update", "-s") == "OK"
    assert "nodes                        77\n" in control(client, "quota")


@pytest.mark.parametrize("program, why", [("/nowhere", "No such file"), ("/bin/true", "not started"), ("/bin/sh", "/bin/sh"),
                                          ("/etc/passwd", "Permission denied")])
def test_what_is_no_xenstored_is_not_started(daemon, client, program, why):
    assert why in control(client, "live-update", "-f", program)
    assert control(client, "live-update", "-s") == "OK"
    wait_for(lambda: went_on(daemon) == 1, "it went on as itself")
    assert os.readlink(f"/proc/{daemon.process.pid}/exe") == os.path.realpath(XENSTORED)


@pytest.mark.parametrize("line", ["--nonsense", "-N word", "-E x", "-N -- -N"])
def test_wrong_arguments_are_told_before_it_is_too_late(daemon, client, line):
    assert control(client, "live-update", "-c", line) == "OK"
    assert "is not started: " in control(client, "live-update", "-s")
    client.write("/a", "1")
    assert went_on(daemon) == 0


@pytest.mark.parametrize("script", ["echo xenstored of Proxenos; sleep 20 & sleep 0.1", "exec >&- 2>&-; exec sleep 60", "yes xenstored of Proxenos"])
def test_a_program_that_does_not_end_is_not_waited_for(daemon, client, script):
    program = os.path.join(daemon.folder, "next")
    with open(program, "w") as file:
        file.write(f"#!/bin/sh\n{script}\n")
    os.chmod(program, 0o755)
    assert f"{program} is not started" in control(client, "live-update", "-f", program)
    client.write("/a", "1")


def test_an_update_can_be_given_up(daemon, client):
    control(client, "live-update", "-c", "--nonsense")
    assert control(client, "live-update", "-a") == "OK"
    assert control(client, "live-update", "-s") == "OK"
    client.write("/a", "1")
    assert went_on(daemon) == 1


# ---- Xen's client ----

@by_tool
def test_xens_client(daemon):
    tool = TOOLS[-1]
    assert "memreport" in daemon.tool(tool, "help")
    assert daemon.tool(tool, "check").strip() == "OK"
    assert daemon.tool(tool, "logfile", os.path.join(daemon.folder, "file")).strip() == "OK"
    assert "Command not supported" in daemon.tool(tool, "explode", status=3)
    daemon.tool(tool, "live-update", "-c", "-N", "-F", "-t", "3", XENSTORED)
    wait_for(lambda: went_on(daemon) == 1, "it went on")
    assert "not started" in daemon.tool(tool, "live-update", "/bin/true", status=3)
