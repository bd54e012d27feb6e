"""What others said, on one line."""

from __future__ import annotations

import pytest
import yaml

from metal.discover.entries import bmc_map, entry_lines
from metal.discover.line import one_line, quoted
from metal.discover.sight import Found, Machine, RedfishRoot
from metal.settings.inventory_model import BmcModel

EVIL = "2#\n  evil: {address: 10.66.6.6}\r\x85\u2028\x1b[2J"


def test_a_line_stays_one_and_steers_no_terminal() -> None:
    assert one_line(EVIL) == "2#\\x0a  evil: {address: 10.66.6.6}\\x0d\\x85\\u2028\\x1b[2J"
    assert one_line("Größe \U0001f600") == "Größe \U0001f600"


@pytest.mark.parametrize("text", [EVIL, "\U0001f600S", "é", 'a"\\b', "\x7f\x00", "\U000e0001"])
def test_what_is_quoted_reads_as_it_was(text: str) -> None:
    assert yaml.safe_load(quoted(text)) == text
    assert quoted(text).isprintable()


def test_an_entry_holds_nothing_that_a_bmc_could_put_beside_it() -> None:
    machine = Machine(EVIL, EVIL, EVIL, "\U0001f600S", ("\U0001f600S",), mac=EVIL, power=EVIL)
    found = Found(
        "10.9.1.1", redfish=RedfishRoot(EVIL, EVIL, EVIL, EVIL), machine=machine, system=EVIL, unread=f"no {EVIL}"
    )
    lines = entry_lines(found, "n1", credentials="dell")
    assert all(line.isprintable() for line in lines)
    assert all(line.startswith("# ") for line in lines[:-1])
    read = yaml.safe_load("\n".join(lines))
    assert list(read) == ["n1"]
    assert (read["n1"]["serial"], read["n1"]["bmc"]["system"]) == ("\U0001f600S", EVIL)
    assert yaml.safe_load(bmc_map(found, ""))["fingerprint"] == EVIL


@pytest.mark.parametrize("key", ["system", "ca"])
def test_the_inventory_takes_no_line_breaks_there(key: str) -> None:
    with pytest.raises(ValueError, match="not one line of text"):
        BmcModel.model_validate({"address": "10.9.1.1", key: "a\nb"})
