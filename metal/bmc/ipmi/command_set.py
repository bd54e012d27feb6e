"""pyghmi's command set on our own session: its parsing of sensors, inventory and users, none of its transport."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyghmi.exceptions import UnsupportedFunctionality
from pyghmi.ipmi.command import Command
from pyghmi.ipmi.private.util import get_ipmi_error

from metal.bmc.ipmi.link import IpmiLink
from metal.bmc.rmcp.frames import Request

__all__ = ["SessionCommand"]

_READ_FRU = (0x0A, 0x11)
_TOO_LONG = 0xC8
_CANNOT_RETURN = 0xCA


class _LinkSession:
    """What pyghmi's `Command` asks of its session, answered by a link."""

    ipmiversion = 2.0
    logged = 1
    broken = False
    userid = b""
    password = b""

    def __init__(self, link: IpmiLink) -> None:
        self._link = link
        self.bmc = link.address.address

    def raw_command(
        self,
        netfn: int,
        command: int,
        bridge_request: object = None,
        data: Sequence[int] = (),
        retry: bool = True,
        delay_xmit: float | None = None,
        timeout: float | None = None,
        callback: object = None,
        rslun: int = 0,
    ) -> dict[str, Any]:
        # `retry` is not looked at: the transport itself knows what must not be repeated.
        if bridge_request or callback or rslun:
            raise UnsupportedFunctionality("bridged and asynchronous requests are not supported")
        if delay_xmit:
            self._link.deadline.run.pause(delay_xmit, host=self._link.address.host)
        request = Request(netfn, command, bytes(data))
        reply = self._link.request(request, f"request {netfn:#04x}/{command:#04x}")
        code = reply.code
        # pyghmi reads FRU data in smaller pieces on 0xCA; some BMCs say 0xC8 to the same question.
        if (netfn, command) == _READ_FRU and code == _TOO_LONG:
            code = _CANNOT_RETURN
        answer = {"netfn": netfn + 1, "command": command, "code": code, "data": bytearray(reply.data)}
        error = get_ipmi_error(answer)
        if error:
            answer["error"] = error
        return answer

    def logout(self) -> dict[str, bool]:
        return {"success": True}


class SessionCommand(Command):  # type: ignore[misc]
    """A pyghmi `Command` whose requests go through an :class:`IpmiLink`; the link's owner closes it."""

    def __init__(self, link: IpmiLink) -> None:
        # The parent's constructor would open pyghmi's own session.
        self.onlogon = None
        self.bmc = link.address.address
        self._sdrcachedir = None
        self._sdr = None
        self._oem = None
        self._oemknown = False
        self._netchannel = None
        self._ipv6support = None
        self.certverify = None
        self.kwargs: dict[str, object] = {}
        self.ipmi_session = _LinkSession(link)
