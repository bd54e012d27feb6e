"""What the real ipmitool says of a BMC over LAN, and an ipmitool for its host that says the same from inside.

No lab host has an IPMI device of its own; the bytes of an answer do not depend on the way that the request came.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from metal.discover.inside.ask import spell
from metal.discover.inside.observe import FIRST, about_lan

__all__ = ["Replies", "ask_over_lan", "recorded", "shim"]

Replies = Mapping[str, Sequence[object]]
"""By request, as `ipmitool raw` takes it: exit status, and both outputs as one text."""

_RECORDED = Path(__file__).parents[1] / "recorded" / "inside"


def ask_over_lan(address: str, port: int, user: str, password: str) -> Replies:
    """Everything that is asked of a BMC with one LAN channel, number 1."""
    requests = [spell(request) for request in (*FIRST, *about_lan(1))]
    return {request: _ask(address, port, user, password, request) for request in requests}


def _ask(address: str, port: int, user: str, password: str, request: str) -> tuple[int, str]:
    # Suite 3 is named: asking for a list of suites first takes many seconds where there is none.
    over_lan = ["-I", "lanplus", "-C", "3", "-N", "2", "-E", "-H", address, "-p", str(port), "-U", user]
    done = subprocess.run(
        ["ipmitool", *over_lan, "raw", *request.split()],
        env={**os.environ, "IPMI_PASSWORD": password},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


def recorded(name: str) -> Replies:
    """A file of tests/recorded/inside; each says where it comes from."""
    found = json.loads((_RECORDED / f"{name}.json").read_text())
    assert found["origin"]
    return dict(found["replies"])


def shim(replies: Replies) -> str:
    """An ipmitool that knows these requests over the system interface and no others."""
    cases = "".join(
        f"{shlex.quote(f'-I open raw {request}')}) printf %s {shlex.quote(str(said))}; exit {status} ;;\n"
        for request, (status, said) in replies.items()
    )
    return f'#!/bin/sh\ncase "$*" in\n{cases}*) echo "not known: $*" >&2; exit 99 ;;\nesac\n'
