from __future__ import annotations

import itertools

import pytest

from metal.host.packages.apt import parse_madison, parse_status
from metal.host.packages.attempt import passes
from metal.host.packages.dnf import older_version, parse_list, parse_query
from metal.host.packages.family import choose, matches
from metal.host.packages.lock import parse_holder

MADISON = """ docker-ce | 5:27.3.1-1~debian.12~bookworm | https://mirror.example/debian bookworm/stable amd64 Packages
 docker-ce | 5:20.10.24~3-0~debian-bookworm | https://mirror.example/debian bookworm/stable amd64 Packages
 docker-ce | 5:20.10.24~3-0~debian-bookworm | https://other.example/debian bookworm/stable amd64 Packages
 docker-ce | 5:19.0 | https://mirror.example/debian bookworm/main Sources
"""

LIST = """Available Packages
docker-ce.x86_64        3:20.10.24-3.el9        docker-ce-stable
docker-ce.x86_64        3:27.3.1-1.el9          docker-ce-stable
docker-ce-cli.x86_64    1:99.0-1.el9            docker-ce-stable
docker-ce.x86_64        0:28.0-1.el9            other
"""


def test_madison_gives_binary_versions_newest_first_and_once() -> None:
    assert parse_madison(MADISON) == ("5:27.3.1-1~debian.12~bookworm", "5:20.10.24~3-0~debian-bookworm")
    assert parse_madison("") == ()


def test_list_gives_versions_of_that_package_newest_first_by_epoch() -> None:
    assert parse_list(LIST, "docker-ce") == ("3:27.3.1-1.el9", "3:20.10.24-3.el9", "28.0-1.el9")


@pytest.mark.parametrize(
    ("glob", "version"),
    [("20.10.24*", "5:20.10.24~3-0~debian-bookworm"), ("*", "5:27.3.1-1~debian.12~bookworm"),
     ("5:27.*", "5:27.3.1-1~debian.12~bookworm"), ("20.10.2", None), ("99*", None)],
)  # fmt: skip
def test_the_newest_version_that_fits_is_chosen_with_or_without_an_epoch(glob: str, version: str | None) -> None:
    assert choose(parse_madison(MADISON), glob) == version


def test_a_glob_is_no_prefix() -> None:
    assert matches("20.10.24", "20.10.24")
    assert not matches("20.10.24", "20.10.2")
    assert not matches("120.10.24", "20.10.24")


@pytest.mark.parametrize(
    ("text", "version"),
    [("ii \t20.10.24+dfsg1\n", "20.10.24+dfsg1"), ("hi \t1.0\n", "1.0"), ("rc \t1.0\n", None), ("un \t\n", None),
     ("iU \t1.0\n", None), ("iF \t1.0\n", None), ("iiR\t1.0\n", None), ("", None)],
)  # fmt: skip
def test_only_a_fully_installed_package_counts(text: str, version: str | None) -> None:
    assert parse_status(text) == version


def test_an_epoch_of_nought_is_left_out_of_rpms_answer() -> None:
    assert parse_query("0:1.2-3.el9\n") == "1.2-3.el9"
    assert parse_query("3:20.10-1\n") == "3:20.10-1"
    assert parse_query("package x is not installed\n") is None


def test_rpm_versions_are_ordered_by_rpms_documented_rules() -> None:
    order = ["1.0~rc1-1", "1.0-1", "1.0^git1-1", "1.0.1-1", "1.0.1-2", "1.0.9-1", "1.0.10-1", "1.1-1", "1:0.5-1"]
    for left, right in itertools.combinations(order, 2):
        assert older_version(left, right), (left, right)
        assert not older_version(right, left), (left, right)
    assert older_version("1.a-1", "1.0-1"), "letters come before digits"
    assert not older_version("1.0-1", "1.0-1")


def test_the_holder_of_a_lock_is_named() -> None:
    line = "812 /var/lib/dpkg/lock-frontend /usr/bin/python3 /usr/bin/unattended-upgrade \n"
    assert parse_holder(line) == (
        "pid 812 (/usr/bin/python3 /usr/bin/unattended-upgrade) holds /var/lib/dpkg/lock-frontend"
    )
    assert parse_holder("7 /var/lib/dpkg/lock \n") == "pid 7 (its name is hidden) holds /var/lib/dpkg/lock"
    assert parse_holder("") is None


@pytest.mark.parametrize(
    ("text", "again"),
    [("E: Could not get lock /var/lib/apt/lists/lock. It is held by process 812", True),
     ("Err:1 http://x bookworm InRelease\n  Temporary failure resolving 'x'", True),
     ("E: Failed to fetch http://x/y.deb  Hash Sum mismatch", True),
     ("E: Unable to locate package dokcer", False),
     ("E: Unable to correct problems, you have held broken packages.", False),
     ("dpkg: error processing package docker.io (--configure)", False)],
)  # fmt: skip
def test_only_locks_and_the_network_are_worth_another_try(text: str, again: bool) -> None:
    assert passes(text) is again
