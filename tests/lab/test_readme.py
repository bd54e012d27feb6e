"""The README's section on scaling, followed to the letter: its edits, on a lab, do what it shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
import yaml

from lab.api import Lab
from lab.spec import LabSpec
from tests.engine.project import CHECKOUT, Outcome
from tests.lab.stack import LabStack
from tests.unit.docs.edits import apply
from tests.unit.docs.markdown import Block, Document

pytestmark = [pytest.mark.lab, pytest.mark.engine, pytest.mark.full]

README = Document(CHECKOUT / "README.md", (CHECKOUT / "README.md").read_text(encoding="utf-8"))
BASE = (CHECKOUT / "Pulumi.dev.yaml").read_text(encoding="utf-8")

REFUSED = "### What a preview refuses"
CASES = [
    heading
    for heading in re.findall(r"^### .+$", README.section("## Scaling and repurposing"), re.MULTILINE)
    if heading != REFUSED
]

_STEP = re.compile(
    r"^ (?P<sign>[-+~][-+~ ]) (?P<type>\S+) (?P<name>\S+) "
    r"(?P<did>created? replacement|created?|deleted? original|deleted?|updated?|replaced?)(?= |$)"
)
# The engine's sign of life, which ends its line or does not.
_BUSY = re.compile(r"^@ (?:previewing update|updating)\.+")
_COUNT = re.compile(r"^ {4}(?:[-+~]+ ?\d+ .+|\d+ changes\. .+|\d+ unchanged)$")


def steps(text: str) -> set[tuple[str, ...]]:
    """What was, or would be, done to which resource; without times and messages."""
    return {
        found.group("sign", "type", "name", "did")
        for line in text.splitlines()
        if (found := _STEP.match(_BUSY.sub("", line.rstrip())))
    }


def counts(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines() if _COUNT.match(line.rstrip())]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    spec = LabSpec(
        name="readme",
        subnet=IPv4Network("10.82.0.0/24"),
        bmc_base=IPv4Address("127.0.7.0"),
        directory=CHECKOUT / ".metalswarm" / "test-readme",
    )
    lab = Lab.from_spec(spec)
    lab.down()
    try:
        lab.up()
        yield lab
    finally:
        lab.down()


@pytest.fixture(scope="module")
def born(lab: Lab, pulumi_bin: Path, tmp_path_factory: pytest.TempPathFactory) -> LabStack:
    stack = LabStack(tmp_path_factory.mktemp("readme") / "project", pulumi_bin, lab)
    stack.up().expect()
    return stack


@pytest.fixture
def stack(born: LabStack, lab: Lab) -> Iterator[LabStack]:
    """The dev stack as the README's reader has it, whatever the case before has edited."""
    yield born
    for host in lab.hosts:
        host.plug()
    wish(born, BASE)
    born.up().expect()


def wish(stack: LabStack, text: str) -> None:
    network = str(stack.lab.spec.subnet.network_address).rsplit(".", 1)[0] + "."
    document = yaml.safe_load(text.replace("10.77.0.", network))["config"]["metalswarm:fleet"]
    stack.fleet = {**document, "inventory": ["inventory.yaml"]}


def blocks(heading: str) -> list[Block]:
    return Document(README.path, README.section(heading)).blocks


def as_shown(outcome: Outcome, shown: str) -> None:
    outcome.expect()
    assert steps(shown), f"nothing to compare in:\n{shown}"
    assert steps(shown) <= steps(outcome.output), outcome.output
    assert counts(shown) == counts(outcome.output), outcome.output


@pytest.mark.parametrize("heading", CASES)
def test_an_edit_does_what_is_shown(stack: LabStack, lab: Lab, heading: str) -> None:
    text, due = BASE, False
    if "the BMC of `n4` was unplugged" in README.section(heading):
        lab.host("n4").unplug()
    for block in blocks(heading):
        if block.language == "diff":
            if due:
                stack.up().expect()
            text, due = apply(text, block.text), True
            wish(stack, text)
        elif block.text.startswith("Previewing update"):
            shown = stack.preview()
            as_shown(shown, block.text)
            assert steps(shown.output) == steps(block.text), "a preview is shown whole"
        elif block.text.startswith("Updating"):
            as_shown(stack.up(), block.text)
            due = False
    if due:
        stack.up().expect()
    assert set(stack.up().expect().changes) == {"same"}


def test_what_is_refused_is_refused_in_these_words(born: LabStack) -> None:
    *_, edit = [block.text for block in blocks(REFUSED) if block.language == "diff"]
    *_, words = [block.text for block in blocks(REFUSED) if block.language == "text"]
    wish(born, apply(BASE, edit))
    try:
        refused = born.preview().expect(ok=False)
        for line in words.splitlines():
            assert line.strip() in refused.output
    finally:
        wish(born, BASE)
