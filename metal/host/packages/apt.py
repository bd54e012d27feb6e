"""The Debian family: apt and dpkg."""

from __future__ import annotations

from metal.host.packages.attempt import attempt
from metal.host.packages.family import Packages
from metal.waiting import Deadline

__all__ = ["Apt", "parse_madison", "parse_status"]

# Keeps services from starting while packages are installed: they would run with the package's configuration, not ours.
# Only a policy file that is ours is ever removed; a kill leaves it behind, and the next run takes it along. `flock`
# keeps two of our own runs apart, because the first to end would remove it under the other.
_QUIETLY = """
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l
exec 9>/run/metalswarm-packages.lock
flock -w 600 9
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ] || grep -q metalswarm "$policy"; then
  printf '#!/bin/sh\\n# metalswarm: while packages are installed\\nexit 101\\n' >"$policy"
  chmod 0755 "$policy"
  trap 'rm -f "$policy"' EXIT
  trap 'exit 143' HUP INT TERM
fi
get() {
  apt-get -y -q -o DPkg::Lock::Timeout=120 \\
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@" 9>&-
}
"""

_INSTALL = f"""{_QUIETLY}
get install --no-install-recommends --allow-change-held-packages $3 "$1=$2"
"""

_REMOVE = f"""{_QUIETLY}
apt-mark unhold "$1" >/dev/null
get remove "$1"
"""

_REPAIR = f"""
[ -n "$(dpkg --audit)" ] || [ -n "$(ls /var/lib/dpkg/updates)" ] || exit 0
{_QUIETLY}
dpkg --configure -a --force-confdef --force-confold 9>&-
get -f install
"""

_REFRESH = "apt-get -q -o DPkg::Lock::Timeout=120 -o APT::Update::Error-Mode=any update"


class Apt(Packages):
    """Debian and its descendants."""

    locks = (
        "/var/lib/dpkg/lock-frontend",
        "/var/lib/dpkg/lock",
        "/var/lib/apt/lists/lock",
        "/var/cache/apt/archives/lock",
    )

    def installed(self, name: str) -> str | None:
        shown = self.ssh.run(
            ["dpkg-query", "--show", "--showformat=${db:Status-Abbrev}\\t${Version}\\n", name], check=False
        )
        return parse_status(shown.stdout)

    def available(self, name: str, deadline: Deadline) -> tuple[str, ...]:
        attempt(self.ssh, "the package lists are fresh", _REFRESH, deadline=deadline)
        return parse_madison(self.ssh.run(["apt-cache", "madison", name]).stdout)

    def older(self, left: str, right: str) -> bool:
        return self.ssh.run(["dpkg", "--compare-versions", left, "lt", right], check=False).rc == 0

    def install(self, name: str, version: str, deadline: Deadline, *, downgrade: bool) -> None:
        option = "--allow-downgrades" if downgrade else ""
        attempt(self.ssh, f"{name} {version} is installed", _INSTALL, name, version, option, deadline=deadline)

    def hold(self, name: str, deadline: Deadline) -> None:
        held = self.ssh.run(["apt-mark", "showhold", name]).stdout.split()
        if name not in held:
            attempt(self.ssh, f"{name} is held", 'apt-mark hold "$1"', name, deadline=deadline)

    def remove(self, name: str, deadline: Deadline) -> bool:
        if self.installed(name) is None:
            return False
        self.wait_free(deadline)
        self.repair(deadline)
        attempt(self.ssh, f"{name} is removed", _REMOVE, name, deadline=deadline)
        return True

    def repair(self, deadline: Deadline) -> None:
        attempt(self.ssh, "no package is half installed", _REPAIR, deadline=deadline)


def parse_status(text: str) -> str | None:
    """The version from dpkg-query's `status-abbreviation TAB version`, when it is fully installed ("ii", "hi")."""
    for line in text.splitlines():
        status, _, version = line.partition("\t")
        if status[1:2] == "i" and status[2:3] in ("", " ") and version:
            return version.strip()
    return None


def parse_madison(text: str) -> tuple[str, ...]:
    """Binary versions from `apt-cache madison`, newest first, each once."""
    found: dict[str, None] = {}
    for line in text.splitlines():
        parts = [part.strip() for part in line.split("|")]
        if len(parts) == 3 and not parts[2].endswith("Sources"):
            found[parts[1]] = None
    return tuple(found)
