# SPDX-License-Identifier: MIT
"""Debian's own clients, unmodified: the xenstore-* tools (and with them libxenstore) and pyxs."""

import subprocess

import pytest
import pyxs


@pytest.fixture
def pyxs_client(daemon):
    with pyxs.Client(unix_socket_path=daemon.path) as client:
        yield client


# ---- the tools ----

def test_write_and_read(daemon):
    daemon.tool("xenstore-write", "/a/b", "hello", "/a/c", "two words")
    assert daemon.tool("xenstore-read", "/a/b", "/a/c") == "hello\ntwo words\n"
    assert daemon.tool("xenstore-read", "-p", "/a/b") == "/a/b: hello\n"


def test_read_of_a_missing_node_fails(daemon):
    assert "couldn't read path /missing" in daemon.tool("xenstore-read", "/missing", status=1)


def test_binary_values(daemon):
    daemon.tool("xenstore-write", "/binary", r"\x01\x00\xff\\")
    assert daemon.tool("xenstore-read", "/binary") == "\\001\\000\\xff\\\\\n"


def test_list_and_ls(daemon):
    daemon.tool("xenstore-write", "/tree/a/deep", "1", "/tree/b", "2")
    assert daemon.tool("xenstore-list", "/tree") == "a\nb\n"
    assert daemon.tool("xenstore-ls", "/tree") == 'a = ""\n deep = "1"\nb = "2"\n'
    assert daemon.tool("xenstore-ls", "-f", "/tree") == '/tree/a = ""\n/tree/a/deep = "1"\n/tree/b = "2"\n'


def test_exists_and_rm(daemon):
    daemon.tool("xenstore-write", "/gone/soon", "1")
    daemon.tool("xenstore-exists", "/gone/soon")
    daemon.tool("xenstore-rm", "/gone/soon")
    daemon.tool("xenstore-exists", "/gone/soon", status=1)
    daemon.tool("xenstore-exists", "/gone")


def test_rm_tidies_empty_parents(daemon):
    daemon.tool("xenstore-write", "/one/two/three", "1", "/one/stays", "1")
    daemon.tool("xenstore-rm", "-t", "/one/two/three")
    assert daemon.tool("xenstore-list", "/one") == "stays\n"


def test_chmod(daemon):
    daemon.tool("xenstore-write", "/perms/below", "1")
    daemon.tool("xenstore-chmod", "-r", "/perms", "n0", "r5", "b6")
    assert daemon.tool("xenstore-ls", "-fp", "/perms").split() == [
        "/perms/below", "=", '"1"', "(n0,r5,b6)"]


def test_more_names_than_fit_one_reply(daemon, client):
    names = [f"a-long-name-for-a-node-{i:04}" for i in range(1000)]
    for name in names:
        client.write(f"/many/{name}", "")
    assert daemon.tool("xenstore-list", "/many").split() == names


def test_watch(daemon):
    watch = subprocess.Popen(["stdbuf", "-oL", "xenstore-watch", "-n", "3", "/w"], stdout=subprocess.PIPE,
                             env=daemon.environment, text=True)
    assert watch.stdout.readline() == "/w\n"
    daemon.tool("xenstore-write", "/w/x", "1")
    daemon.tool("xenstore-rm", "/w/x")
    assert watch.communicate(timeout=30)[0] == "/w/x\n/w/x\n"
    assert watch.returncode == 0


# ---- pyxs ----

def test_pyxs_nodes(pyxs_client):
    pyxs_client[b"/p/q"] = b"value"
    assert pyxs_client[b"/p/q"] == b"value"
    assert pyxs_client.exists(b"/p")
    assert not pyxs_client.exists(b"/nowhere")
    assert pyxs_client.list(b"/p") == [b"q"]
    pyxs_client.mkdir(b"/p/r")
    assert sorted(pyxs_client.list(b"/p")) == [b"q", b"r"]
    pyxs_client.delete(b"/p")
    with pytest.raises(pyxs.PyXSError):
        pyxs_client.read(b"/p/q")


def test_pyxs_permissions(pyxs_client):
    pyxs_client.write(b"/perms", b"")
    pyxs_client.set_perms(b"/perms", [b"b0", b"r7"])
    assert pyxs_client.get_perms(b"/perms") == [b"b0", b"r7"]


def test_pyxs_domains(pyxs_client, monkeypatch):
    monkeypatch.setattr(pyxs.Client, "SU", True)  # it asks /proc/xen whether this is a toolstack's machine
    assert pyxs_client.get_domain_path(7) == b"/local/domain/7"
    assert not pyxs_client.is_domain_introduced(7)
    pyxs_client.introduce_domain(7, 1234, 5)
    assert pyxs_client.is_domain_introduced(7)
    pyxs_client.release_domain(7)
    assert not pyxs_client.is_domain_introduced(7)


def test_pyxs_transactions(daemon, pyxs_client):
    pyxs_client.write(b"/counter", b"1")
    pyxs_client.transaction()
    pyxs_client.write(b"/counter", b"2")
    with pyxs.Client(unix_socket_path=daemon.path) as other:
        assert other.read(b"/counter") == b"1"
        assert pyxs_client.commit()
        assert other.read(b"/counter") == b"2"

        pyxs_client.transaction()
        pyxs_client.write(b"/copy", pyxs_client.read(b"/counter"))
        other.write(b"/counter", b"3")
        assert not pyxs_client.commit()
        assert not other.exists(b"/copy")


def test_pyxs_monitor(daemon, pyxs_client):
    with pyxs.Client(unix_socket_path=daemon.path) as watcher:
        with watcher.monitor() as monitor:
            monitor.watch(b"/watched", b"token")
            events = monitor.wait(unwatched=False)
            assert next(events) == (b"/watched", b"token")
            pyxs_client.write(b"/watched/below", b"1")
            assert next(events) == (b"/watched/below", b"token")
            monitor.unwatch(b"/watched", b"token")
