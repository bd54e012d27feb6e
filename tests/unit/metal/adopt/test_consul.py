"""Where a Consul agent listens, as `ss -Hltnp` tells it."""

from __future__ import annotations

from metal.adopt.consul import parse_listening

SAID = """\
LISTEN 0      4096       127.0.0.1:8600       0.0.0.0:*    users:(("consul",pid=812,fd=12))
LISTEN 0      4096               *:8500             *:*    users:(("consul",pid=812,fd=14))
LISTEN 0      4096       10.0.0.1:8300        0.0.0.0:*    users:(("consul",pid=812,fd=7))
LISTEN 0      4096       10.0.0.1:8443        0.0.0.0:*    users:(("consul",pid=812,fd=7))
LISTEN 0      128          0.0.0.0:22         0.0.0.0:*    users:(("sshd",pid=300,fd=3))
"""


def test_only_consuls_own_loopback_first_and_everywhere_is_asked_there() -> None:
    assert parse_listening(SAID) == (
        ("127.0.0.1", 8500),
        ("127.0.0.1", 8600),
        ("10.0.0.1", 8300),
        ("10.0.0.1", 8443),
    )
    assert parse_listening("") == ()
