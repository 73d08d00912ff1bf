# SPDX-License-Identifier: MIT
"""What xl's commands print, and the exit statuses scripts rely on."""

import json
import re

import pytest

HEADER = "Name                                        ID   Mem VCPUs\tState\tTime(s)"
ROW = re.compile(r"^(\S+) +(\d+) +(\d+) +(\d+)     ([r-][b-][p-][s-][-rscwS?][d-])  +(\d+\.\d)$", re.M)
PAUSED = "xl create -p name={name} kernel=/files/actor memory=32 extra=idle"


def rows(text):
    """The rows of xl list's tables in text, as {name: (domid, memory, state)}."""
    return {row[1]: (int(row[2]), int(row[3]), row[5]) for row in ROW.finditer(text)}


def only(text):
    """Text between the lines `--` and `--`, which the commands echo."""
    return text.split("--\n")[1]


@pytest.fixture
def actor(guest):
    return {"actor": guest("actor")}


def test_list_has_the_columns_of_the_original(run, actor):
    out = run(PAUSED.format(name="a"), "xl list", "xl list a", files=actor).out
    everything, one = out.split(HEADER + "\n")[1:]
    assert set(rows(everything)) == {"Domain-0", "a"}
    assert rows(everything)["Domain-0"][0] == 0
    assert rows(everything)["a"] == (1, 32, "--p---")
    assert set(rows(one)) == {"a"}


def test_list_as_json(run, actor):
    out = run(PAUSED.format(name="a"), "echo --; xl list --json; echo --; xl list -l", files=actor).out
    table = {entry["name"]: entry for entry in json.loads(only(out))}
    assert table["Domain-0"]["domid"] == 0
    assert table["a"]["state"] == "paused" and table["a"]["memory_mib"] == 32
    (details,) = json.loads(out.split("--\n")[2])
    assert details["domid"] == 1
    assert details["config"]["c_info"]["uuid"] == table["a"]["uuid"]
    assert details["config"]["b_info"] == {"max_vcpus": 1, "max_memkb": 32768, "target_memkb": 32768,
                                           "kernel": "/files/actor", "cmdline": "idle"}


def test_info(run):
    out = run("xl info", "echo --; xl info --json; echo --; xl info xen_minor", mem=1024).out
    fields = dict(re.findall(r"^(\w+) +: (.*)$", out.split("--\n")[0], re.M))
    assert fields["xen_major"] == "4" and fields["xen_minor"] == "17"
    assert fields["nr_cpus"] == "1" and fields["total_memory"] == "1023"
    assert re.fullmatch(r"retpoline=\w+ ibrs=\w+ ibpb=\w+ l1d-flush=\w+ md-clear=\w+ smt=\w+", fields["speculation"])
    assert 850 < int(fields["free_memory"]) < 1023
    assert set(json.loads(only(out))) == set(fields)
    assert out.split("--\n")[2] == "17\n"


def test_names_and_ids(run, actor):
    out = run(PAUSED.format(name="a"), "xl domid a", "xl domname 1", "xl rename a b", "xl domname 1; xl domid b",
              "xl list 1", files=actor).out
    assert out.startswith("1\na\nb\n1\n")
    assert set(rows(out)) == {"b"}


def test_pause_and_unpause(run, actor):
    out = run("xl create name=a kernel=/files/actor memory=32 extra=idle", "sleep 0.3; xl list a", "xl pause a; xl list a",
              "xl unpause a; sleep 0.1; xl list a", files=actor).out
    assert [state[2] for *_, state, _ in ROW.findall(out)] == ["-", "p", "-"]


def test_uptime(run, actor):
    out = run(PAUSED.format(name="a"), "sleep 1", "xl uptime", "xl uptime -s a", files=actor).out
    assert re.search(r"^Name +ID Uptime\nDomain-0 +0  0:00:0\d\na +1  0:00:0\d$", out, re.M)
    assert re.search(r"^ \d\d:\d\d:\d\d up  0:00, a \(1\)$", out, re.M)


def test_dmesg_shows_and_clears_the_log(run):
    shown, cleared = run("xl dmesg", "echo --; xl dmesg -c", "echo --; xl dmesg").out.split("--\n")[::2]
    assert "(PXN) " in shown
    assert "(PXN) " not in cleared


def test_help(run):
    out = run("xl help", "xl help create", "xl create --help", "help").out
    assert re.search(r"^  create +Create a domain", out, re.M)
    assert out.count("Usage: xl create [OPTION]... [CONFIG] [KEY=VALUE]...\n") == 2
    assert re.search(r"^  sleep +SECONDS", out, re.M)


@pytest.mark.parametrize("command, status, complaint", [
    ("xl", 1, "Usage: xl COMMAND"),
    ("xl frobnicate", 1, "there is no command 'frobnicate'"),
    ("xl list --frobnicate", 2, "there is no option '--frobnicate'"),
    ("xl pause", 2, "wants DOMAIN"),
    ("xl pause a b", 2, "one argument too many: 'b'"),
    ("xl shutdown", 2, "wants either a domain or -a"),
    ("xl list nobody", 1, "there is no domain called 'nobody'"),
    ("xl domid nobody", 1, "there is no domain called 'nobody'"),
    ("xl destroy 77", 1, "there is no domain 77"),
    ("xl destroy Domain-0", 1, "not possible with Domain-0"),
    ("xl pause 0", 1, "not possible with Domain-0"),
    ("xl console 0", 1, "'0' has no console here"),
    ("xl info nonsense", 1, "there is no field 'nonsense'"),
    ("nonsense", 127, "nonsense: no such command"),
    ("echo 'open", 2, "a quote is not closed"),
    ("sleep x", 2, "usage: sleep SECONDS"),
    ("cat /files/none", 1, "no file '/files/none'"),
])
def test_wrong_commands(run, command, status, complaint):
    assert complaint in run(command, status=status).out


def test_shell_basics(run, tmp_path):
    (tmp_path / "note").write_text("a note without a line break")
    result = run("nonsense; echo $?; echo $?", "echo 'a  b' \"c $?\" d\\ e # f; echo g", "ls", "ls -l /files", "cat note",
                 files={"note": tmp_path / "note"}, status=127)
    assert result.out.endswith("127\n0\na  b c 0 d e\nfiles\n          27 note\na note without a line break\n")


def test_poweroff_ends_the_commands(run):
    assert run("echo one; poweroff; echo two", "echo three").out == "one\n"
