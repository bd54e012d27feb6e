"""The language host on the real engine: what a program prints, raises and sees."""

from __future__ import annotations

import pytest

from tests.engine.project import Project

pytestmark = pytest.mark.engine


def test_program_runs_in_its_own_folder_with_configuration(project: Project) -> None:
    project.create(
        "import pulumi\nfrom pathlib import Path\nimport beside\n"
        "pulumi.export('cwd', str(Path.cwd()))\npulumi.export('size', pulumi.Config().require_int('size'))\n",
        modules={"beside.py": ""},
    )
    project.config({"size": "3"})
    project.up().expect()
    (stack,) = [resource for name, resource in project.resources().items() if name == "probe-dev"]
    assert stack["outputs"] == {"cwd": str(project.folder), "size": 3}


def test_refusal_of_a_program_is_shown_without_a_traceback(project: Project) -> None:
    project.create("import pulumi\nraise pulumi.RunError('configuration refused:\\n  hosts: empty')\n")
    outcome = project.preview().expect(ok=False)
    assert "configuration refused:\n      hosts: empty" in outcome.output
    assert "Traceback" not in outcome.output


def test_unplanned_error_of_a_program_fails_the_preview(project: Project) -> None:
    project.create("1 / 0\n")
    assert "ZeroDivisionError" in project.preview().expect(ok=False).output


def test_printed_lines_reach_the_user(project: Project) -> None:
    project.create("print('six hosts')\n")
    assert "six hosts" in project.preview().expect().output
