# SPDX-License-Identifier: MIT
"""xl create: what it makes of good configurations, and that bad ones leave nothing behind but a clear message."""

import re

import pytest

MINIMUM = "name=a kernel=/files/actor memory=32"
STATE = "xl list; xl info free_memory"


@pytest.fixture
def actor(guest):
    return {"actor": guest("actor")}


def test_config_file_and_overrides(run, actor, tmp_path):
    (tmp_path / "a.cfg").write_text("# a guest\nname = 'a'; memory = 16\nkernel = \"/files/actor\"\n"
                                    "extra = \"say=from-file\"\nfancy = [ 'x', 1 ]\n")
    result = run("xl create -c a.cfg memory=32", 'xl create -qc /files/a.cfg name=b memory=32 vif=1 "extra=say=over say=ridden"',
                 "xl create -n a.cfg", files={**actor, "a.cfg": tmp_path / "a.cfg"})
    assert result.out.count("Parsing config from") == 2
    assert "warning: a.cfg:5:1: unknown key 'fancy' is ignored" in result.out
    assert "warning: command line: unknown key 'vif' is ignored" in result.out
    assert "from-file\n" in result.out and "over\nridden\n" in result.out


def test_verbose_tells_where_time_went(run, actor):
    out = run(f"xl create -v {MINIMUM}", files=actor).out
    assert re.search(r"^Domain 1 'a' created in \d+\.\d{6} s:\n  build +\d+\.\d{6} s\n  announce +\d", out, re.M)


@pytest.mark.parametrize("arguments, complaint", [
    ("", "wants a configuration file, key=value settings, or both"),
    ("kernel=/files/actor", "the domain needs a name"),
    ("name=a", "the domain needs a kernel"),
    ("name=a kernel=/files/none memory=32", "kernel: no file '/files/none'; in /files there are: actor bad.cfg"),
    (f"{MINIMUM} ramdisk=/files/none", "ramdisk: no file '/files/none'"),
    ("none.cfg", "configuration: no file 'none.cfg'"),
    ("bad.cfg", "bad.cfg:2:10: string has no closing \""),
    (f"{MINIMUM} memory=0", "memory: a domain cannot run with 0 MiB"),
    (f"{MINIMUM} memory=100000", "the domain wants 100000 MiB and"),
    (f"{MINIMUM} type=hvm", "'hvm' guests are not supported"),
    (f"{MINIMUM} vcpus=4", "exactly one vCPU for now"),
    (f"{MINIMUM} on_crash=explode", "'explode' is none of destroy"),
    (f"{MINIMUM} name=Domain-0", "it is dom0's"),
    ("name=a kernel=/files/bad.cfg memory=32", "/files/bad.cfg"),
])
def test_refusals_leave_nothing_behind(run, actor, tmp_path, arguments, complaint):
    (tmp_path / "bad.cfg").write_text("memory = 32\n  name = \"open\n")
    out = run(STATE, f"echo --; xl create {arguments}", f"echo --; {STATE}", files={**actor, "bad.cfg": tmp_path / "bad.cfg"},
              status=1).out
    before, message, after = out.split("--\n")
    assert complaint in message and message.startswith("xl create: ")
    strip_times = re.compile(r" +\d+\.\d$", re.M)
    assert strip_times.sub("", before) == strip_times.sub("", after)


def test_names_and_uuids_are_unique(run, actor):
    uuid = "uuid=3d2a4c1e-6f5b-4a39-8c77-0123456789ab"
    out = run(f"xl create -p {MINIMUM} {uuid}", f"xl create -p {MINIMUM}", f"xl create -p {MINIMUM} name=b {uuid}",
              "xl list -v", files=actor, status=1).out
    assert "there is a domain called 'a' already" in out
    assert "domain 'a' has this uuid already" in out
    assert "3d2a4c1e-6f5b-4a39-8c77-0123456789ab" in out.split("Name")[1]


def test_memory_comes_back(run, actor):
    commands = ["xl info free_memory"]
    for _ in range(10):
        commands += [f"xl create -p {MINIMUM}", "xl destroy a", f"xl create -c {MINIMUM} extra=say=x"]
    out = run(*commands, "xl info free_memory", files=actor).out
    numbers = re.findall(r"^\d+$", out, re.M)
    assert len(numbers) == 2 and numbers[0] == numbers[1]
