"""Host keys: one text form, fingerprints, and the check made while the connection is being set up."""

from __future__ import annotations

import asyncssh

from metal.errors import HostError, HostFault

__all__ = ["HostKeyCheck", "algorithms_for", "fingerprint", "mismatch", "same_key", "text_of"]

# Preferred first: short, fast, made by every sshd of this decade.
_ALGORITHMS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)


def text_of(key: asyncssh.SSHKey) -> str:
    """A public key as `type base64`, without a comment."""
    return " ".join(key.export_public_key().decode("ascii").split()[:2])


def parse(text: str) -> asyncssh.SSHKey:
    """A public key from `type base64 [comment]`.

    :raises ValueError: not a public key.
    """
    try:
        return asyncssh.import_public_key(text.strip())
    except asyncssh.KeyImportError as error:
        raise ValueError(f"not an SSH public key: {text[:40]!r} ({error})") from None


def fingerprint(text: str) -> str:
    """`type SHA256:...`, as ssh-keygen -l shows it."""
    key = parse(text)
    return f"{key.get_algorithm()} {key.get_fingerprint()}"


def same_key(left: str, right: str) -> bool:
    """Whether two texts are the same key; comments and white space do not count."""
    return left.split()[:2] == right.split()[:2]


def algorithms_for(pinned: str | None) -> list[str]:
    """Signature algorithms to offer: the pinned key's first.

    The others follow, so that a host with another kind of key is told apart by its fingerprint
    instead of failing the negotiation with nothing to show.
    """
    if pinned is None:
        return list(_ALGORITHMS)
    kind = pinned.split()[0]
    first = ["rsa-sha2-512", "rsa-sha2-256"] if kind == "ssh-rsa" else [kind]
    return first + [name for name in _ALGORITHMS if name not in first]


def mismatch(name: str, *, expected: str, seen: str) -> HostError:
    """The error for a host that shows another key than the pinned one; never to be retried."""
    return HostError(
        "host key does not match the pinned one; nothing was sent",
        fault=HostFault.HOST_KEY,
        host=name,
        tried=[f"expected {fingerprint(expected)}"],
        seen=fingerprint(seen),
        next_step=(
            "compare with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the host's console; if it was "
            "reinstalled outside this program, correct host_key in the inventory (or raise its generation); "
            "otherwise somebody answers in its place"
        ),
    )


class HostKeyCheck(asyncssh.SSHClient):
    """Compares the server's key with the pinned one, and keeps what the server said before the login.

    :ivar seen: the key on the wire, as text, once the exchange got that far.
    :ivar banner: what the server printed during authentication.
    """

    def __init__(self, pinned: str | None) -> None:
        self.pinned = pinned
        self.seen: str | None = None
        self.banner = ""

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        self.seen = text_of(key)
        return self.pinned is None or same_key(self.pinned, self.seen)

    def auth_banner_received(self, msg: str, lang: str) -> None:
        self.banner += msg
