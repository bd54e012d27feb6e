"""An address and a port in one text, for IPv4 and IPv6 alike."""

from __future__ import annotations

__all__ = ["bracketed", "every_address", "with_port"]


def bracketed(address: str) -> str:
    """The address as a URL holds it: in brackets where it is an IPv6 one (RFC 3986, section 3.2.2)."""
    return f"[{address}]" if ":" in address else address


def with_port(address: str, port: int) -> str:
    """`10.0.0.1:2376`, `[fd00::1]:2376`."""
    return f"{bracketed(address)}:{port}"


def every_address(of: str) -> str:
    """What to listen on for all of a host's addresses, as a URL holds it.

    :param of: the host's own address. `[::]` takes connections of both families; a host with an IPv4 address keeps
        `0.0.0.0`, which is what its units said before there were others.
    """
    return "[::]" if ":" in of else "0.0.0.0"  # noqa: S104
