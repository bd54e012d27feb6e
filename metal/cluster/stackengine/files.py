"""StackEngine's files on a host, as its own installer laid them out: pure text."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from metal.cluster.stackengine.driver import NodeSettings

__all__ = [
    "BINARY",
    "CONFIG",
    "DATA",
    "EDITION",
    "LOADED_EDITION",
    "LOG_FOLDER",
    "UNIT",
    "USER",
    "Arguments",
    "edition_of",
    "parse_arguments",
    "parse_key",
    "render_config",
    "render_unit",
]

BINARY = "/usr/local/stackengine/stackengine"
CONFIG = "/etc/sysconfig/stackengine"
DATA = "/var/lib/stackengine"
LOG_FOLDER = "/var/log/stackengine"
USER = "stackengine"
UNIT = "stackengine.service"
EDITION = "/etc/metalswarm/stackengine.edition"
LOADED_EDITION = "/run/stackengine/edition"

_KEY = re.compile(r'^ID="(.*)"$', re.MULTILINE)
_ARGUMENTS = re.compile(r'^STACKENGINE_ARGS="(.*)"$', re.MULTILINE)


@dataclass(frozen=True)
class Arguments:
    admin: bool
    seed: str | None
    bind: str


def render_config(settings: NodeSettings) -> str:
    """The text of /etc/sysconfig/stackengine; holds the key.

    :raises ValueError: a key that an environment file cannot hold.
    Source: the vendor's installer: keys ID and STACKENGINE_ARGS, flags -admin, -join, -mesh, -bind.
    """
    key = settings.key.strip()
    if not key or not key.isprintable():
        raise ValueError("a StackEngine key is one line of printable characters")
    flags = ["-admin"] if settings.admin else []
    flags.append(f"-bind={settings.bind}")
    if settings.seed is not None:
        flags.append(f"-{'join' if settings.admin else 'mesh'}={settings.seed}")
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'ID="{escaped}"\nSTACKENGINE_ARGS="{" ".join(flags)}"\n'


def parse_arguments(config: str) -> Arguments | None:
    """Read back what :func:`render_config` wrote, without the key; None for another text."""
    found = _ARGUMENTS.search(config)
    if found is None:
        return None
    flags = dict(part.removeprefix("-").partition("=")[::2] for part in found[1].split())
    if "bind" not in flags:
        return None
    return Arguments("admin" in flags, flags.get("join") or flags.get("mesh"), flags["bind"])


def parse_key(config: str) -> str | None:
    """Read back the key that :func:`render_config` wrote; None for another text."""
    found = _KEY.search(config)
    return re.sub(r"\\(.)", r"\1", found[1]) if found else None


def render_unit() -> str:
    return f"""\
[Unit]
Description=StackEngine controller
Wants=network-online.target
After=network-online.target docker.service
ConditionFileNotEmpty={CONFIG}
StartLimitIntervalSec=0

[Service]
Type=exec
User={USER}
Group={USER}
EnvironmentFile={CONFIG}
RuntimeDirectory=stackengine
StateDirectory=stackengine
StateDirectoryMode=0750
LogsDirectory=stackengine
LogsDirectoryMode=0750
ExecStartPre=/bin/cp {EDITION} {LOADED_EDITION}
ExecStart={BINARY} $STACKENGINE_ARGS -data={DATA} -logfile={LOG_FOLDER}/stackengine.log
Restart=always
RestartSec=2
LimitNOFILE=65536
NoNewPrivileges=yes

[Install]
WantedBy=multi-user.target
"""


def edition_of(config: str, unit: str, binary: str) -> str:
    """A fingerprint of everything that takes a restart to change.

    :param binary: sha256 of the binary.
    """
    return hashlib.sha256("\0".join((config, unit, binary)).encode()).hexdigest()
