# SPDX-License-Identifier: MIT
"""How domains end: by request, by themselves, badly; what on_* makes of it; and that the others don't notice."""

import re

import pytest

from conftest import PATIENCE

CREATE = 'xl create {flags} name={name} kernel=/files/actor memory=32 "extra={extra}" {more}'


def create(extra, flags="", name="a", more=""):
    return CREATE.format(flags=flags, name=name, extra=extra, more=more)


def names(out):
    """The domains of the last xl list in out, with their ids."""
    return {name: int(domid) for name, domid in re.findall(r"^(\S+) +(\d+) +\d+ +\d+     ", out.split("Name  ")[-1], re.M)}


@pytest.fixture
def actor(guest):
    return {"actor": guest("actor")}


def test_shutdown_and_reboot_on_request(run, actor):
    out = run(create("listen"), "sleep 0.5; xl reboot -w a; sleep 0.5; xl list", "xl shutdown -w a; xl list", files=actor).out
    assert "Rebooting domain 1\nDomain 1 has been shut down, reason code 1\n" in out
    assert re.search(r"^a +2 ", out, re.M)
    assert "Shutting down domain 2\nDomain 2 has been shut down, reason code 0\n" in out
    assert names(out) == {"Domain-0": 0}


def test_shutdown_of_all(run, actor):
    out = run(create("listen"), create("listen", name="b"), "sleep 0.5; xl shutdown -aw; xl list", files=actor).out
    assert names(out) == {"Domain-0": 0}


def test_all_are_asked_before_one_is_waited_for(run, actor):
    out = run(create("sleep=1500 poweroff", name="slow"), create("listen"), create("listen", name="b"), "sleep 0.5; xl reboot -aw",
              "sleep 0.5; xl list", files=actor).out
    assert out.index("Rebooting domain 3") < out.index("Domain 1 has been shut down, reason code 0")
    assert "Domain 2 has been shut down, reason code 1\nDomain 3 has been shut down, reason code 1\n" in out
    assert names(out) in ({"Domain-0": 0, "a": 4, "b": 5}, {"Domain-0": 0, "a": 5, "b": 4})


@pytest.mark.parametrize("end, key", [("poweroff", "on_poweroff"), ("reboot", "on_reboot"), ("crash", "on_crash")])
@pytest.mark.parametrize("action", ["destroy", "restart", "rename-restart", "preserve"])
def test_policies(run, actor, end, key, action):
    out = run(create(f"sleep=500 {end}", more=f"{key}={action}"), "sleep 0.8; xl list", files=actor).out
    found = names(out)
    renamed = {name for name in found if re.fullmatch(r"a-\d{8}T\d{6}Z", name)}
    expected = {"destroy": {}, "restart": {"a": 2}, "rename-restart": {"a": 2}, "preserve": {"a": 1}}[action]
    assert {name: domid for name, domid in found.items() if name not in renamed} == {"Domain-0": 0, **expected}
    assert len(renamed) == (action == "rename-restart")


def test_a_rebooting_guest_keeps_its_console(run, actor):
    out = run(create("say=hello sleep=300 reboot", flags="-c", more="on_reboot=restart"), files=actor, limit=8, status=124).out
    assert out.count("hello\n") > 2


def test_a_guest_that_only_reboots_can_be_destroyed(run, actor):
    """Most of the time it is being built again, and has neither number nor name in the store."""
    out = run(create("reboot"), *["sleep 0.1; xl domid a"] * 5, "xl destroy a; xl list", files=actor, icount=True).out
    assert names(out) == {"Domain-0": 0}


@pytest.mark.parametrize("extra, reason", [
    ("triple", "triple fault"),
    ("hole", "guest-physical address 7000000000"),
    ("crash", "its own system said so"),
    ("end=4", "its watchdog was not fed"),
    ("end=5", "it asked for a soft reset"),
])
def test_bad_ends_are_named_and_hurt_nobody(run, actor, extra, reason):
    out = run(create("listen", name="other"), "xl info free_memory", create(f"say=last-words {extra}", flags="-c"), "echo $?",
              "xl list", "xl info free_memory", "xl dmesg", "xl shutdown -w other", files=actor, status=1).out
    assert re.search(rf"last-words\n.*^domain 2 'a' crashed: .*{re.escape(reason)}.*\n1$", out, re.M | re.S)
    assert names(out) == {"Domain-0": 0, "other": 1}
    first, second = re.findall(r"^\d{3,}$", out, re.M)
    assert first == second
    assert "Domain 1 has been shut down, reason code 0" in out


def test_scripts_that_never_wait_let_others_work(run, actor):
    out = run(create("triple"), "; ".join(["xl list"] * 100), "xl list", files=actor).out
    assert names(out) == {"Domain-0": 0}


def test_a_domain_that_suspends_itself_is_kept(run, actor):
    out = run(create("end=2", flags="-c"), "xl list -v", "xl destroy a; xl list", files=actor).out
    assert "domain 1 'a' has suspended itself; it stays until it is destroyed\n" in out
    assert re.search(r"^a +1 .* 2 +-$", out, re.M)
    assert names(out) == {"Domain-0": 0}


def test_unknown_ends_are_refused(run, actor):
    out = run(create("end=6 end=255 end=4294967295", flags="-c"), files=actor).out
    assert out.count("refused: -22\n") == 3


def test_nonsense_in_rings_is_survived(run, actor):
    out = run(create("rings say=still-here", flags="-c"), create("listen", name="b"), "sleep 0.5; xl shutdown -w b; xl list",
              files=actor).out
    assert "wrote nonsense into its console ring" in out
    assert names(out) == {"Domain-0": 0}


def test_pests_hold_up_nobody(run, actor, cpu):
    """Full rings, bells that never stop, and all of the store that a domain may have."""
    out = run(create("pester", name="p"), create("hoard", name="h"), create("flood=1000000000", name="f"), create("listen", name="a"),
              f"sleep {4 * PATIENCE[cpu]}; xl shutdown -w a; xl list", "xl destroy p; xl destroy h; xl destroy f; xl list", files=actor, limit=30).out
    assert "domain 2 has reached its quota of nodes (1000)" in out
    assert "Domain 4 has been shut down, reason code 0\n" in out
    assert re.search("^p .*\nh .*\nf ", out, re.M)
    assert names(out) == {"Domain-0": 0}


def test_wild_pointers_are_answered(run, actor):
    assert "wild pointer: -14\n" in run(create("wild", flags="-c"), files=actor).out


def test_console_output_is_whole(run, actor):
    out = run(create("flood=5000", flags="-c"), files=actor).out
    assert re.findall(r"^line (\d+) of 5000", out, re.M) == [str(i) for i in range(5000)]


def test_log_keeps_what_nobody_watched(run, actor):
    out = run(create("flood=3000 idle"), "sleep 1", "xl destroy a", create("say=early idle", name="b"), "sleep 0.3",
              "xl rename b c; xl list", files=actor).out
    assert "line" not in out and "early" not in out
    assert names(out) == {"Domain-0": 0, "c": 2}
