"""Whose work on a host's packages is waited for: the first boot's, and that of whoever holds a lock."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from metal.errors import HostError, HostFault
from metal.host.packages.dnf import Dnf
from metal.host.packages.first_boot import first_boot_ended, judge, parse_status
from metal.host.packages.lock import lock_holder
from metal.waiting import Pending, Run
from tests.unit.metal.host.packages.replay import Replay


@pytest.mark.demand("U37")
@pytest.mark.parametrize(
    ("status", "system", "ended"),
    [("running", "starting", False), ("running", "running", False), ("degraded running", "running", False),
     ("error - running", "running", False), ("not run", "starting", False), ("not started", "initializing", False),
     ("not started", "", False), ("not run", "running", True), ("not started", "degraded", True),
     ("done", "starting", True), ("error", "running", True), ("disabled", "running", True), ("absent", "", True),
     ("unknown", "running", True)],
)  # fmt: skip
def test_a_first_boot_is_waited_for_while_it_runs_or_may_still_come(status: str, system: str, ended: bool) -> None:
    assert judge(status, system) == (True if ended else Pending(f"cloud-init: {status}"))


@pytest.mark.parametrize(
    ("text", "status"),
    [("status: running\nsystem: starting\n", ("running", "starting")), ("status: done", ("done", "")),
     ("\nstatus: error\nsystem: degraded\n", ("error", "degraded")), ("", ("unknown", ""))],
)  # fmt: skip
def test_cloud_inits_status_is_read(text: str, status: tuple[str, str]) -> None:
    assert parse_status(text) == status


def test_the_host_is_asked_for_both(tmp_path: Path) -> None:
    host = Replay(tmp_path)
    host.program("systemctl", "#!/bin/sh\necho starting\nexit 1\n")
    # As cloud-init 22.4 does before its first stage; later ones end with 2 for "recoverable error".
    host.program("cloud-init", "#!/bin/sh\necho\necho 'status: not run'\nexit 2\n")
    assert first_boot_ended(host.ssh) == Pending("cloud-init: not run")
    host.program("systemctl", "#!/bin/sh\necho running\n")
    assert first_boot_ended(host.ssh) is True


def test_a_first_boot_without_an_end_is_named(tmp_path: Path) -> None:
    host = Replay.of("in-place", tmp_path)
    host.program("cloud-init", "#!/bin/sh\necho 'status: running'\n")
    with pytest.raises(HostError, match="cloud-init: running") as caught:
        Dnf(host.ssh).wait_free(Run().deadline(0.5))
    assert caught.value.fault is HostFault.TIMEOUT
    assert "cloud-init status --long" in str(caught.value)


def test_a_pid_file_counts_while_its_process_lives(tmp_path: Path) -> None:
    host = Replay(tmp_path)
    lock = tmp_path / "metadata_lock.pid"
    assert lock_holder(host.ssh, [str(lock)]) is None
    lock.write_text(str(os.getpid()))
    holder = lock_holder(host.ssh, [str(lock)])
    assert holder is not None
    assert holder.startswith(f"pid {os.getpid()} (")
    assert holder.endswith(f"holds {lock}")
    for text in ("", "x", "4194999"):
        lock.write_text(text)
        assert lock_holder(host.ssh, [str(lock)]) is None, text


def test_a_kernel_lock_counts_while_it_is_held(tmp_path: Path) -> None:
    host = Replay(tmp_path)
    path = tmp_path / ".rpm.lock"
    with path.open("w") as lock:
        assert lock_holder(host.ssh, [str(path)]) is None
        fcntl.lockf(lock, fcntl.LOCK_EX)
        assert f"pid {os.getpid()} (" in str(lock_holder(host.ssh, [str(path)]))
    assert lock_holder(host.ssh, [str(path)]) is None


@pytest.mark.demand("U31", "U37")
def test_the_holder_is_named_at_the_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Replay.of("in-place", tmp_path)
    lock = tmp_path / "rpmdb_lock.pid"
    lock.write_text(str(os.getpid()))
    monkeypatch.setattr(Dnf, "locks", (str(lock),))
    with pytest.raises(HostError, match=f"pid {os.getpid()}") as caught:
        Dnf(host.ssh).wait_free(Run().deadline(0.5))
    assert caught.value.fault is HostFault.TIMEOUT
