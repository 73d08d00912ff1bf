# SPDX-License-Identifier: MIT
"""Clients that break the protocol, don't read, or are too many: each is its own problem only."""

import random
import resource
import socket

import pytest

from conftest import (DIRECTORY, HEADER, LIMIT, READ, TRANSACTION_END, WATCH, WRITE, StoreError, wait_for)


@pytest.mark.parametrize("size", [4097, 2**31, 2**32 - 1])
def test_too_long_a_request_closes_only_its_connection(daemon, client, size):
    bad = daemon.client()
    bad.socket.sendall(HEADER.pack(READ, 1, 0, size))
    assert bad.is_closed()
    client.write("/a", "1")


def test_unknown_operations_are_answered(client):
    for op in (0, 20, 99, 2**32 - 1):
        with pytest.raises(StoreError):
            client.ask(op, "/a")
    client.write("/a", "1")


@pytest.mark.parametrize("seed", range(10))
def test_noise(daemon, client, seed):
    noise = random.Random(seed)
    for _ in range(30):
        bad = daemon.client()
        try:
            bad.socket.sendall(noise.randbytes(noise.randrange(1, 20000)))
        except (BrokenPipeError, ConnectionResetError):
            pass
        bad.close()
    client.write("/still", "there")
    assert client.read("/still") == "there"


def test_well_formed_headers_around_noise(daemon, client):
    noise = random.Random(1)
    bad = daemon.client()
    for _ in range(2000):
        payload = noise.randbytes(noise.randrange(60))
        bad.socket.sendall(HEADER.pack(noise.randrange(24), 1, noise.randrange(3), len(payload)) + payload)
        bad.receive()
    bad.close()
    assert client.read("/tool") == ""


def test_requests_may_come_byte_by_byte(client):
    payload = b"/slow\0value"
    for byte in HEADER.pack(WRITE, 9, 0, len(payload)) + payload:
        client.socket.sendall(bytes([byte]))
    assert client.receive().req_id == 9
    assert client.read("/slow") == "value"


def test_a_half_request_goes_with_its_client(daemon, client):
    bad = daemon.client()
    bad.socket.sendall(HEADER.pack(WRITE, 1, 0, 100) + b"/half\0")
    bad.close()
    with pytest.raises(StoreError, match="ENOENT"):
        client.read("/half")


def test_requests_before_the_end_are_answered(client):
    for i in range(100):
        client.send(WRITE, f"/n/{i}", "v", end=b"")
    client.socket.shutdown(socket.SHUT_WR)
    for i in range(100):
        assert client.receive().req_id == i + 1
    assert client.is_closed()


def test_transactions_and_watches_go_with_their_client(daemon, client):
    other = daemon.client()
    other.watch("/a", "t")
    tx = other.start()
    other.write("/a", "1", tx=tx)
    other.close()
    with pytest.raises(StoreError, match="ENOENT"):
        client.read("/a")
    with pytest.raises(StoreError, match="ENOENT"):
        client.ask(TRANSACTION_END, "T", tx=tx)


def stuff(bad, request):
    """Sends requests without reading until no more are taken; returns how many were."""
    bad.socket.settimeout(1)
    count = 0
    try:
        while count < 200000:
            bad.socket.sendall(request)
            count += 1
    except socket.timeout:
        pass
    return count


def test_who_never_reads_replies_is_not_read_from(daemon, client):
    for i in range(150):
        client.write(f"/wide/a-name-of-some-length-{i}", "")
    bad = daemon.client()
    before = daemon.memory()
    payload = b"/wide\0"
    sent = stuff(bad, HEADER.pack(DIRECTORY, 1, 0, len(payload)) + payload)
    assert sent < 200000
    assert daemon.memory() - before < 2048
    client.write("/others", "are served")
    # What it sent is answered as soon as it reads.
    bad.socket.settimeout(LIMIT)
    for _ in range(sent):
        assert bad.receive().op == DIRECTORY
    bad.close()


def test_who_never_reads_events_is_cut_off(daemon, client):
    bad = daemon.client()
    bad.watch("/", "t" * 2000)
    for i in range(3000):
        client.write(f"/node/{i}", "")
    assert bad.is_closed()
    assert "doesn't fetch its watch events" in daemon.log()


def test_a_thousand_clients(daemon):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    clients = [daemon.client() for _ in range(1000)]
    for i, client in enumerate(clients):
        client.watch("/bell", str(i))
    clients[0].write("/bell", "rings")
    for i, client in enumerate(clients):
        assert client.next_event() == ("/bell", str(i))
        client.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_more_clients_than_files(idle_daemon):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    idle_daemon.start()
    pid = idle_daemon.process.pid
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (20, 20))
    clients = [idle_daemon.client() for _ in range(30)]
    clients[0].write("/a", "1")
    wait_for(lambda: "wait until others leave" in idle_daemon.log(), "it says why clients wait")
    for client in clients[:20]:
        client.close()
    for client in clients[20:]:
        assert client.read("/a") == "1"
    idle_daemon.stop()


def test_a_slow_reader_gets_everything(daemon, client):
    """Backpressure holds requests back, it drops none."""
    client.write("/big", "x" * 4000)
    payload = b"/big\0"
    client.socket.sendall(b"".join(HEADER.pack(READ, i, 0, len(payload)) + payload for i in range(1000)))
    for i in range(1000):
        message = client.receive()
        assert (message.op, message.req_id, len(message.payload)) == (READ, i, 4000)
    client.send(WATCH, "/big", "t")
    assert client.receive().payload == b"OK\0"
