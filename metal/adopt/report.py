"""What a person is told after the files were written: what was found, what is missing, what comes next. Pure."""

from __future__ import annotations

import shlex
from pathlib import Path

from metal.adopt.document import Adopted
from metal.adopt.sight import Sight
from metal.host.ssh.keys import fingerprint

__all__ = ["told"]


def told(sight: Sight, found: Adopted, *, stack: str, files: tuple[Path, Path], key: Path, profile: str) -> str:
    """:param files: stack file and inventory file, as they were written.
    :param key: the private key that was used.
    """
    managers = sum(host.node.manager for host in sight.hosts)
    whose = "of this stack, as it was" if found.ours else "made by hand"
    lines = [
        f"swarm {sight.swarm.id}, {whose}: {managers} managers, {len(sight.hosts) - managers} workers",
        *(f"  {host.node.name}: {_host(host.address, host.host_key, host.unreached)}" for host in sight.hosts),
        *(f"wrote {path}" for path in files),
    ]
    if found.notes:
        lines += ["", "To know:", *(f"  {line}" for line in found.notes)]
    if found.fill_in:
        lines += ["", "To fill in:", *(f"  {line}" for line in found.fill_in)]
    seed = "openssl rand -base64 32 | pulumi config set --secret metalswarm:seed"
    if found.ours:
        seed = "pulumi config set --secret metalswarm:seed            # the one that the cluster was made with"
    lines += [
        "",
        "Next:",
        f"  pulumi stack init {stack}",
        f"  {seed}",
        f"  pulumi config set --secret metalswarm:ssh-{profile} < {shlex.quote(str(key))}",
        *(f"  pulumi config set --secret metalswarm:{secret}" for secret in found.secrets),
        f"  metalswarm validate {' '.join(shlex.quote(str(path)) for path in files)}",
        "  pulumi preview        # creates only: nothing is replaced",
        "  pulumi up             # restarts nothing",
    ]
    return "\n".join(lines)


def _host(address: str, host_key: str, unreached: str) -> str:
    if unreached:
        return f"not reached: {unreached}"
    return f"{address}, host key {fingerprint(host_key)}, seen for the first time: compare it"
