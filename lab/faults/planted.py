"""Faults of a running system: each is a systemd unit with its files, put into the system and taken out again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from lab.faults.rule import Action, Fault

__all__ = ["Plant", "plant_into", "plant_script", "plants"]

_UNITS = "etc/systemd/system"
_SCRIPTS = "usr/local/lib/lab-fault"
_KEYS = "/etc/ssh/ssh_host_ed25519_key"
_FOLDERS = "/etc /opt /root /srv /usr /var"

# The same kind of lock as dpkg's own (fcntl), taken with what every Debian system has.
_HOLD = (
    "use Fcntl; open(F, '+<', '/var/lib/dpkg/lock-frontend') or die; "
    "my $l = pack('s s x4 q q i x4', F_WRLCK, 0, 0, 0, 0); fcntl(F, F_SETLKW, $l) or die; sleep {seconds}"
)


@dataclass(frozen=True)
class Plant:
    """One fault in a system.

    :ivar unit: the unit that plays it while it runs; stopping it puts right what it did.
    :ivar files: path below the root -> (text, mode); the unit among them.
    :ivar at_boot: starts with the system; else only its next start makes sense.
    :ivar now: may be started in a system that runs.
    """

    unit: str
    files: dict[str, tuple[str, int]] = field(default_factory=dict)
    now: bool = True

    @property
    def wanted(self) -> str:
        """The link that starts the unit with the system."""
        return f"{_UNITS}/{'multi-user' if self.unit.endswith('service') else 'paths'}.target.wants/{self.unit}"


def _service(name: str, start: str, *, stop: str = "", kind: str = "oneshot", extra: str = "") -> Plant:
    unit = f"lab-fault-{name}.service"
    lines = ["[Unit]", f"Description=Fault of the lab: {name}", extra, "[Service]", f"Type={kind}"]
    lines += ["RemainAfterExit=yes"] if kind == "oneshot" else []
    lines += [f"ExecStart=/bin/sh /{_SCRIPTS}/{name} start"]
    lines += [f"ExecStop=/bin/sh /{_SCRIPTS}/{name} stop"] if stop else []
    script = f'case "$1" in\nstart)\n{start}\n;;\nstop)\n{stop or ":"}\n;;\nesac\n'
    text = "\n".join(line for line in lines if line) + "\n"
    return Plant(unit, {f"{_UNITS}/{unit}": (text, 0o644), f"{_SCRIPTS}/{name}": (script, 0o755)})


def _slow_boot(seconds: float) -> Plant:
    planted = _service("slow-boot", f"sleep {seconds:g}", extra="After=ssh.service")
    return Plant(planted.unit, planted.files, now=False)


def _lock_packages(seconds: float) -> Plant:
    return _service("dpkg-locked", f'exec perl -e "{_escaped(_HOLD.format(seconds=int(seconds)))}"', kind="simple")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")


def _skew_clock(seconds: float) -> Plant:
    planted = _service("clock-skew", ":")
    shim = f'#!/bin/sh\nexec /usr/bin/date --date "{seconds:+g} seconds" "$@"\n'
    return Plant(planted.unit, {**planted.files, "usr/local/bin/date": (shim, 0o755)})


def _change_host_key() -> Plant:
    start = (
        f"[ -e {_KEYS}.right ] || {{ mv {_KEYS} {_KEYS}.right; mv {_KEYS}.pub {_KEYS}.pub.right; "
        f"ssh-keygen -q -t ed25519 -N '' -f {_KEYS}; }}\nsystemctl --no-block try-reload-or-restart ssh"
    )
    stop = (
        f"mv {_KEYS}.right {_KEYS}; mv {_KEYS}.pub.right {_KEYS}.pub\n"
        # With the system it only stops; what was changed stays changed.
        "systemctl --no-block try-reload-or-restart ssh"
    )
    stop = f'[ "$(systemctl is-system-running)" = stopping ] && exit 0\n{stop}'
    return _service("host-key-changed", start, stop=stop, extra="Before=ssh.service")


def _read_only() -> Plant:
    start = (
        f"for folder in {_FOLDERS}; do\n"
        "  mount --rbind $folder $folder && mount -o remount,bind,ro $folder || exit 1\ndone"
    )
    stop = f"for folder in {_FOLDERS}; do umount -l $folder; done"
    return _service("disk-read-only", start, stop=stop)


def _restart_docker() -> Plant:
    done = "/run/lab-fault-docker-restart"
    planted = _service("docker-restart", f"[ -e {done} ] && exit 0\n: >{done}\nsystemctl restart docker.service")
    path = "lab-fault-docker-restart.path"
    watch = (
        f"[Unit]\nDescription=Fault of the lab: {path}\n[Path]\nPathExists=/var/lib/docker/swarm/docker-state.json\n"
    )
    return Plant(path, {**planted.files, f"{_UNITS}/{path}": (watch, 0o644)})


def plants(faults: Iterable[Fault]) -> tuple[Plant, ...]:
    """What has to be in the system for the faults that it plays."""
    makers = {
        Action.SLOW_BOOT: _slow_boot,
        Action.LOCK_PACKAGES: _lock_packages,
        Action.SKEW_CLOCK: _skew_clock,
        Action.CHANGE_HOST_KEY: lambda seconds: _change_host_key(),
        Action.READ_ONLY: lambda seconds: _read_only(),
        Action.RESTART_DOCKER: lambda seconds: _restart_docker(),
    }
    rules = [rule for fault in faults for rule in fault.rules if rule.action in makers]
    return tuple(makers[rule.action](rule.latency) for rule in rules)


def plant_into(root: Path, wanted: Iterable[Plant], known: Iterable[Plant]) -> None:
    """Have the wanted ones, and no other of the known ones, in a system that does not run."""
    wanted = tuple(wanted)
    for plant in known:
        for name in (*plant.files, plant.wanted):
            (root / name).unlink(missing_ok=True)
    for plant in wanted:
        for name, (text, mode) in plant.files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(mode)
        link = root / plant.wanted
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(f"/{_UNITS}/{plant.unit}")


def plant_script(plant: Plant, *, wanted: bool) -> str:
    """A shell script that puts it into the system that runs it, or takes it out."""
    # One that plays already ends first, with what it was told then.
    lines = ["set -eu", f"systemctl stop {plant.unit} 2>/dev/null || true"]
    if not wanted:
        lines.append(f"rm -f {' '.join(f'/{name}' for name in (*plant.files, plant.wanted))}")
        lines.append(f"rmdir --ignore-fail-on-non-empty /{_SCRIPTS} 2>/dev/null || true")
        return "\n".join([*lines, "systemctl daemon-reload"]) + "\n"
    for name, (text, mode) in plant.files.items():
        lines.append(f"mkdir -p /{Path(name).parent}")
        lines.append(f"cat >/{name} <<'END-OF-FILE'\n{text}END-OF-FILE")
        lines.append(f"chmod {mode:o} /{name}")
    lines.append(f"mkdir -p /{Path(plant.wanted).parent}; ln -sf /{_UNITS}/{plant.unit} /{plant.wanted}")
    lines.append("systemctl daemon-reload")
    if plant.now:
        lines.append(f"systemctl start {plant.unit}")
    return "\n".join(lines) + "\n"
