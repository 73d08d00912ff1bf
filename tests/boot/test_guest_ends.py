# SPDX-License-Identifier: MIT
"""Guests that end badly, never end, or work in pairs: what one does must not hurt another."""

import re

import pytest

CRASHES = ["triple-fault", "jump", "hole", "ud2", "divide", "null", "text", "data", "stack", "cr3", "panic", "abort",
           "shutdown"]
OTHER_ENDS = ["halt", "hypercalls", "store-ring", "console-ring"]


def create(name, kernel, extra="", attach=True):
    return (f"xl create {'-c ' if attach else ''}name={name} kernel=/files/{kernel}.elf memory=32 on_crash=destroy "
            f'extra="{extra}"')


def domains(result):
    """Names in the last `xl list` that was printed."""
    table = result.out[result.out.rindex("Name "):]
    return [line.split()[0] for line in table.splitlines()[1:] if line.strip()]


def free_memory(result):
    return re.findall(r"^free_memory +: (\d+)", result.out, re.M)


def test_each_crash_kills_one_guest(run, guest):
    commands = ["xl info"]
    for word in CRASHES:
        commands += [create(word, "crash", word), "xl dmesg -c"]
    commands += ["xl info", "xl list"]
    result = run(*commands, files={"crash.elf": guest("crash")}, status=1)
    for word in CRASHES:
        assert f"about to {word}" in result.out
    assert "TEST crash: FAIL" not in result.out
    assert domains(result) == ["Domain-0"]
    before, after = free_memory(result)
    assert before == after


@pytest.mark.parametrize("word", ["triple-fault", "hole", "cr3", "jump", "shutdown"])
def test_crash_leaves_registers(run, guest, word):
    result = run(create("g", "crash", word), "xl dmesg", files={"crash.elf": guest("crash")}, status=1)
    assert re.search(r"\(PXN\) .*rip [0-9a-f]{16}", result.out)
    assert "last hypercalls" in result.out


def test_bad_manners_are_survived(run, guest):
    commands = [create(word, "crash", word) for word in OTHER_ENDS]
    result = run(*commands, create("after", "hello"), "xl list",
                 files={"crash.elf": guest("crash"), "hello.elf": guest("hello")}, status=None)
    assert "still alive" in result.out
    assert "TEST hello: PASS" in result.out
    assert domains(result) == ["Domain-0"]


def test_random_hypercalls_hurt_nobody_else(run, guest):
    """What becomes of that guest is its own affair: it may end, crash, or wait for ever for ports that it closed."""
    result = run(create("random", "crash", "random", attach=False), "sleep 5", create("other", "hello"), "xl list",
                 files={"crash.elf": guest("crash"), "hello.elf": guest("hello")}, status=None)
    assert "TEST hello: PASS" in result.out
    assert domains(result)[0] == "Domain-0"


@pytest.mark.parametrize("kernel, extra", [
    ("spin", ""),
    pytest.param("spin", "cli", marks=pytest.mark.only("svm", "vmx", reason="in Bochs's AMD-V no interrupt ends such a guest")),
    ("crash", "storm"),
])
def test_greedy_guest_starves_nobody(run, guest, kernel, extra):
    result = run(create("greedy", kernel, extra, attach=False), create("other", "hello"), "xl destroy greedy", "xl list",
                 files={f"{kernel}.elf": guest(kernel), "hello.elf": guest("hello")}, limit=60)
    assert "TEST hello: PASS" in result.out
    assert domains(result) == ["Domain-0"]


def test_register_state_of_two_guests_stays_apart(run, guest):
    result = run(create("a", "fpu", "seconds=3", attach=False), create("b", "fpu", "seconds=2"), "xl console a",
                 files={"fpu.elf": guest("fpu")})
    assert result.out.count("TEST fpu: PASS") == 2


def test_pair_of_guests(run, guest):
    result = run(create("peer", "pair", "peer=2", attach=False), create("server", "pair", "serve=1"), "xl list",
                 files={"pair.elf": guest("pair")})
    assert "TEST pair: PASS" in result.out  # the server's word, which is for both
    assert domains(result) == ["Domain-0"]


def test_kit_keeps_its_promises(run, guest):
    assert "TEST kit: PASS" in run(create("kit", "kit"), files={"kit.elf": guest("kit")}).out
