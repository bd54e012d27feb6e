"""Commands, scripts and files against a real sshd."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from pathlib import Path

import pytest

from metal.errors import Cancelled, HostError, HostFault
from metal.host.ssh import Ssh, SshPool
from metal.waiting import Run
from tests.unit.metal.host.ssh.loopback_sshd import Sshd

pytestmark = pytest.mark.root


def _running(marker: str) -> list[str]:
    return subprocess.run(["pgrep", "-f", marker], capture_output=True, text=True).stdout.split()


def test_arguments_arrive_as_they_are(ssh: Ssh) -> None:
    odd = ["a b", "$HOME", "it's", "", "*", "line\nline", "ümlaut"]
    done = ssh.run(["printf", "<%s>", *odd])
    assert done.stdout == "".join(f"<{word}>" for word in odd)


def test_the_locale_is_c(ssh: Ssh) -> None:
    assert "LC_ALL=C\n" in ssh.run(["env"]).stdout


def test_a_failure_shows_command_status_and_output_but_no_input(ssh: Ssh) -> None:
    with pytest.raises(HostError) as caught:
        ssh.run(["sh", "-c", "echo out; echo cause >&2; exit 3"], stdin="s3cret")
    text = str(caught.value)
    assert caught.value.fault is HostFault.COMMAND
    assert all(word in text for word in ("h1:", "status 3", "stderr: cause", "stdout: out", "exit 3"))
    assert "s3cret" not in text
    assert ssh.run(["false"], check=False).rc == 1


def test_a_command_that_a_signal_ended_has_not_succeeded(ssh: Ssh) -> None:
    assert ssh.run(["sh", "-c", "kill -9 $$"], check=False).rc != 0


def test_a_timeout_ends_the_process_on_the_host_with_its_children(ssh: Ssh) -> None:
    started = time.monotonic()
    with pytest.raises(HostError) as caught:
        ssh.run(["sh", "-c", "sleep 4711.1 & sleep 4711.1; wait"], timeout=1)
    assert caught.value.fault is HostFault.TIMEOUT
    assert time.monotonic() - started < 60
    assert _running("sleep 4711.1") == []


def test_a_cancel_ends_the_wait_and_the_process(sshd: Sshd, pool: SshPool) -> None:
    run = Run()
    ssh = pool.connect(sshd.access(), deadline=run.deadline(10))
    timer = threading.Timer(0.5, run.cancel.set)
    timer.start()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        ssh.run(["sleep", "4711.2"])
    assert time.monotonic() - started < 60
    assert _running("sleep 4711.2") == []
    timer.join()


def test_input_and_output_of_several_megabytes_pass_at_once(ssh: Ssh) -> None:
    data = os.urandom(6_000_000)
    assert ssh.run(["cat"], stdin=data).raw == data


def test_endless_output_is_stopped(ssh: Ssh) -> None:
    with pytest.raises(HostError, match="more than 32 MiB"):
        ssh.run(["cat", "/dev/zero"])
    assert ssh.run(["echo", "next"]).stdout == "next\n"


def test_a_command_that_reads_none_of_its_input_is_no_failure(ssh: Ssh) -> None:
    assert ssh.run(["true"], stdin=b"x" * 3_000_000).rc == 0


def test_a_script_is_in_no_argument_list_and_leaves_its_input_to_its_commands(ssh: Ssh) -> None:
    text = """
    # token-4711
    tr '\\0' ' ' </proc/$$/cmdline; echo
    read -r first; echo "first $first"
    cat
    echo "args $# $2"
    """
    out = ssh.script(text, "x", "y z", stdin="one\ntwo\n").stdout
    assert "token-4711" not in out
    assert out.endswith("first one\ntwo\nargs 2 y z\n")


def test_a_script_stops_at_the_first_failure_and_at_an_unset_variable(ssh: Ssh) -> None:
    assert ssh.script("echo a\nfalse\necho b", check=False).stdout == "a\n"
    assert ssh.script("echo $nothing_here", check=False).rc != 0


def test_a_script_that_arrives_in_part_does_not_run(ssh: Ssh, tmp_path: Path) -> None:
    from metal.host.ssh.files import LOADER

    cut = f"touch {tmp_path}/ran"
    done = ssh.run(["sh", "-euc", LOADER, "sh", str(len(cut) + 5)], stdin=cut, check=False)
    assert done.rc == 97
    assert not (tmp_path / "ran").exists()


def test_a_file_is_written_once_with_mode_and_owner(ssh: Ssh, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "file"
    assert ssh.write(str(path), b"\0one\n\n", mode=0o640, owner="root:65534") is True
    stat = path.stat()
    assert (stat.st_mode & 0o7777, stat.st_uid, stat.st_gid) == (0o640, 0, 65534)
    assert ssh.read(str(path)) == b"\0one\n\n"
    assert ssh.write(str(path), b"\0one\n\n", mode=0o640, owner="root:65534") is False
    assert path.stat().st_ino == stat.st_ino
    assert ssh.write(str(path), b"\0one\n\n", mode=0o600) is True
    assert ssh.write(str(path), b"two", mode=0o600) is True
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]
    assert ssh.remove(str(path)) is True
    assert ssh.remove(str(path)) is False
    assert ssh.read(str(path)) is None


def test_an_empty_file_is_a_file(ssh: Ssh, tmp_path: Path) -> None:
    assert ssh.write(str(tmp_path / "empty"), b"", mode=0o600)
    assert ssh.read(str(tmp_path / "empty")) == b""


def test_content_that_arrives_in_part_replaces_nothing(ssh: Ssh, tmp_path: Path) -> None:
    from metal.host.ssh.files import WRITE

    path = tmp_path / "file"
    path.write_text("old")
    done = ssh.script(WRITE, str(path), "600", "root:root", "100", stdin="only a part", check=False)
    assert done.rc == 97
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_failed_write_shows_the_path_and_not_the_content(ssh: Ssh, tmp_path: Path) -> None:
    with pytest.raises(HostError) as caught:
        ssh.write(str(tmp_path), "s3cret", mode=0o600)
    assert str(tmp_path) in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_twenty_threads_share_one_connection_below_the_servers_limit(sshd: Sshd) -> None:
    before = sshd.connections()
    answers: list[str] = []

    def work(pool: SshPool, number: int) -> None:
        ssh = pool.connect(sshd.access(), deadline=Run().deadline(20))
        answers.append(ssh.run(["sh", "-c", f"sleep 0.1; echo {number}"]).stdout)

    with SshPool(sshd.credentials()) as pool:
        threads = [threading.Thread(target=work, args=(pool, number)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(answers) == sorted(f"{number}\n" for number in range(20))
    assert sshd.connections() - before == 1
