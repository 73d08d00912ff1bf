# SPDX-License-Identifier: MIT
"""The daemon as a program: options, errors, the background, signals."""

import os
import signal
import socket
import stat
import subprocess
import sys

import pytest

from conftest import XENSTORED, wait_for


def test_help_and_version(idle_daemon):
    text = idle_daemon.run("--help", status=0)
    for option in ("--no-fork", "--pid-file", "--quota", "XENSTORED_PATH"):
        assert option in text
    assert idle_daemon.run("--version", status=0).startswith("xenstored of Proxenos")


@pytest.mark.parametrize("options", [["--nonsense"], ["word"], ["-Q", "nodes"], ["-Q", "noodles=1"], ["-E", "x"],
                                     ["-E", "99999999999"], ["-q", "nodes=1"]])
def test_wrong_options_are_usage_errors(idle_daemon, options):
    assert options[-1].lstrip("-") in idle_daemon.run(*options, status=2)
    assert not os.path.exists(idle_daemon.run_dir)


def test_only_root_may_connect(daemon):
    assert stat.S_IMODE(os.stat(daemon.path).st_mode) == 0o600


NOBODY = ["setpriv", "--reuid=65534", "--clear-groups"]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@as_root
def test_a_user_without_rights_is_not_let_in(daemon):
    os.chmod(daemon.folder, 0o755)
    connect = f"import socket; socket.socket(socket.AF_UNIX).connect({daemon.path!r})"
    subprocess.run([sys.executable, "-c", connect], check=True)
    denied = subprocess.run([*NOBODY, sys.executable, "-c", connect], stderr=subprocess.PIPE, text=True)
    assert "Permission denied" in denied.stderr


def test_the_socket_may_be_elsewhere(idle_daemon):
    idle_daemon.path = os.path.join(idle_daemon.folder, "elsewhere")
    idle_daemon.environment["XENSTORED_PATH"] = idle_daemon.path
    idle_daemon.start()
    idle_daemon.tool("xenstore-write", "/a", "1")
    assert idle_daemon.client().read("/a") == "1"
    idle_daemon.stop()


def test_in_the_background_it_serves_before_the_command_ends(idle_daemon):
    pid_file = os.path.join(idle_daemon.folder, "pid")
    printed = idle_daemon.run("--pid-file", pid_file, "--output-pid", status=0)
    pid = int(open(pid_file).read())
    assert printed == f"{pid}\n"
    client = idle_daemon.client()
    client.write("/a", "1")
    assert os.getsid(pid) != os.getsid(0)
    os.kill(pid, signal.SIGTERM)
    assert client.is_closed()
    wait_for(lambda: not os.path.exists(pid_file), "the pid file goes with the daemon")
    assert not os.path.exists(idle_daemon.path)


def test_a_second_daemon_is_refused_and_told_of_the_first(daemon):
    for options in ([], ["-N"]):
        assert f"in use by another xenstored, process {daemon.process.pid}" in daemon.run(*options)
    daemon.tool("xenstore-ls")


def test_a_socket_of_another_daemon_is_left_alone(idle_daemon):
    os.mkdir(idle_daemon.run_dir)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(idle_daemon.path)
        other.listen()
        assert "another daemon listens there" in idle_daemon.run("-N")
    # Nobody listens now: the socket is only a remnant.
    idle_daemon.start()
    idle_daemon.stop()


def test_what_is_no_socket_is_left_alone(idle_daemon):
    os.mkdir(idle_daemon.run_dir)
    with open(idle_daemon.path, "w") as file:
        file.write("precious")
    assert "isn't a socket" in idle_daemon.run("-N")
    assert open(idle_daemon.path).read() == "precious"


@pytest.mark.parametrize("directory, why", [("/nowhere/at/all", "No such file or directory"),
                                            ("/proc", "cannot open the lock file"), ("/" + "x" * 5000, "too long")])
def test_unusable_directories(idle_daemon, directory, why):
    status = 2 if why == "too long" else 1
    assert why in idle_daemon.run(status=status, XENSTORED_RUNDIR=directory)


@as_root
def test_without_rights_it_says_so(idle_daemon):
    os.chmod(idle_daemon.folder, 0o755)
    done = subprocess.run([*NOBODY, XENSTORED, "-N"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env=idle_daemon.environment, text=True)
    assert done.returncode == 1
    assert f"{idle_daemon.run_dir}: cannot make this directory: Permission denied" in done.stdout


def test_a_socket_path_can_be_too_long(idle_daemon):
    assert "at most 107 characters" in idle_daemon.run(XENSTORED_PATH=idle_daemon.folder + "/" + "x" * 100)


def test_an_unwritable_pid_file_is_an_error(idle_daemon):
    assert "cannot write the pid file" in idle_daemon.run("--pid-file", "/nowhere/pid")


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_cleanly(idle_daemon, which):
    idle_daemon.start()
    client = idle_daemon.client()
    client.watch("/a", "t")
    idle_daemon.process.send_signal(which)
    assert idle_daemon.process.wait(30) == 0
    assert client.is_closed()
    assert not os.path.exists(idle_daemon.path)
