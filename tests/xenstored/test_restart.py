# SPDX-License-Identifier: MIT
"""Restarts: what a client was told survives SIGKILL and a start, and a re-execution that no client notices."""

import os
import random
import signal
import threading
import time

import pytest

from conftest import (DIRECTORY, HEADER, INTRODUCE, IS_DOMAIN_INTRODUCED, READ, RM, SET_PERMS, WATCH,
                      WRITE, StoreError, wait_for)


def restart(daemon, *options):
    daemon.kill()
    daemon.start(*options)


def reexecute(daemon):
    before = daemon.log().count("went on as this program")
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: daemon.log().count("went on as this program") > before, "it goes on")


def state_path(daemon):
    return os.path.join(daemon.run_dir, "state")


# ---- SIGKILL and a start ----

def test_nodes_permissions_and_domains_survive(daemon):
    client = daemon.client()
    client.write("/a/b", "value")
    client.ask(SET_PERMS, "/a/b", "n3", "r5")
    client.ask(INTRODUCE, "7", "1", "1")
    client.write("/gone", "1")
    client.ask(RM, "/gone")
    restart(daemon)
    client = daemon.client()
    assert client.read("/a/b") == "value"
    assert daemon.tool("xenstore-ls", "-fp", "/a").split() == ["/a/b", "=", '"value"', "(n3,r5)"]
    assert client.ask(IS_DOMAIN_INTRODUCED, "7") == b"T\0"
    with pytest.raises(StoreError, match="ENOENT"):
        client.read("/gone")


def test_a_transaction_survives_whole_or_not_at_all(daemon):
    client = daemon.client()
    done, open_one = client.start(), client.start()
    for i in range(10):
        client.write(f"/done/{i}", "1", tx=done)
        client.write(f"/open/{i}", "1", tx=open_one)
    client.commit(done)
    restart(daemon)
    client = daemon.client()
    assert len(client.ask(DIRECTORY, "/done").split(b"\0")) == 11
    with pytest.raises(StoreError, match="ENOENT"):
        client.read("/open")


def test_it_survives_an_orderly_end_too(idle_daemon):
    idle_daemon.start()
    idle_daemon.client().write("/a", "1")
    idle_daemon.stop()
    idle_daemon.start()
    assert idle_daemon.client().read("/a") == "1"
    idle_daemon.stop()


def test_nothing_is_kept_if_nothing_should_be(idle_daemon):
    idle_daemon.start("--internal-db")
    idle_daemon.client().write("/a", "1")
    assert not os.path.exists(state_path(idle_daemon))
    restart(idle_daemon, "--internal-db")
    with pytest.raises(StoreError, match="ENOENT"):
        idle_daemon.client().read("/a")
    idle_daemon.stop()


def test_the_file_does_not_grow_for_ever(daemon):
    client = daemon.client()
    for i in range(4000):
        client.write("/same", "x" * 2000)
    assert os.path.getsize(state_path(daemon)) < 2 << 20
    restart(daemon)
    assert len(daemon.client().read("/same")) == 2000


def test_a_change_that_was_not_complete_never_happened(daemon):
    client = daemon.client()
    client.write("/a", "told")
    size = os.path.getsize(state_path(daemon))
    client.write("/a", "almost")
    daemon.kill()
    os.truncate(state_path(daemon), os.path.getsize(state_path(daemon)) - 1)
    daemon.start()
    assert daemon.client().read("/a") == "told"
    assert "last change is not complete" in daemon.log()
    assert os.path.getsize(state_path(daemon)) <= size


@pytest.mark.parametrize("where", [2, 5, 9, 17, 40, -3])
def test_damage_is_refused_and_named(idle_daemon, where):
    idle_daemon.start()
    idle_daemon.client().write("/a", "1")
    idle_daemon.stop()
    with open(state_path(idle_daemon), "r+b") as file:
        file.seek(where, os.SEEK_SET if where >= 0 else os.SEEK_END)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 0x55]))
    assert f"{state_path(idle_daemon)}: damaged at byte" in idle_daemon.run("-N")
    os.remove(state_path(idle_daemon))
    idle_daemon.start()
    idle_daemon.stop()


def test_a_full_disk_is_the_answer_to_a_change(idle_daemon):
    """A limit on the file's size stands for the disk's end."""
    import resource
    idle_daemon.start()
    client = idle_daemon.client()
    client.write("/a", "before")
    resource.prlimit(idle_daemon.process.pid, resource.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))
    with pytest.raises(StoreError, match="ENOSPC|EIO"):
        for i in range(100):
            client.write(f"/fill/{i}", "x" * 1000)
    refused = i
    assert "a change cannot be kept, and is refused" in idle_daemon.log()
    resource.prlimit(idle_daemon.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    with pytest.raises(StoreError, match="ENOENT"):
        client.read(f"/fill/{refused}")
    client.write("/a", "after")
    restart(idle_daemon)
    client = idle_daemon.client()
    assert client.read("/a") == "after"
    assert len(client.ask(DIRECTORY, "/fill").split(b"\0")) == refused + 1
    idle_daemon.stop()


# ---- re-execution ----

def test_clients_keep_watches_transactions_and_half_requests(daemon):
    client, other = daemon.client(), daemon.client()
    client.watch("/a", "token")
    tx = client.start()
    client.write("/t", "1", tx=tx)
    payload = b"/half\0value"
    request = HEADER.pack(WRITE, 77, 0, len(payload)) + payload
    other.socket.sendall(request[:20])
    reexecute(daemon)
    other.socket.sendall(request[20:])
    assert other.receive().req_id == 77
    assert other.read("/half") == "value"
    other.write("/a/b", "1")
    assert client.next_event() == ("/a/b", "token")
    # Its snapshot is gone with the former program: as after a conflict, it begins again.
    with pytest.raises(StoreError, match="EAGAIN"):
        client.commit(tx)
    assert client.start() > tx


def test_unread_replies_and_events_are_not_lost(daemon):
    client, other = daemon.client(), daemon.client()
    client.write("/big", "x" * 4000)
    client.watch("/w", "token")
    payload = b"/big\0"
    client.socket.sendall(b"".join(HEADER.pack(READ, i, 0, len(payload)) + payload for i in range(300)))
    for i in range(300):
        other.write(f"/w/{i}", "")
    reexecute(daemon)
    replies, events = [], []
    while len(replies) < 300 or len(events) < 300:
        message = client.receive()
        if message.op == READ:
            assert len(message.payload) == 4000
            replies.append(message.req_id)
        else:
            events.append(message.payload)
    assert replies == list(range(300))
    assert events == [f"/w/{i}\0token\0".encode() for i in range(300)]


def test_it_stays_the_same_process_with_its_lock_and_files(daemon):
    reexecute(daemon)
    files = os.listdir(f"/proc/{daemon.process.pid}/fd")
    reexecute(daemon)
    assert f"in use by another xenstored, process {daemon.process.pid}" in daemon.run("-N")
    daemon.tool("xenstore-write", "/a", "1")
    reexecute(daemon)
    wait_for(lambda: len(os.listdir(f"/proc/{daemon.process.pid}/fd")) == len(files), "no file is left open")
    restart(daemon)
    assert daemon.client().read("/a") == "1"


def test_in_the_background_too(idle_daemon):
    pid_file = os.path.join(idle_daemon.folder, "pid")
    idle_daemon.run("--pid-file", pid_file, "--internal-db", status=0)
    pid = int(open(pid_file).read())
    client = idle_daemon.client()
    client.watch("/a", "t")
    for i in range(5):
        os.kill(pid, signal.SIGHUP)
        idle_daemon.tool("xenstore-write", f"/a/{i}", "1")
        assert client.next_event() == (f"/a/{i}", "t")
    os.kill(pid, signal.SIGTERM)
    assert client.is_closed()
    wait_for(lambda: not os.path.exists(pid_file), "the pid file goes with the daemon")


# ---- under load ----

class Worker(threading.Thread):
    """A client that counts in a node of its own and watches a neighbour's; it connects again when it must.

    What it was told is what must be there: `told` is the last number acknowledged. Of its neighbour's numbers it
    must see the last one at the end, whatever was lost in between: a watch that is registered again fires.
    """

    def __init__(self, daemon, number, count):
        super().__init__()
        self.daemon, self.number, self.count = daemon, number, count
        self.told, self.seen, self.reconnections, self.problems = 0, 0, 0, []
        self.ending = threading.Event()
        self.client = None

    def mine(self):
        return f"/count/{self.number}"

    def neighbours(self):
        return f"/count/{(self.number + 1) % self.count}"

    def connect(self):
        while True:
            try:
                self.client = self.daemon.client()
                self.client.ask(WATCH, self.neighbours(), "t")
                return
            except OSError:
                self.client = None
                time.sleep(0.01)

    def look(self):
        """What the store says must be what it was told, or the one write that it wasn't told of any more."""
        now = int(self.client.read(self.mine())) if self.told else 0
        if now not in (self.told, self.told + 1):
            self.problems.append(f"{self.mine()} is {now}, told {self.told}")

    def take_events(self):
        while self.client.events:
            self.client.events.pop(0)
            try:
                self.seen = int(self.client.read(self.neighbours()))
            except StoreError:
                pass

    def step(self):
        value = str(self.told + 1)
        if self.told % 2:
            tx = self.client.start()
            self.client.write(self.mine(), value, tx=tx)
            self.client.write(self.mine() + "/copy", value, tx=tx)
            try:
                self.client.commit(tx)
            except StoreError as error:
                assert str(error) in ("EAGAIN", "ENOENT")
                return
        else:
            self.client.write(self.mine(), value)
        self.told += 1
        self.take_events()

    def run(self):
        self.connect()
        while not self.ending.is_set():
            try:
                self.step()
            except OSError:
                self.reconnections += 1
                self.connect()
                try:
                    self.look()
                except OSError:
                    continue
            except Exception as error:  # pylint: disable=broad-except
                self.problems.append(repr(error))
                return

    def finish(self):
        """When all have stopped: what is there, and whether the last change of the neighbour was told."""
        self.client.ask(READ, "/")
        self.take_events()
        self.look()


def work_through(daemon, rounds, disturb):
    workers = [Worker(daemon, i, 4) for i in range(4)]
    for worker in workers:
        worker.start()
    for _ in range(rounds):
        before = [worker.told for worker in workers]
        wait_for(lambda: all(w.told > b for w, b in zip(workers, before)) or any(w.problems for w in workers),
                 "all go on")
        disturb()
    for worker in workers:
        worker.ending.set()
    for worker in workers:
        worker.join()
    for worker in workers:
        assert not worker.problems
        worker.finish()
        assert not worker.problems
    for worker in workers:
        assert worker.seen == int(worker.client.read(worker.neighbours()))
    return workers


def test_killing_and_starting_loses_nothing_of_four_clients(daemon, request):
    chance = random.Random(4)

    def disturb():
        time.sleep(chance.random() / 20)
        restart(daemon)

    workers = work_through(daemon, 200 if request.config.getoption("--soak") else 20, disturb)
    assert sum(worker.reconnections for worker in workers) >= 20


def test_reexecution_is_not_noticed_by_four_clients(daemon, request):
    chance = random.Random(4)

    def disturb():
        time.sleep(chance.random() / 20)
        reexecute(daemon)

    workers = work_through(daemon, 200 if request.config.getoption("--soak") else 20, disturb)
    assert not any(worker.reconnections for worker in workers)
