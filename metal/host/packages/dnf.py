"""The RHEL family: dnf, or yum where there is no dnf."""

from __future__ import annotations

import re

from metal.errors import HostError, HostFault
from metal.host.packages.attempt import attempt
from metal.host.packages.family import Packages
from metal.waiting import Deadline

__all__ = ["Dnf", "older_version", "parse_list", "parse_locks", "parse_query"]

_LOCK_LINE = re.compile(
    r"(?P<early>\d+:)?(?P<name>\S+)-(?P<late>\d+:)?(?P<version>[^\s:-]+-[^\s:-]+?)"
    r"(\.([*]|noarch|x86_64|aarch64|ppc64le|s390x))?"
)

# Both take the same words for what is done here. Packages of this family do not start services when installed. A tool
# that finds the lock taken ends at once and names the holder, instead of waiting for ever without a word.
_TOOL = """
tool=$(command -v dnf || command -v yum) || { echo "neither dnf nor yum is here" >&2; exit 1; }
pm() { "$tool" -q -y --setopt=exit_on_lock=True "$@"; }
# Runs pm; its output, or nothing when its failure says $1.
unless() {
  expected=$1
  shift
  said=$(pm "$@" 2>&1) || case "$said" in
    *"$expected"*) return 0 ;;
    *) printf '%s\\n' "$said" >&2; return 1 ;;
  esac
  printf '%s\\n' "$said"
}
"""

_REFRESH = f"{_TOOL}pm makecache"
_LIST = f"""{_TOOL}unless 'o matching Packages' --disableplugin=versionlock --showduplicates list "$1" """
# A version lock hides every other version, so a pinned package can only be changed past it.
_INSTALL = f"""{_TOOL}pm --disableplugin=versionlock "$3" "$1-$2" """
_REMOVE = f"""{_TOOL}pm versionlock delete "$1" >/dev/null 2>&1 || true
pm remove "$1" """
_LOCKED = f"{_TOOL}unless 'o such command' versionlock list"
# The plug-in is a package of its own: python3-dnf-plugin-versionlock, or yum-plugin-versionlock. Adding a lock to a
# package that has one, of whatever version, does nothing.
_LOCK = f"""{_TOOL}
pm versionlock list >/dev/null 2>&1 || pm install 'dnf-command(versionlock)' || pm install yum-plugin-versionlock
pm versionlock delete "$1" >/dev/null 2>&1 || true
pm versionlock add "$1"
"""


class Dnf(Packages):
    """RHEL, its rebuilds and Fedora."""

    locks = (
        "/var/lib/rpm/.rpm.lock",
        "/usr/lib/sysimage/rpm/.rpm.lock",
        "/var/lib/dnf/rpmdb_lock.pid",
        "/var/cache/dnf/metadata_lock.pid",
        "/var/cache/dnf/download_lock.pid",
        "/run/yum.pid",
    )

    def installed(self, name: str) -> str | None:
        shown = self.ssh.run(
            ["rpm", "--query", "--queryformat", "%{EPOCHNUM}:%{VERSION}-%{RELEASE}\\n", name], check=False
        )
        return parse_query(shown.stdout) if shown.rc == 0 else None

    def available(self, name: str, deadline: Deadline) -> tuple[str, ...]:
        attempt(self.ssh, "the package lists are fresh", _REFRESH, deadline=deadline)
        return parse_list(attempt(self.ssh, f"{name} is looked up", _LIST, name, deadline=deadline).stdout, name)

    def older(self, left: str, right: str) -> bool:
        return older_version(left, right)

    def install(self, name: str, version: str, deadline: Deadline, *, downgrade: bool) -> None:
        have = self.installed(name)
        verb = "downgrade" if downgrade and have is not None and older_version(version, have) else "install"
        attempt(self.ssh, f"{name} {version} is installed", _INSTALL, name, version, verb, deadline=deadline)

    def hold(self, name: str, deadline: Deadline) -> None:
        version = self.installed(name)
        if self._locked(name, deadline) == (version,):
            return
        attempt(self.ssh, f"{name} is held", _LOCK, name, deadline=deadline)
        locked = self._locked(name, deadline)
        if locked != (version,):
            raise HostError(
                f"{name} is not held at {version}",
                fault=HostFault.COMMAND,
                host=self.ssh.access.host,
                tried=[f"versionlock add {name}"],
                seen=f"locked: {', '.join(locked) or 'no version'}",
                next_step="look at `dnf versionlock list` on the host, and whether the plug-in is enabled",
            )

    def remove(self, name: str, deadline: Deadline) -> bool:
        if self.installed(name) is None:
            return False
        self.wait_free(deadline)
        attempt(self.ssh, f"{name} is removed", _REMOVE, name, deadline=deadline)
        return True

    def repair(self, deadline: Deadline) -> None:
        """Nothing to do: rpm's transactions leave the database whole, and an install is simply repeated."""

    def _locked(self, name: str, deadline: Deadline) -> tuple[str, ...]:
        listed = attempt(self.ssh, f"version locks of {name} are read", _LOCKED, deadline=deadline).stdout
        return parse_locks(listed, name)


def parse_query(text: str) -> str | None:
    """`epoch:version-release` of the newest installed instance; an epoch of 0 is left out."""
    versions = [line.strip().removeprefix("0:") for line in text.splitlines() if ":" in line]
    return versions[-1] if versions else None


def parse_list(text: str, name: str) -> tuple[str, ...]:
    """Versions of `name` from `list --showduplicates`, newest first, each once; an epoch of 0 is left out.

    The tool's own order is of no use: what is installed comes first, the rest by repository.
    """
    found: set[str] = set()
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0].rpartition(".")[0] == name:
            found.add(words[1].removeprefix("0:"))
    return tuple(sorted(found, key=_key, reverse=True))


def parse_locks(text: str, name: str) -> tuple[str, ...]:
    """Versions that `versionlock list` holds `name` at.

    dnf writes `name-epoch:version-release.*`, yum `epoch:name-version-release.*`.
    """
    found: list[str] = []
    for line in text.splitlines():
        lock = _LOCK_LINE.fullmatch(line.strip())
        if lock and lock["name"] == name:
            found.append(f"{lock['early'] or lock['late'] or ''}{lock['version']}".removeprefix("0:"))
    return tuple(found)


def older_version(left: str, right: str) -> bool:
    """Whether `left` is before `right` by rpm's rules: epoch, version, release, each by runs of digits and letters."""
    return _key(left) < _key(right)


def _key(text: str) -> tuple[int, list[tuple[int, int, str]], list[tuple[int, int, str]]]:
    epoch, _, rest = text.rpartition(":")
    version, _, release = rest.partition("-")
    return int(epoch or 0), _segments(version), _segments(release)


def _segments(text: str) -> list[tuple[int, int, str]]:
    """Sortable: `~` before the end, the end before `^`, letters before digits, digits as numbers."""
    segments: list[tuple[int, int, str]] = []
    run = ""
    for sign in [*text, ""]:
        if run and (not sign or sign.isdigit() != run.isdigit() or not sign.isalnum()):
            segments.append((4, int(run), "") if run.isdigit() else (3, 0, run))
            run = ""
        if sign == "~":
            segments.append((0, 0, ""))
        elif sign == "^":
            segments.append((2, 0, ""))
        elif sign.isalnum():
            run += sign
    # The end of a shorter version: after `~`, before everything else.
    return [*segments, (1, 0, "")]
