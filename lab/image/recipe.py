"""What a freshly installed host holds: packages of the base system and the files that make it a lab host."""

from __future__ import annotations

import hashlib
from pathlib import Path

from lab.image.source import SUITE

__all__ = ["PACKAGES", "customise", "image_key"]

PACKAGES = (
    "ca-certificates",
    "curl",
    "dbus",
    "iproute2",
    "iptables",
    "iputils-ping",
    "kmod",
    "openssh-server",
    "procps",
    "sudo",
    "systemd-sysv",
)

_CGROUPS_WRITABLE = """\
[Unit]
Description=Let container engines make control groups
DefaultDependencies=no
Before=sysinit.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/lab-cgroups

[Install]
WantedBy=sysinit.target
"""

_REMOUNT = """\
#!/bin/sh
for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/*; do
    if mountpoint -q "$hierarchy"; then mount -o remount,bind,rw "$hierarchy"; fi
done
"""

_MASKED = (
    # These would hold the package lock or look for networks and terminals that do not exist.
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "apt-daily.service",
    "apt-daily-upgrade.service",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "fstrim.timer",
    "console-getty.service",
    "getty.target",
    "systemd-networkd-wait-online.service",
    "systemd-logind.service",
)

_SSHD = """\
# Logins arrive before any name service; a lab host has none.
UseDNS no
PermitRootLogin prohibit-password
PasswordAuthentication no
MaxStartups 100:30:200
MaxSessions 100
HostKey /etc/ssh/ssh_host_ed25519_key
"""


def image_key() -> str:
    """12 hex digits that change with anything an image is made from."""
    return hashlib.sha256(f"{SUITE} {PACKAGES}".encode() + Path(__file__).read_bytes()).hexdigest()[:12]


def customise(root: Path) -> None:
    """Turn a bootstrapped system under `root` into an image: no identity of its own, nothing that expects hardware."""
    for path in (root / "etc/ssh").glob("ssh_host_*"):
        path.unlink()
    (root / "etc/machine-id").write_text("")
    (root / "var/lib/dbus/machine-id").unlink(missing_ok=True)
    (root / "var/lib/dbus/machine-id").symlink_to("/etc/machine-id")
    remount = root / "usr/local/sbin/lab-cgroups"
    remount.write_text(_REMOUNT)
    remount.chmod(0o755)
    units = root / "etc/systemd/system"
    (units / "lab-cgroups.service").write_text(_CGROUPS_WRITABLE)
    _link(units / "sysinit.target.wants/lab-cgroups.service", "/etc/systemd/system/lab-cgroups.service")
    for unit in _MASKED:
        _link(units / unit, "/dev/null")
    (root / "etc/ssh/sshd_config.d/lab.conf").write_text(_SSHD)
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    (root / "etc/resolv.conf").write_text("")
    (root / "etc/apt/sources.list").write_text("")
    (root / "etc/apt/apt.conf.d/10lab").write_text('Acquire::Languages "none";\n')
    for archive in (root / "var/cache/apt/archives").glob("*.deb"):
        archive.unlink()


def _link(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)
