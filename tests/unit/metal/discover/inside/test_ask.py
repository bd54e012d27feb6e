"""The scripts that hosts are asked by, run by a real shell with an ipmitool that says what the real one said."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from metal.bmc.ipmi.lan import decode_address6
from metal.bmc.rmcp.frames import Reply
from metal.discover.inside.ask import look_around, parse_replies, parse_surroundings
from metal.discover.inside.observe import FIRST, about_lan, ask_bmc
from metal.discover.inside.sight import Lan, OwnBmc, Surroundings
from tests.lab.inband import recorded, shim

GUID = bytes.fromhex("4c4c454400424b108056b7c04f4a3132")


class Shell:
    """The part of a host's SSH that is used here, on this machine.

    :ivar asked: every call of ipmitool.
    """

    def __init__(self, folder: Path, text: str) -> None:
        self._log = folder / "asked"
        self.tool = folder / "ipmitool"
        self.tool.write_text(text.replace("#!/bin/sh\n", f'#!/bin/sh\necho "$*" >>{self._log}\n', 1))
        self.tool.chmod(0o755)
        self._path = f"{folder}:{os.environ['PATH']}"

    @property
    def asked(self) -> list[str]:
        return self._log.read_text().splitlines()

    def script(self, text: str, *args: str, timeout: float) -> Any:
        done = subprocess.run(
            ["sh", "-euc", text, "sh", *args],
            env={**os.environ, "PATH": self._path},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=True,
        )
        return SimpleNamespace(stdout=done.stdout)

    def bmc(self) -> tuple[OwnBmc | None, str]:
        return ask_bmc(self, Surroundings(tool=str(self.tool)))  # type: ignore[arg-type]


@pytest.mark.demand("H3")
@pytest.mark.parametrize(
    ("name", "lan"),
    [
        ("ipmi-sim-static", Lan(1, "127.0.60.9", "static", "06:00:00:00:60:09", is_open=True)),
        ("ipmi-sim-dhcp-vlan", Lan(1, "127.0.60.9", "DHCP", "06:00:00:00:60:09", vlan=12, is_open=True)),
        ("ipmi-sim-unset", Lan(1, is_open=True)),
    ],
)
def test_what_a_real_ipmitool_said(tmp_path: Path, name: str, lan: Lan) -> None:
    shell = Shell(tmp_path, shim(recorded(name)))
    assert shell.bmc() == (OwnBmc(4753, "9.08", GUID, (lan,)), "")
    assert len(shell.asked) == len(FIRST) + len(about_lan(1)), "no channel is asked about that is none"


def test_a_bmc_without_lan_commands_has_no_channel(tmp_path: Path) -> None:
    shell = Shell(tmp_path, shim(recorded("small-bmc")))
    assert shell.bmc() == (OwnBmc(4753, "9.18", GUID), "")
    assert len(shell.asked) == len(FIRST)


def test_the_first_failure_that_is_no_refusal_is_the_last(tmp_path: Path) -> None:
    shell = Shell(tmp_path, shim(recorded("no-device")))
    bmc, silence = shell.bmc()
    assert bmc is None
    assert silence.startswith("Could not open device at /dev/ipmi0")
    assert shell.asked == ["-I open raw 0x06 0x01"]


def test_a_bmc_that_hangs_half_way_is_silent(tmp_path: Path) -> None:
    said = {**recorded("ipmi-sim-static"), "0x0c 0x02 0x01 0x04 0x00 0x00": (124, "")}
    shell = Shell(tmp_path, shim(said))
    assert shell.bmc() == (None, "ipmitool had no answer within 15 s")
    assert shell.asked[-1] == "-I open raw 0x0c 0x02 0x01 0x04 0x00 0x00"


def test_nothing_but_questions_is_asked() -> None:
    # Get Device ID, System GUID, Channel Info, Channel Access, LAN Configuration Parameters.
    gets = {(0x06, 0x01), (0x06, 0x37), (0x06, 0x42), (0x06, 0x41), (0x0C, 0x02)}
    assert {(each.netfn, each.command) for each in (*FIRST, *about_lan(1))} == gets


def test_warnings_among_an_answer_are_no_bytes(tmp_path: Path) -> None:
    said = dict(recorded("ipmi-sim-static"))
    said["0x06 0x01"] = (0, f"Unable to Get Channel Cipher Suites\n{said['0x06 0x01'][1]}")
    assert Shell(tmp_path, shim(said)).bmc()[0] is not None


def test_ipv6_addresses_as_the_book_has_them() -> None:
    """Written by hand after IPMI 2.0 revision 1.1, table 23-4; no simulator at hand has them."""
    address = bytes.fromhex("fd000000000000000000000000000916")
    static, slaac = b"\x11\x00\x80" + address + b"\x40\x00", b"\x11\x00\x01" + address + b"\x40\x00"
    assert decode_address6(static) == ("fd00::916", "static")
    assert decode_address6(slaac) == ("fd00::916", "SLAAC")
    assert decode_address6(static[:-1] + b"\x01") == ("", ""), "disabled"
    assert decode_address6(b"\x11\x00\x80" + bytes(18)) == ("", "")
    assert decode_address6(b"") == ("", "")


def test_surroundings(tmp_path: Path) -> None:
    shell = Shell(tmp_path, shim({}))
    here = look_around(shell)  # type: ignore[arg-type]
    assert (here.tool, here.root) == (str(shell.tool), os.geteuid() == 0)
    assert bool(here.device) == Path("/dev/ipmi0").exists()
    text = "uid=1000\nmaker=ACME\nproduct=Server = 1\ndeclared=yes\nmodule=ipmi_si\nmodule=ipmi_devintf\ntool=\n"
    assert parse_surroundings(text) == Surroundings(
        root=False, declared=True, modules=("ipmi_si", "ipmi_devintf"), maker="ACME", product="Server = 1"
    )
    assert parse_surroundings("uid=0\n").declared is None


def test_what_stands_around_an_answer_is_no_part_of_it() -> None:
    """Banners, blank lines, carriage returns and no-break spaces; a form feed or a NEL ends no line."""
    for noise in ("\n", "Welcome to n1\n", "motd | 5 | x|\n", "\x0c", "0x06 0x01|0\n", "\x85\n"):
        assert parse_replies(f"{noise}\n0x06 0x01|0| 20 81\r\n")[0] == {"0x06 0x01": Reply(0, b"\x20\x81")}, noise
    for said in ("20\u00a081", "20 8", "cafe", "ab\x1ccd", "warn\x85 x"):
        assert parse_replies(f"0x06 0x01|0|{said};20\n") == ({"0x06 0x01": Reply(0, b"\x20")}, ""), said
    assert parse_replies("0x06 0x01|1|rsp=0xc1): no\n") == ({"0x06 0x01": Reply(0xC1, b"")}, "")


def test_what_a_host_says_steers_no_terminal() -> None:
    assert parse_replies("0x06 0x01|1|\x1b[2J no;\u200f way\r\n") == ({}, "\\x1b[2J no \\u200f way")
    around = parse_surroundings("hello\n\nuid=0\r\nmaker=\x1b[31mACME\x85\n")
    assert (around.root, around.maker) == (True, "\\x1b[31mACME")
