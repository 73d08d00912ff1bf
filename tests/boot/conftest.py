# SPDX-License-Identifier: MIT
"""What the whole-machine tests are made of: the fixtures `run` and `machine` start Proxenos through scripts/run.

Everything a machine said is in build/test-logs/<test>.log as long as the test has not passed.
"""

import collections
import os
import re
import subprocess
import sys

import pexpect
import pytest

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(PROJECT, os.environ.get("BUILD", "build"))
LOGS = os.path.join(BUILD, "test-logs")
CACHE = os.environ.get("PROXENOS_CACHE") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "proxenos")
LIMIT = 120  # seconds for one machine, with another test beside it on two cores

# The machines that every test runs on (scripts/run --cpu), unless pytest's --cpu says otherwise.
CPUS = ["svm", "vmx"]
# How many times longer than in QEMU a machine may take.
PATIENCE = {"svm": 1, "vmx": 4, "svm-bochs": 4, "host": 1}
BOCHS = ["vmx", "svm-bochs"]

FAILED = pytest.StashKey()


def pytest_addoption(parser):
    parser.addoption("--soak", action="store_true", help="run repetitions and stresses at full length")
    parser.addoption("--cpu", action="append", choices=PATIENCE,
                     help=f"run on machines with this processor (may be repeated; default: {' '.join(CPUS)})")


def pytest_generate_tests(metafunc):
    if "cpu" in metafunc.fixturenames:
        metafunc.parametrize("cpu", metafunc.config.getoption("--cpu") or CPUS)
    repeat = metafunc.definition.get_closest_marker("repeat")
    if repeat and metafunc.config.getoption("--soak"):
        metafunc.fixturenames.append("repetition")
        metafunc.parametrize("repetition", range(1, repeat.args[0] + 1))


def why_not(item, soaking):
    """Why the test is not run, or None."""
    cpu = item.callspec.params.get("cpu") if hasattr(item, "callspec") else None
    only = item.get_closest_marker("only")
    if cpu and only and cpu not in only.args:
        return only.kwargs["reason"]
    if not soaking and (item.get_closest_marker("soak") or item.get_closest_marker("slow_in_bochs") and cpu in BOCHS):
        return "runs with make soak"
    return None


def pytest_collection_modifyitems(config, items):
    for item in items:
        reason = why_not(item, config.getoption("--soak"))
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        item.stash[FAILED] = True


# status: scripts/run's exit status; out: what the commands printed; err: what scripts/run said of a failure;
# log: all that the machine said.
Result = collections.namedtuple("Result", "status out err log")


def run_command(commands, files, options):
    """scripts/run's command line. Options are its own, with _ for -: smp=2, icount=True, hv_args="loglvl=debug"."""
    command = [sys.executable, os.path.join(PROJECT, "scripts", "run")]
    for name, value in options.items():
        option = "--" + name.replace("_", "-")
        command += [option] if value is True else [option, str(value)]
    for name, path in files.items():
        command += ["--file", f"{name}={path}"]
    for line in commands:
        command += ["--exec", line]
    return command


@pytest.fixture
def log_path(request):
    """A new path for each machine of the test; the files are kept if the test fails."""
    os.makedirs(LOGS, exist_ok=True)
    stem = re.sub(r"[^\w.-]+", "-", f"{request.module.__name__}-{request.node.name}").strip("-")
    paths = []

    def new():
        paths.append(os.path.join(LOGS, f"{stem}.{len(paths) + 1}.log"))
        return paths[-1]

    yield new
    if not request.node.stash.get(FAILED, False):
        for path in paths:
            if os.path.exists(path):
                os.remove(path)


@pytest.fixture
def run(log_path, cpu):
    """run(command, ..., files={name: path}, status=0, option=value...): runs the commands in dom0; returns a Result.

    The test fails if the exit status is another than expected; status=None accepts every one. The limit is what
    QEMU needs, and stretched for others.
    """

    def start(*commands, files={}, status=0, limit=LIMIT, **options):
        log = log_path()
        limit *= PATIENCE[cpu]
        done = subprocess.run(run_command(commands, files, {"cpu": cpu, "limit": limit, "log": log, **options}),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, errors="replace")
        said = open(log, errors="replace").read() if os.path.exists(log) else ""
        result = Result(done.returncode, done.stdout, done.stderr, said)
        if status not in (None, result.status):
            pytest.fail(f"exit status {result.status}; printed:\n{result.out}\n{result.err}", pytrace=False)
        return result

    return start


@pytest.fixture
def machine(log_path, cpu):
    """machine(files={name: path}, option=value...): Proxenos with its console on a pexpect session."""
    sessions = []

    def start(files={}, limit=LIMIT, **options):
        limit *= PATIENCE[cpu]
        command = run_command([], files, {"cpu": cpu, "limit": limit, "log": log_path(), **options})
        sessions.append(pexpect.spawn(command[0], command[1:], timeout=limit, encoding="utf-8", codec_errors="replace"))
        return sessions[-1]

    yield start
    for session in sessions:
        session.close(force=True)


@pytest.fixture
def debian():
    """debian(kind): files of a stock Debian guest, kind being "cloud" or "generic"."""

    def files(kind="cloud"):
        folder = os.path.join(CACHE, "debian")
        return {"vmlinuz": os.path.join(folder, kind, "vmlinuz"), "initrd": os.path.join(folder, "initrd")}

    return files


@pytest.fixture
def guest():
    """guest(name): path of the bare guest built from tests/guests/<name>."""
    return lambda name: os.path.join(BUILD, "guests", name + ".elf")


@pytest.fixture
def soaking(request):
    """Whether this is a long run."""
    return request.config.getoption("--soak")
