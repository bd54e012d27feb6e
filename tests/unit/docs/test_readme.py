"""The README's samples that need no engine: its edits fit the dev stack, pure commands print what it shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from cli.validate import app as validate
from metal.cluster.consul import paths
from metal.cluster.docker import TLS_PORT
from metal.errors import SettingsError
from metal.settings import load_fleet
from metal.settings.fleet import Fleet, SwarmWish
from metal.survey.view import LAYERS
from tests.unit.docs.edits import apply
from tests.unit.docs.markdown import CHECKOUT, Document

README = Document(CHECKOUT / "README.md", (CHECKOUT / "README.md").read_text(encoding="utf-8"))
STACK = (CHECKOUT / "Pulumi.dev.yaml").read_text(encoding="utf-8")

HEADINGS = re.findall(r"^### .+$", README.section("## Scaling and repurposing"), re.MULTILINE)


def edited(heading: str) -> list[str]:
    """The stack file after each edit of a section, one building on the other."""
    texts, text = [], STACK
    for block in Document(README.path, README.section(heading)).blocks:
        if block.language == "diff":
            text = apply(text, block.text)
            texts.append(text)
    return texts


def fleet_of(text: str) -> Fleet:
    document = yaml.safe_load(text)["config"]["metalswarm:fleet"]
    return load_fleet(document, root=CHECKOUT, owner="metalswarm/dev")


def test_every_case_of_scaling_is_shown_as_an_edit() -> None:
    assert len(HEADINGS) >= 5
    assert all(edited(heading) for heading in HEADINGS)


@pytest.mark.parametrize("heading", [heading for heading in HEADINGS if "refuses" not in heading])
def test_an_edit_fits_the_dev_stack_and_is_valid(heading: str) -> None:
    before = fleet_of(STACK)
    for text in edited(heading):
        after = fleet_of(text)
        assert after != before, "an edit that changes nothing"
        before = after


def test_what_is_refused_is_refused_in_these_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heading = "### What a preview refuses"
    text = edited(heading)[1]
    with pytest.raises(SettingsError):
        fleet_of(text)
    (tmp_path / "Pulumi.dev.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    shown = CliRunner().invoke(validate, ["Pulumi.dev.yaml", "--root", str(CHECKOUT)])
    samples = [
        block.text for block in Document(README.path, README.section(heading)).blocks if block.language == "text"
    ]
    assert shown.exit_code == 1
    assert "$ metalswarm validate Pulumi.dev.yaml\n" + shown.output in samples


def test_the_example_is_valid_as_the_steps_say() -> None:
    project = CHECKOUT / "examples" / "prod"
    names = ["Pulumi.prod.yaml", "inventory/rack1.yaml", "inventory/rack2.yaml"]
    shown = CliRunner().invoke(validate, [str(project / name) for name in names] + ["--root", str(project)])
    assert shown.output.replace(f"{project}/", "") in [block.text for block in README.blocks]


def test_status_has_these_columns() -> None:
    heads = re.findall(r"^host .*$", README.text, re.MULTILINE)
    assert heads
    for head in heads:
        assert head.split() == ["host", "address", "purpose", *LAYERS]


def test_the_table_of_ports_has_ours() -> None:
    rows = re.findall(r"^\| (\d[^|]+) \|", README.section("## What needs what"), re.MULTILINE)
    told = {int(port) for row in rows for port in re.findall(r"(\d+)/", row)}
    wish = SwarmWish()
    ours = {TLS_PORT, wish.port, wish.data_path_port, paths.HTTPS_PORT, paths.SERF_PORT, paths.SWARM_GOSSIP_PORT}
    assert ours | {22, 623, 2377, 8300} <= told
