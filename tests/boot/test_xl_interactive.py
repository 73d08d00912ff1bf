# SPDX-License-Identifier: MIT
"""dom0 as a person meets it: the prompt and its keys, a guest's console, on the serial line and with a keyboard."""

import re
import time

import pytest

PROMPT = "dom0# "
CREATE = 'xl create {flags} name={name} kernel=/files/actor memory=32 "extra={extra}"'


@pytest.fixture
def session(machine, guest):
    session = machine(files={"actor": guest("actor"), "notes.txt": __file__})
    session.timeout = 20
    session.expect_exact(PROMPT)
    return session


def expect_line(session, text, timeout=-1):
    """The text on a line of its own; terminals put as many CR before LF as they like."""
    session.expect(rf"\n{re.escape(text)}\r*\n", timeout=timeout)


def test_keys_edit_and_recall(session):
    session.send("echx one\x1b[D\x1b[D\x1b[D\x1b[D\x7fo\x05!\r")
    expect_line(session, "one!")
    session.expect_exact(PROMPT)
    session.send("\x1b[A\x17two\r")
    expect_line(session, "two")
    session.expect_exact(PROMPT)
    session.send("garbage\x15echo three\r")
    expect_line(session, "three")


def test_tab_completes(session):
    session.send(CREATE.format(flags="-p", name="somebody", extra="idle") + "\r")
    session.expect_exact(PROMPT)
    session.send("xl domi\tsome\t\r")
    expect_line(session, "1")
    session.send("ca\tno\t\x15cat /files/no\t\r")
    session.expect_exact("dom0 as a person meets it")
    session.expect_exact(PROMPT)
    session.send("xl d\t")
    session.expect_exact("destroy  dmesg    domid    domname")


def test_ctrl_c_stops_what_waits(session):
    session.send("sleep 1000; echo status $?\r")
    time.sleep(1)
    session.send("\x03")
    expect_line(session, "status 130", timeout=5)
    session.send(CREATE.format(flags="", name="deaf", extra="idle") + "; xl shutdown -w deaf\r")
    session.expect_exact("Shutting down domain 1")
    session.send("\x03")
    session.expect_exact(PROMPT, timeout=5)


def test_typing_ahead_is_kept(session):
    session.send("sleep 1\recho ahead\r")
    expect_line(session, "ahead", timeout=5)


def test_console_session(session):
    session.send(CREATE.format(flags="-c", name="a", extra="say=ready echo say=done sleep=2000 poweroff") + "\r")
    expect_line(session, "ready")
    session.send("xy\x03")
    session.expect_exact("<x><y><\x03>")
    session.send("\x1d")
    session.expect_exact(PROMPT, timeout=5)
    session.send("xl console a\r")
    time.sleep(0.5)
    session.send("zq")
    session.expect_exact("<z>")
    expect_line(session, "done")
    session.expect_exact(PROMPT, timeout=10)
    session.send("xl console a\r")
    session.expect_exact("there is no domain called 'a'")


def test_leaving_and_destroying_a_dead_domain(session):
    """The toolstack waits for a session to show a dead domain's last words. Here the person leaves it and destroys the domain."""
    session.send(CREATE.format(flags="-c", name="a", extra="flood=500 poweroff") + "; xl destroy a; xl list\r")
    session.expect_exact("line 20 of 500")
    session.send("\x1d")
    session.expect_exact(PROMPT)
    assert "line 499 of 500" not in session.before
    session.send("echo still here\r")
    expect_line(session, "still here")


def test_log_is_shown_on_request(session):
    session.send(CREATE.format(flags="", name="a", extra="say=early-words sleep=100000") + "\r")
    session.expect_exact(PROMPT)
    time.sleep(1)
    session.send("xl console --log a\r")
    session.expect_exact("early-words")
    session.send("\x1d")
    session.expect_exact(PROMPT, timeout=5)


def test_notices_leave_the_line_alone(session):
    session.send(CREATE.format(flags="", name="a", extra="sleep=1500 crash") + "\r")
    session.expect_exact(PROMPT)
    session.send("echo unfin")
    session.expect_exact("domain 1 'a' crashed: its own system said so")
    session.expect_exact(PROMPT + "echo unfin")
    session.send("ished\r")
    expect_line(session, "unfinished")


def test_reboot_restarts_the_machine(session):
    session.send("reboot\r")
    assert session.wait() is not None  # the emulator is told to end where a machine would start again


def test_background_guest_does_not_hold_up_the_prompt(session):
    session.send(CREATE.format(flags="", name="noisy", extra="flood=100000000") + "\r")
    session.expect_exact(PROMPT)
    start = time.monotonic()
    session.send("echo quick\r")
    expect_line(session, "quick", timeout=5)
    assert time.monotonic() - start < 5



def monitor(session, *commands):
    """Runs commands of QEMU's monitor, which Ctrl-a c reaches on the same terminal."""
    session.send("\x01c")
    session.expect_exact("(qemu) ")
    for command in commands:
        session.send(command + "\r")
        session.expect_exact("(qemu) ")
    session.send("\x01c")


def screen_text(session, path):
    """The rows of the VGA text screen."""
    monitor(session, f'pmemsave 0xb8000 4000 "{path}"')
    for _ in range(50):
        if path.exists() and path.stat().st_size == 4000:
            break
        time.sleep(0.1)
    cells = path.read_bytes()[::2].decode("latin-1")
    return [cells[start:start + 80].rstrip() for start in range(0, 2000, 80)]


@pytest.mark.only("svm", reason="Bochs has no monitor that could press keys")
def test_screen_and_keyboard(machine, tmp_path):
    session = machine(display="none")
    session.timeout = 20
    session.expect_exact(PROMPT)
    keys = ["e", "c", "h", "o", "spc", "shift-h", "i", "x", "backspace", "shift-1", "left", "left", "minus", "end", "ret"]
    monitor(session, *[f"sendkey {key}" for key in keys])
    expect_line(session, "H-i!")
    session.expect_exact(PROMPT)
    session.send("echo from the line\r")
    expect_line(session, "from the line")
    monitor(session, "sendkey up")
    session.expect_exact(PROMPT + "echo from the line")
    rows = screen_text(session, tmp_path / "screen")
    assert [row for row in rows if row][-5:] == [
        "dom0# echo H-i!", "H-i!", "dom0# echo from the line", "from the line", "dom0# echo from the line"]
