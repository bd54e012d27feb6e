"""Who is connected to: keys, refusals, restarts, reinstalls, jump hosts, against a real sshd."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest

from metal.errors import Cancelled, HostError, HostFault
from metal.host.ssh import SshPool, fingerprint, link
from metal.settings.credentials import Credentials
from metal.waiting import Run
from tests.unit.metal.host.ssh.loopback_sshd import Sshd, make_key

pytestmark = pytest.mark.root


def _connect(pool: SshPool, server: Sshd, *, seconds: float = 10, **kw: object) -> object:
    return pool.connect(server.access(**kw), deadline=Run().deadline(seconds))  # type: ignore[arg-type]


def test_at_first_contact_the_key_is_told_and_from_then_on_insisted_on(own: Sshd) -> None:
    with SshPool(own.credentials()) as pool:
        ssh = pool.connect(own.access(), deadline=Run().deadline(10))
        first = own.host_key
        assert ssh.host_key == first
        own.stop()
        own.new_host_keys("ed25519")
        own.start()
        with pytest.raises(HostError) as caught:
            ssh.run(["true"])
        assert caught.value.fault is HostFault.HOST_KEY
        with pytest.raises(HostError) as caught:
            _connect(pool, own)
        assert caught.value.fault is HostFault.HOST_KEY

        pool.forget("h1")
        assert pool.connect(own.access(), deadline=Run().deadline(10)).host_key == own.host_key != first


def test_forgetting_a_host_leaves_others_to_go_on_with_the_key_they_know(own: Sshd) -> None:
    with SshPool(own.credentials()) as pool:
        held = pool.connect(own.access(), deadline=Run().deadline(10))
        done: list[str] = []
        busy = threading.Thread(target=lambda: done.append(held.run(["sh", "-c", "sleep 1; echo 1"]).stdout))
        busy.start()
        pool.forget("h1")
        _connect(pool, own)
        busy.join()
        assert [*done, held.run(["echo", "2"]).stdout] == ["1\n", "2\n"]


@pytest.mark.demand("R3")
def test_a_host_at_an_ipv6_address_directly_and_through_a_jump_host_at_one(own: Sshd, tmp_path: Path) -> None:
    server = Sshd.make(tmp_path / "six", address="::1")
    server.start()
    try:
        with SshPool(server.credentials()) as pool:
            ssh = _connect(pool, server, host_key=server.host_key)
            assert ssh.run(["sh", "-c", "echo ${SSH_CONNECTION%% *}"]).stdout == "::1\n"  # type: ignore[attr-defined]
        both = Credentials.from_config({"metalswarm:ssh-test": (own.folder / "login").read_text()}, {})
        (server.folder / "authorized_keys").write_text((own.folder / "login.pub").read_text())
        with SshPool(both) as pool:
            ssh = _connect(pool, own, jump=server.jump())
            assert ssh.run(["echo", "through"]).stdout == "through\n"  # type: ignore[attr-defined]
        server.stop()
        with SshPool(both) as pool, pytest.raises(HostError) as caught:
            _connect(pool, server, seconds=1)
        assert f"root@[::1]:{server.port}" in str(caught.value)
    finally:
        server.stop()


@pytest.mark.demand("R2", "U38")
def test_a_pinned_key_is_verified_and_a_mismatch_is_not_tried_again(own: Sshd, tmp_path: Path) -> None:
    other = make_key(tmp_path / "other")
    with SshPool(own.credentials()) as pool:
        assert pool.connect(own.access(host_key=f"{own.host_key} root@n1"), deadline=Run().deadline(5))
        started = time.monotonic()
        with pytest.raises(HostError) as caught:
            _connect(pool, own, host_key=other, seconds=60)
    assert caught.value.fault is HostFault.HOST_KEY
    assert time.monotonic() - started < 5
    text = str(caught.value)
    assert fingerprint(other) in text
    assert fingerprint(own.host_key) in text


def test_a_pinned_key_of_another_kind_is_a_mismatch_that_names_what_was_seen(own: Sshd, tmp_path: Path) -> None:
    other = make_key(tmp_path / "other", "rsa")
    with SshPool(own.credentials()) as pool, pytest.raises(HostError) as caught:
        _connect(pool, own, host_key=other)
    assert caught.value.fault is HostFault.HOST_KEY
    assert fingerprint(own.host_key) in str(caught.value)


def test_the_pinned_kind_is_asked_for_where_the_host_has_several(sshd: Sshd) -> None:
    with SshPool(sshd.credentials()) as pool:
        ecdsa = sshd.public("ecdsa")
        assert pool.connect(sshd.access(host_key=ecdsa), deadline=Run().deadline(5)).host_key == ecdsa
        assert pool.connect(sshd.access(host_key=sshd.host_key), deadline=Run().deadline(5)).host_key == sshd.host_key


def test_a_pin_that_is_no_key_is_refused_before_anything_is_dialled(sshd: Sshd) -> None:
    with SshPool(sshd.credentials()) as pool, pytest.raises(HostError, match="cannot be used"):
        _connect(pool, sshd, host_key="ssh-ed25519 nonsense")


def test_a_wrong_key_ends_after_a_few_attempts(sshd: Sshd, tmp_path: Path) -> None:
    make_key(tmp_path / "stranger")
    started = time.monotonic()
    with SshPool(sshd.credentials(tmp_path / "stranger")) as pool, pytest.raises(HostError) as caught:
        pool.connect(sshd.access(), deadline=Run().deadline(60), auth_grace=2)
    assert caught.value.fault is HostFault.AUTH
    assert 2 <= time.monotonic() - started < 8
    assert "authorized_keys of 'root'" in str(caught.value)


def test_a_key_that_arrives_late_is_accepted(own: Sshd) -> None:
    allowed = own.folder / "authorized_keys"
    key = allowed.read_text()
    allowed.write_text("")
    timer = threading.Timer(1.5, allowed.write_text, [key])
    timer.start()
    with SshPool(own.credentials()) as pool:
        assert _connect(pool, own, seconds=10)
    timer.join()


@pytest.mark.demand("U38")
def test_a_closed_port_is_dialled_until_the_deadline_and_then_named(own: Sshd) -> None:
    own.stop()
    lines: list[str] = []
    run = Run(progress=lines.append)
    started = time.monotonic()
    with SshPool(own.credentials()) as pool, pytest.raises(HostError) as caught:
        pool.connect(own.access(), deadline=run.deadline(2.5))
    assert caught.value.fault is HostFault.UNREACHABLE
    assert 1 < time.monotonic() - started < 4
    assert "connection refused" in str(caught.value)
    assert lines
    assert all(line.startswith("h1: waiting: SSH answers") for line in lines)


@pytest.mark.demand("U31", "U38")
def test_a_port_that_accepts_and_says_nothing_ends_at_the_deadline(own: Sshd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, SshPool(own.credentials()) as pool:
        own.stop()
        own.port = silent.getsockname()[1]
        started = time.monotonic()
        with pytest.raises(HostError) as caught:
            _connect(pool, own, seconds=2)
    assert caught.value.fault is HostFault.UNREACHABLE
    assert time.monotonic() - started < 4


def test_a_cancel_ends_the_dialling(own: Sshd) -> None:
    own.stop()
    run = Run()
    threading.Timer(0.5, run.cancel.set).start()
    started = time.monotonic()
    with SshPool(own.credentials()) as pool, pytest.raises(Cancelled):
        pool.connect(own.access(), deadline=run.deadline(60))
    assert time.monotonic() - started < 3


@pytest.mark.demand("U38")
def test_a_server_that_comes_late_is_reached(own: Sshd) -> None:
    own.stop()
    timer = threading.Timer(1.0, own.start)
    timer.start()
    with SshPool(own.credentials()) as pool:
        assert _connect(pool, own, seconds=10)
    timer.join()


def test_after_a_restart_the_same_handle_works_again(own: Sshd) -> None:
    with SshPool(own.credentials()) as pool:
        ssh = pool.connect(own.access(), deadline=Run().deadline(10))
        assert ssh.run(["echo", "1"]).stdout == "1\n"
        own.stop()
        own.start()
        assert ssh.run(["echo", "2"]).stdout == "2\n"
        assert own.connections() == 2


def test_a_host_that_dies_under_a_command_is_told_apart_from_one_that_failed_it(own: Sshd) -> None:
    with SshPool(own.credentials()) as pool:
        ssh = pool.connect(own.access(), deadline=Run().deadline(10))
        timer = threading.Timer(0.5, own.stop)
        timer.start()
        with pytest.raises(HostError, match="not known") as caught:
            ssh.run(["sleep", "30"])
        timer.join()
    assert caught.value.fault is HostFault.UNREACHABLE


def test_many_hosts_behind_a_jump_host_share_one_login_there(sshd: Sshd, own: Sshd, tmp_path: Path) -> None:
    (own.folder / "authorized_keys").write_text((sshd.folder / "login.pub").read_text())
    before = sshd.connections()
    with SshPool(sshd.credentials()) as pool:
        first = pool.connect(own.access(jump=sshd.jump()), deadline=Run().deadline(10))
        assert first.host_key == own.host_key
        assert first.run(["echo", "through"]).stdout == "through\n"
        far = own.access(jump=sshd.jump(sshd.host_key))
        second = pool.connect(type(far)(**{**vars(far), "host": "h2"}), deadline=Run().deadline(10))
        assert second.run(["echo", "too"]).stdout == "too\n"
    assert sshd.connections() - before == 1
    assert own.connections() == 2


def test_a_jump_host_with_another_key_is_refused_by_its_own_name(sshd: Sshd, own: Sshd, tmp_path: Path) -> None:
    jump = sshd.jump(make_key(tmp_path / "other"))
    with SshPool(sshd.credentials()) as pool, pytest.raises(HostError) as caught:
        _connect(pool, own, jump=jump, seconds=30)
    assert caught.value.fault is HostFault.HOST_KEY
    assert "jump host 127.0.0.1" in str(caught.value)


def test_a_host_that_the_jump_host_cannot_reach_is_unreachable(sshd: Sshd, own: Sshd) -> None:
    own.stop()
    with SshPool(sshd.credentials()) as pool, pytest.raises(HostError) as caught:
        _connect(pool, own, jump=sshd.jump(), seconds=2)
    assert caught.value.fault is HostFault.UNREACHABLE
    assert "jump host could not connect" in str(caught.value)


def test_a_closed_pool_leaves_no_thread_and_takes_no_more_work(sshd: Sshd) -> None:
    pool = SshPool(sshd.credentials())
    assert not [thread for thread in threading.enumerate() if thread.name == "metalswarm-ssh"], "started lazily"
    ssh = pool.connect(sshd.access(), deadline=Run().deadline(10))
    pool.close()
    pool.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "metalswarm-ssh"]
    with pytest.raises(RuntimeError, match="closed"):
        ssh.run(["true"])


def test_a_host_that_falls_silent_is_noticed_under_a_command(own: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "_KEEPALIVE_SECONDS", 0.3)
    with SshPool(own.credentials()) as pool:
        ssh = pool.connect(own.access(), deadline=Run().deadline(10))
        timer = threading.Timer(0.5, own.freeze)
        timer.start()
        started = time.monotonic()
        with pytest.raises(HostError) as caught:
            ssh.run(["sleep", "30"], timeout=30)
        assert caught.value.fault is HostFault.UNREACHABLE
        assert time.monotonic() - started < 5
        timer.join()
