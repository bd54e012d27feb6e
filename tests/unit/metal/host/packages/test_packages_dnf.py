"""The RHEL family's decisions and commands against recordings of dnf 4.14 and rpm 4.18 at work on a real repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from metal.errors import HostError, HostFault
from metal.host.packages import attempt
from metal.host.packages.dnf import Dnf, parse_list, parse_locks
from metal.waiting import Run
from tests.unit.metal.host.packages.replay import Replay, recorded


@pytest.mark.demand("E4", "R7")
@pytest.mark.parametrize(
    ("recording", "glob", "options", "version"),
    [("fresh", "20.10.*", {}, "3:20.10.24-3.el9"), ("in-place", "20.10.24*", {}, "3:20.10.24-3.el9"),
     ("raised", "27.*", {}, "3:27.3.1-1.el9"), ("lowered", "3:20.10.23*", {"downgrade": True}, "3:20.10.23-3.el9"),
     ("raised-with-downgrade-allowed", "20.10.24*", {"downgrade": True}, "3:20.10.24-3.el9")],
)  # fmt: skip
def test_the_version_that_fits_is_installed_and_held(
    recording: str, glob: str, options: dict[str, bool], version: str, tmp_path: Path
) -> None:
    host = Replay.of(recording, tmp_path)
    assert Dnf(host.ssh).ensure("docker-ce", glob, Run().deadline(30), **options) == version
    assert host.left == []


def test_a_tool_that_only_has_to_be_there_is_not_held(tmp_path: Path) -> None:
    host = Replay.of("not-pinned", tmp_path)
    assert Dnf(host.ssh).ensure("tar", "*", Run().deadline(30), pin=False) == "2:1.34-6.el9"
    assert host.left == []


@pytest.mark.parametrize(
    ("recording", "name", "glob", "fault", "says"),
    [("no-such-version", "docker-ce", "99*", HostFault.NOT_READY, "3:27.3.1-1.el9, 3:20.10.24-3.el9, 3:20.10.23-3"),
     ("no-such-package", "docker-engine", "*", HostFault.NOT_READY, "last seen: no such package"),
     ("lowered-refused", "docker-ce", "20.10.*", HostFault.NOT_READY, "go back from 3:27.3.1-1.el9 to 3:20.10.24-3"),
     ("no-plug-in", "docker-ce", "27.*", HostFault.COMMAND, r"find a match: dnf-command\(versionlock\)")],
)  # fmt: skip
def test_what_cannot_be_is_told(
    recording: str, name: str, glob: str, fault: HostFault, says: str, tmp_path: Path
) -> None:
    host = Replay.of(recording, tmp_path)
    with pytest.raises(HostError, match=says) as caught:
        Dnf(host.ssh).ensure(name, glob, Run().deadline(30))
    assert (caught.value.fault, caught.value.host, host.left) == (fault, "n1", [])


@pytest.mark.parametrize(
    ("recording", "says"),
    [("lock-taken", "metadata already locked by"), ("sources-away", "Failed to download metadata for repo")],
)
def test_a_taken_lock_and_silent_sources_are_tried_again_within_the_deadline(
    recording: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = next(call for call in recorded(recording) if call[0][-1] == "makecache")
    look = [call for call in recorded("raised") if call[0][-1] == "makecache" or "--showduplicates" in call[0]]
    (tmp_path / "once").mkdir()
    host = Replay.playing([failing, *look], tmp_path / "once")
    with pytest.raises(HostError, match=says) as caught:
        Dnf(host.ssh).available("docker-ce", Run().deadline(1))
    assert caught.value.fault is HostFault.COMMAND
    assert host.left == [list(call) for call in look]

    (tmp_path / "again").mkdir()
    host = Replay.playing([failing, failing, *look], tmp_path / "again")
    monkeypatch.setattr(attempt, "_RETRY_SECONDS", 0.0)
    assert Dnf(host.ssh).available("docker-ce", Run().deadline(60))[0] == "3:27.3.1-1.el9"
    assert host.left == []


def test_removing_takes_the_lock_away_and_can_be_repeated(tmp_path: Path) -> None:
    host = Replay.of("removed", tmp_path)
    assert Dnf(host.ssh).remove("docker-ce", Run().deadline(30))
    assert host.left == []
    host = Replay.of("removed-again", tmp_path)
    assert not Dnf(host.ssh).remove("docker-ce", Run().deadline(30))
    assert host.left == []


INSTALLED = """Installed Packages
docker-ce.noarch               3:20.10.24-3.el9                @docker-ce-stable
Available Packages
docker-ce.noarch               3:20.10.23-3.el9                docker-ce-stable
docker-ce.noarch               3:20.10.24-3.el9                docker-ce-stable
docker-ce.noarch               3:27.3.1-1.el9                  docker-ce-stable
"""


def test_the_newest_comes_first_whatever_is_installed() -> None:
    assert parse_list(INSTALLED, "docker-ce") == ("3:27.3.1-1.el9", "3:20.10.24-3.el9", "3:20.10.23-3.el9")


@pytest.mark.parametrize(
    ("text", "name", "versions"),
    [("docker-ce-cli-1:20.10.24-3.el9.*\n", "docker-ce", ()),
     ("docker-ce-cli-1:20.10.24-3.el9.*\ndocker-ce-3:27.3.1-1.el9.*\n", "docker-ce", ("3:27.3.1-1.el9",)),
     ("tar-2:1.34-6.el9.*\ntar-2:1.34-7.el9.*\n", "tar", ("2:1.34-6.el9", "2:1.34-7.el9")),
     ("tar-0:1.34-6.el9.*\n", "tar", ("1.34-6.el9",)), ("0:tar-1.26-35.el7.*\n", "tar", ("1.26-35.el7",)),
     ("3:docker-ce-20.10.24-3.el7.*\n", "docker-ce", ("3:20.10.24-3.el7",)),
     ("!docker-ce-3:27.3.1-1.el9.*\n", "docker-ce", ()), ("Last metadata expiration check: 0:01:02 ago\n", "tar", ())],
)  # fmt: skip
def test_only_the_packages_own_locks_count(text: str, name: str, versions: tuple[str, ...]) -> None:
    assert parse_locks(text, name) == versions
