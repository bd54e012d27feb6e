"""Which of a swarm's ports a host cannot reach on its managers: asked when a join does not come through."""

from __future__ import annotations

from collections.abc import Sequence

from metal.host.ssh import Ssh
from metal.settings.endpoint import with_port

__all__ = ["closed_ports"]

# Control and gossip; both speak TCP too. Gossip and overlay by UDP give no answer that could be waited for.
_CONTROL, _GOSSIP = 2377, 7946
_DIAL_SECONDS = 3
_TIMED_OUT = 124

_DIAL = """
for port in "$@"; do
  (
    rc=0
    timeout "$SECONDS_EACH" bash -c 'exec 3<>"/dev/tcp/$0/$1"' "${port%/*}" "${port#*/}" 2>/dev/null || rc=$?
    echo "$port $rc"
  ) &
done
wait
"""


def closed_ports(ssh: Ssh, managers: Sequence[str]) -> tuple[str, ...]:
    """Return the managers' ports that do not take a connection from this host, each with how it fails; sorted.

    :param managers: their control addresses, `ip:port`.
    Source: Docker's manual, "Getting started with swarm mode", open protocols and ports between the hosts.
    """
    addresses = sorted({manager.rpartition(":")[0].strip("[]") for manager in managers})
    targets = [f"{address}/{port}" for address in addresses for port in (_CONTROL, _GOSSIP)]
    if not targets:
        return ()
    script = _DIAL.replace("$SECONDS_EACH", str(_DIAL_SECONDS))
    done = ssh.script(script, *targets, timeout=_DIAL_SECONDS * 5)
    answers = dict(line.split() for line in done.stdout.splitlines())
    return tuple(_told(target, int(answers[target])) for target in targets if answers[target] != "0")


def _told(target: str, status: int) -> str:
    address, _, port = target.partition("/")
    return f"{with_port(address, int(port))}/tcp {'does not answer' if status == _TIMED_OUT else 'is refused'}"
