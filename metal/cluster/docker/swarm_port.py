"""The swarm's own port on managers: systemd takes the connections and hands them to the engine's TLS port.

TLS passes through untouched, so the engine asks for the client's certificate as on its own port, and a promotion or
demotion needs no restart of the engine.
"""

from __future__ import annotations

from metal.cluster.docker.wish import TLS_PORT
from metal.errors import HostError, HostFault
from metal.host.service import ensure_active, ensure_unit, observe_unit, remove_unit, stop
from metal.host.ssh import Ssh
from metal.settings.endpoint import every_address
from metal.waiting import Deadline

__all__ = ["ensure_swarm_port", "port_units", "remove_swarm_port"]

_NAME = "metalswarm-swarm-port"
# /lib where /usr is not merged.
_PROXIES = ("/usr/lib/systemd/systemd-socket-proxyd", "/lib/systemd/systemd-socket-proxyd")


def port_units(port: int, proxy: str, address: str) -> tuple[str, str]:
    """Return the texts of the socket and the service. Pure.

    :param address: the host's own.
    Source: systemd.socket(5), systemd-socket-proxyd(8).
    """
    socket = (
        f"[Unit]\nDescription=Swarm client port {port}, mutual TLS\n\n"
        f"[Socket]\nListenStream={every_address(address)}:{port}\nNoDelay=yes\n\n"
        "[Install]\nWantedBy=sockets.target\n"
    )
    service = (
        f"[Unit]\nDescription=Swarm client port {port} to the Docker Engine\n"
        f"Requires={_NAME}.socket\nAfter={_NAME}.socket docker.service\n\n"
        f"[Service]\nExecStart={proxy} 127.0.0.1:{TLS_PORT}\nDynamicUser=yes\nNoNewPrivileges=yes\n"
    )
    return socket, service


def ensure_swarm_port(ssh: Ssh, port: int, *, deadline: Deadline) -> bool:
    """Have `port` open on every address and lead to the engine's TLS port; true when something changed."""
    socket, service = port_units(port, _proxy(ssh), ssh.access.address)
    changed = ensure_unit(ssh, f"{_NAME}.service", service)
    changed |= ensure_unit(ssh, f"{_NAME}.socket", socket)
    if changed or f":{port} " not in _listening(ssh):
        # A socket cannot be moved under a running service.
        stop(ssh, f"{_NAME}.socket", deadline=deadline, disable=False)
        stop(ssh, f"{_NAME}.service", deadline=deadline, disable=False)
        changed = True
    return ensure_active(ssh, f"{_NAME}.socket", deadline=deadline) or changed


def remove_swarm_port(ssh: Ssh, *, deadline: Deadline) -> bool:
    """Close the port and remove its units; true when there was one."""
    gone = remove_unit(ssh, f"{_NAME}.socket", deadline=deadline)
    return remove_unit(ssh, f"{_NAME}.service", deadline=deadline) or gone


def _listening(ssh: Ssh) -> str:
    """The addresses that the socket unit listens on; empty when it is not up."""
    if not observe_unit(ssh, f"{_NAME}.socket").up:
        return ""
    return ssh.run(["systemctl", "show", "--property=Listen", "--value", "--", f"{_NAME}.socket"]).stdout


def _proxy(ssh: Ssh) -> str:
    for path in _PROXIES:
        if ssh.run(["test", "-x", path], check=False).rc == 0:
            return path
    raise HostError(
        "systemd-socket-proxyd is missing",
        fault=HostFault.NOT_READY,
        host=ssh.access.host,
        tried=list(_PROXIES),
        next_step="install the part of systemd that holds it",
    )
