"""The RHEL family: dnf, or yum where there is no dnf."""

from __future__ import annotations

from metal.host.packages.attempt import attempt
from metal.host.packages.family import Packages
from metal.waiting import Deadline

__all__ = ["Dnf", "older_version", "parse_list", "parse_query"]

# Both take the same words for what is done here. Packages of this family do not start services when installed.
_TOOL = 'tool=$(command -v dnf || command -v yum) || { echo "neither dnf nor yum is here" >&2; exit 1; }\n'

_LIST = _TOOL + '"$tool" -q -y --showduplicates list "$1" || { [ "$?" -eq 1 ] && exit 0; exit 1; }'
_REFRESH = _TOOL + '"$tool" -q -y makecache'
_INSTALL = _TOOL + '"$tool" -q -y "$3" "$1-$2"'
_REMOVE = _TOOL + '"$tool" -q -y versionlock delete "$1" >/dev/null 2>&1 || true\n"$tool" -q -y remove "$1"'
# The plug-in is a package of its own: python3-dnf-plugin-versionlock, or yum-plugin-versionlock.
_HOLD = (
    _TOOL
    + """
if ! "$tool" -q versionlock list >/dev/null 2>&1; then
  "$tool" -q -y install 'dnf-command(versionlock)' || "$tool" -q -y install yum-plugin-versionlock
fi
"$tool" -q versionlock list | grep -qF -- "$1-" || "$tool" -q -y versionlock add "$1"
"""
)


class Dnf(Packages):
    """RHEL, its rebuilds and Fedora."""

    locks = ("/var/lib/rpm/.rpm.lock", "/usr/lib/sysimage/rpm/.rpm.lock", "/var/cache/dnf/metadata_lock.pid")

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
        verb = "downgrade" if downgrade and self.installed(name) is not None else "install"
        attempt(self.ssh, f"{name} {version} is installed", _INSTALL, name, version, verb, deadline=deadline)

    def hold(self, name: str, deadline: Deadline) -> None:
        attempt(self.ssh, f"{name} is held", _HOLD, name, deadline=deadline)

    def remove(self, name: str, deadline: Deadline) -> bool:
        if self.installed(name) is None:
            return False
        self.wait_free(deadline)
        attempt(self.ssh, f"{name} is removed", _REMOVE, name, deadline=deadline)
        return True

    def repair(self, deadline: Deadline) -> None:
        """Nothing to do: rpm's transactions leave the database whole, and an install is simply repeated."""


def parse_query(text: str) -> str | None:
    """`epoch:version-release` of the newest installed instance; an epoch of 0 is left out."""
    versions = [line.strip().removeprefix("0:") for line in text.splitlines() if ":" in line]
    return versions[-1] if versions else None


def parse_list(text: str, name: str) -> tuple[str, ...]:
    """Versions of `name` from `list --showduplicates`, newest first, each once."""
    found: dict[str, None] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0].rpartition(".")[0] == name:
            found[words[1].removeprefix("0:")] = None
    return tuple(reversed(found))


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
