"""Files that are added to: what was there stays, byte for byte."""

from __future__ import annotations

import pytest
import yaml

from metal.discover.document import add_entries, move_bmc, new_document
from metal.errors import SettingsError

LINES = ["# seen", "new1: {address: 10.0.0.9, bmc: 10.9.0.9}"]
BLOCK = """\
# rack 1
defaults:
  bmc: {credentials: dell} # all of them
hosts:
    # the first one
    n1: {address: 10.0.0.1, bmc: 10.9.0.1} # do not touch
    n2:
        address: 10.0.0.2
        bmc:
            address: 10.9.0.2 # on the left
            credentials: own

# jump hosts
jumps:
  b: {address: b.example.net}
"""


def added(text: str) -> str:
    done = add_entries(text, LINES, file="x.yaml")
    kept = [line for line in done.splitlines() if line.strip() not in LINES]
    assert [line for line in kept if line.strip() != "hosts:"] == [
        line for line in text.splitlines() if line.strip() not in ("hosts: {}", "hosts:", "hosts: ~")
    ]
    assert "new1" in yaml.safe_load(done)["hosts"]
    return done


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing yet\n",
        "hosts: {}\n",
        "hosts:\n",
        "hosts: ~\n",
        "jumps: {}\nhosts: {}\ndefaults: {}\n",
        "hosts:\n  n1: {address: 10.0.0.1, bmc: none}",
        "hosts:\n  n1: {address: 10.0.0.1, bmc: none}\n",
        "hosts:\n  n1:\n    address: 10.0.0.1\n    bmc: none # none at all\n# the end\n",
        "hosts:\n  n1: {address: 10.0.0.1,\n    bmc: none}\njumps: {}\n",
        "hosts:\n  n1:\n    address: 10.0.0.1\n    hold: |\n      for a\n      while\n    bmc: none\n",
        "hosts:\n  n1:\n    bmc: none\n    hold: |\n      for a\n      while\ndefaults: {}\n",
        BLOCK,
    ],
)
def test_entries_are_added_and_nothing_else_changes(text: str) -> None:
    added(text)


def test_they_stand_behind_the_last_one_with_its_indentation() -> None:
    assert added(BLOCK) == BLOCK.replace(
        "            credentials: own\n", "            credentials: own\n    # seen\n    " + LINES[1] + "\n"
    )


def test_a_new_file_is_an_inventory() -> None:
    assert "new1" in yaml.safe_load(new_document(LINES))["hosts"]
    assert yaml.safe_load(new_document([]))["hosts"] == {}


def test_nothing_to_add_is_nothing_done() -> None:
    assert add_entries("hosts: {n1: {}}", [], file="x.yaml") == "hosts: {n1: {}}"


@pytest.mark.parametrize("text", ["hosts: {n1: {bmc: none}}\n", "{hosts: {}}\n", "- n1\n", "hosts: [n1]\n", "a: [\n"])
def test_a_file_of_another_form_is_refused_in_words(text: str) -> None:
    with pytest.raises(SettingsError, match=r"x\.yaml: "):
        add_entries(text, LINES, file="x.yaml")


def test_a_bmc_gets_another_address_and_keeps_its_comments() -> None:
    assert move_bmc(BLOCK, "n1", "10.9.0.77", file="x.yaml") == BLOCK.replace("10.9.0.1}", "10.9.0.77}")
    assert move_bmc(BLOCK, "n2", "10.9.0.77", file="x.yaml") == BLOCK.replace("10.9.0.2 #", "10.9.0.77 #")
    none = "hosts:\n  n1: {address: 10.0.0.1, bmc: none}\n"
    assert move_bmc(none, "n1", "fd00::1", file="x.yaml") == none.replace("none", '"fd00::1"')
    whole = "{address: 10.9.0.77, credentials: dell}"
    assert move_bmc(none, "n1", "10.9.0.77", file="x.yaml", instead=whole) == none.replace("none", whole)
    assert move_bmc(BLOCK, "n1", "10.9.0.77", file="x.yaml", instead=whole) == BLOCK.replace("10.9.0.1}", "10.9.0.77}")


@pytest.mark.parametrize(
    "text",
    [
        "x: &bmc {address: 10.9.0.1}\nhosts:\n  n1: {address: 10.0.0.1, bmc: *bmc}\n",
        "hosts:\n  n1: {address: 10.0.0.1}\n",
        "hosts:\n  n2: {address: 10.0.0.1, bmc: none}\n",
    ],
)
def test_an_address_that_stands_elsewhere_is_left_to_a_person(text: str) -> None:
    with pytest.raises(SettingsError, match="stands elsewhere"):
        move_bmc(text, "n1", "10.9.0.77", file="x.yaml")


SLOT = "hosts:\n  n1: {address: 10.0.0.1, bmc: {system: slot1, address: 10.9.0.1, protocol: redfish}} # mine\n"


def test_a_system_goes_with_its_address() -> None:
    moved = move_bmc(SLOT, "n1", "10.9.0.2", file="x.yaml", system="slot4")
    assert moved == SLOT.replace("slot1", '"slot4"').replace("10.9.0.1", "10.9.0.2")
    assert move_bmc(SLOT, "n1", "10.9.0.1", file="x.yaml", system="slot4") == SLOT.replace("slot1", '"slot4"')
    assert move_bmc(BLOCK, "n1", "10.9.0.77", file="x.yaml", system="slot4") == BLOCK.replace("10.9.0.1}", "10.9.0.77}")


def test_an_address_without_its_system_is_not_written() -> None:
    with pytest.raises(SettingsError, match=r"hosts\.n1\.bmc\.system = slot1: is that of another BMC"):
        move_bmc(SLOT, "n1", "10.9.0.2", file="x.yaml")
    elsewhere = "x: &x {system: a}\nhosts:\n  n1: {address: 10.0.0.1, bmc: {<<: *x, address: 10.9.0.1}}\n"
    with pytest.raises(SettingsError, match="stands elsewhere"):
        move_bmc(elsewhere, "n1", "10.9.0.2", file="x.yaml", system="b")
