"""A state that a kill or a power cut left half written: the cures of docs/operations.md, on the engine's own files."""

from __future__ import annotations

import pytest

from tests.engine.project import CHECKOUT, Project
from tests.engine.torn import mend_torn_attributes

pytestmark = pytest.mark.engine

OPERATIONS = (CHECKOUT / "docs" / "operations.md").read_text(encoding="utf-8")


@pytest.mark.demand("U59")
def test_torn_attributes_cost_nothing_and_a_torn_state_one_version(project: Project) -> None:
    project.create("import pulumi\npulumi.export('greeting', 'hello')\n")
    project.up().expect()
    state = project.checkpoint
    whole = project.export()
    mend_torn_attributes(project)
    assert state.with_name("dev.json.attrs").exists(), "a whole one stays"

    attributes = state.with_name("dev.json.attrs")
    attributes.write_text("")
    refused = project.run("stack", "export", "--stack", "dev").expect(ok=False)
    assert "failed to load checkpoint: EOF" in refused.output
    assert "`failed to load checkpoint: EOF`" in OPERATIONS
    mend_torn_attributes(project)
    assert not attributes.exists()
    assert project.export() == whole

    state.write_text("")
    refused = project.run("stack", "export", "--stack", "dev").expect(ok=False)
    assert "unexpected end of JSON input" in refused.output
    assert "unexpected end of JSON input`" in OPERATIONS
    state.write_bytes(state.with_name("dev.json.bak").read_bytes())
    project.up().expect()
    assert project.export()["resources"][0]["outputs"] == {"greeting": "hello"}
