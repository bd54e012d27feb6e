"""What a network install leaves on a disk: a fresh system with an identity of its own and the lab's key authorised."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.command import output

__all__ = ["MachineConfig", "install_system"]


@dataclass(frozen=True)
class MachineConfig:
    """All a machine knows about itself and the lab; written by `lab up`, read at each boot.

    :ivar flags: file in which its BMC keeps the boot flags.
    :ivar image: root of the base image.
    :ivar faults: file of the faults armed on the host, `spent_faults` the notes of those that its firmware played.
    :ivar neighbours: address by name of all hosts of the lab.
    """

    lab: str
    name: str
    address: str
    prefix: int
    mac: str
    switch: str
    bridge: str
    cgroup: str
    flags: str
    image: str
    mirror_url: str
    authorized_key: str
    install_limit: int
    neighbours: dict[str, str]
    faults: str
    spent_faults: str

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def read(cls, path: Path) -> MachineConfig:
        return cls(**json.loads(path.read_text()))


def install_system(root: Path, config: MachineConfig) -> None:
    """Make the mounted, untouched image under `root` this host's system."""
    (root / "etc/machine-id").write_text(uuid.uuid4().hex + "\n")
    (root / "etc/hostname").write_text(config.name + "\n")
    neighbours = "".join(f"{address}\t{name}\n" for name, address in config.neighbours.items())
    (root / "etc/hosts").write_text(f"127.0.0.1\tlocalhost\n{neighbours}")
    (root / "etc/apt/sources.list").write_text(f"deb [trusted=yes] {config.mirror_url}/debian ./\n")
    host_key = root / "etc/ssh/ssh_host_ed25519_key"
    output(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"root@{config.name}", "-f", str(host_key)])
    ssh = root / "root/.ssh"
    ssh.mkdir(mode=0o700, exist_ok=True)
    keys = ssh / "authorized_keys"
    keys.touch(mode=0o600)
    keys.write_text(config.authorized_key.strip() + "\n")
