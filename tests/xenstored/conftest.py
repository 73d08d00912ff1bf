# SPDX-License-Identifier: MIT
"""The store's daemon for Linux hosts, built with sanitizers, and its clients.

The fixture `daemon` serves in a directory of its own and must end cleanly; `client` connects to it.
"""

import collections
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

import pytest

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(PROJECT, os.environ.get("BUILD", "build"))
XENSTORED = os.path.join(BUILD, "sanitized", "xenstored")
LIMIT = 30  # seconds for anything that takes a moment

# Operations of io/xs_wire.h.
(CONTROL, DIRECTORY, READ, GET_PERMS, WATCH, UNWATCH, TRANSACTION_START, TRANSACTION_END, INTRODUCE, RELEASE,
 GET_DOMAIN_PATH, WRITE, MKDIR, RM, SET_PERMS, WATCH_EVENT, ERROR, IS_DOMAIN_INTRODUCED) = range(18)
HEADER = struct.Struct("<IIII")

Message = collections.namedtuple("Message", "op req_id tx_id payload")


def pytest_addoption(parser):
    parser.addoption("--soak", action="store_true", help="run stresses at full length")


class StoreError(Exception):
    """The store's answer was an error; its name is the message."""


class Client:
    """One connection, byte for byte."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(LIMIT)
        self.socket.connect(path)
        self.req_id = 0
        self.events = []

    def close(self):
        self.socket.close()

    def send(self, op, *strings, tx=0, end=b"\0"):
        """A request of strings, each ended by a NUL; `end` goes behind the last one."""
        payload = b"\0".join(s.encode() if isinstance(s, str) else s for s in strings) + end
        self.req_id += 1
        self.socket.sendall(HEADER.pack(op, self.req_id, tx, len(payload)) + payload)

    def receive_bytes(self, count):
        data = b""
        while len(data) < count:
            got = self.socket.recv(count - len(data))
            if not got:
                raise ConnectionResetError("closed by the daemon")
            data += got
        return data

    def receive(self):
        op, req_id, tx_id, size = HEADER.unpack(self.receive_bytes(HEADER.size))
        return Message(op, req_id, tx_id, self.receive_bytes(size))

    def ask(self, op, *strings, tx=0, end=b"\0"):
        """The payload of the answer; events in front of it are kept."""
        self.send(op, *strings, tx=tx, end=end)
        while True:
            message = self.receive()
            if message.op != WATCH_EVENT:
                break
            self.events.append(message.payload)
        assert message.req_id == self.req_id
        if message.op == ERROR:
            raise StoreError(message.payload[:-1].decode())
        assert message.op == op
        return message.payload

    def write(self, path, value, tx=0):
        return self.ask(WRITE, path, value, tx=tx, end=b"")

    def read(self, path, tx=0):
        return self.ask(READ, path, tx=tx).decode()

    def watch(self, path, token):
        self.ask(WATCH, path, token)
        assert self.next_event() == (path, token)

    def next_event(self):
        payload = self.events.pop(0) if self.events else None
        if payload is None:
            message = self.receive()
            assert message.op == WATCH_EVENT
            payload = message.payload
        return tuple(part.decode() for part in payload.split(b"\0")[:-1])

    def start(self):
        return int(self.ask(TRANSACTION_START, "")[:-1])

    def commit(self, tx):
        return self.ask(TRANSACTION_END, "T", tx=tx)

    def is_closed(self):
        """True once the daemon has closed the connection; what it still sent is dropped."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            pass
        return True


class Daemon:
    def __init__(self, folder):
        self.folder = folder
        self.run_dir = os.path.join(folder, "run")
        self.path = os.path.join(self.run_dir, "socket")
        self.environment = {**os.environ, "XENSTORED_RUNDIR": self.run_dir, "UBSAN_OPTIONS": "print_stacktrace=1"}
        self.environment.pop("XENSTORED_PATH", None)
        self.log_path = os.path.join(folder, "log")
        self.process = None

    def start(self, *options):
        """Returns when it serves, with the words it printed."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([XENSTORED, "-N", "-P", *options], stdout=subprocess.PIPE, stderr=log,
                                            env=self.environment)
        printed = self.process.stdout.readline().decode()
        assert printed == f"{self.process.pid}\n", self.log()
        return self

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(LIMIT)
        assert status == 0, self.log()

    def kill(self):
        self.process.kill()
        self.process.wait(LIMIT)

    def run(self, *options, status=1, **environment):
        """Runs the daemon with options that make it end at once; returns what it said."""
        done = subprocess.run([XENSTORED, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT,
                              env={**self.environment, **environment}, text=True)
        assert done.returncode == status, done.stdout
        return done.stdout

    def log(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def memory(self):
        """Its resident memory in KiB."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))

    def client(self):
        return Client(self.path)

    def tool(self, *command, status=0, data=None):
        """Runs one of Debian's xenstore-* tools; returns what it printed."""
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, input=data, timeout=LIMIT,
                              env=self.environment, text=True)
        assert done.returncode == status, done.stdout
        return done.stdout


@pytest.fixture
def idle_daemon():
    """A daemon that is not started, in an empty directory."""
    folder = tempfile.mkdtemp(prefix="xs-")
    daemon = Daemon(folder)
    yield daemon
    if daemon.process and daemon.process.poll() is None:
        daemon.kill()
    shutil.rmtree(folder)


@pytest.fixture
def daemon(idle_daemon):
    idle_daemon.start()
    yield idle_daemon
    idle_daemon.stop()


@pytest.fixture
def client(daemon):
    client = daemon.client()
    yield client
    client.close()


def wait_for(condition, what):
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)
