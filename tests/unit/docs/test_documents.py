"""What the documents name exists: links, commands, options, variables, files."""

from __future__ import annotations

import itertools
import os
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from cli.main import app
from tests.unit.docs.markdown import CHECKOUT, Document, documents
from toolchain import __main__ as tools

DOCUMENTS = documents()
EACH = pytest.mark.parametrize("document", DOCUMENTS, ids=[str(d.path.relative_to(CHECKOUT)) for d in DOCUMENTS])

MADE_BY_COMMANDS = {"docs/benchmarks.md", "docs/benchmarks-lifecycle.md"}
"""Files that a command writes; a checkout may be without them."""

ROOMS = "bench|cli|components|docs|examples|fleet|inventory|lab|metal|policy|providers|schema|tests|toolchain"
PATH = re.compile(rf"(?<![\w/.$-])(?:{ROOMS})/[\w./-]*[\w](?:\.(?:py|md|yaml|json|sh|go|c))\b")
VARIABLE = re.compile(r"\b(?:METALSWARM|PULUMI)_[A-Z]+(?:_[A-Z]+)*_?\b")


def test_there_are_documents() -> None:
    names = {document.path.name for document in DOCUMENTS}
    assert {"README.md", "index.md", "settings.md", "operations.md", "architecture.md", "lab.md"} <= names


@EACH
def test_every_relative_link_leads_somewhere(document: Document) -> None:
    for target in document.links:
        if re.match(r"[a-z]+:", target):
            assert target.startswith("https://"), target
            continue
        name, _, anchor = target.partition("#")
        path = (document.path.parent / name).resolve() if name else document.path
        assert path.exists(), f"{target}: no such file"
        if anchor:
            anchors = Document(path, path.read_text(encoding="utf-8")).anchors
            assert anchor in anchors, f"{target}: {path.name} has {sorted(anchors)}"


@EACH
def test_every_make_target_exists(document: Document) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    for line in document.code_lines:
        for target in re.findall(r"(?:^|[;&$] ?)make ([a-z][a-z-]*)", line):
            assert target in targets, f"make {target}: {line}"


@EACH
def test_every_metalswarm_command_is_understood(document: Document) -> None:
    for line in document.code_lines:
        found = re.match(r"(?:\$ )?(?:\. \S+; )?(metalswarm(?: .*)?)$", line.strip())
        if found:
            for argv in _alternatives(found[1]):
                _parse(typer.main.get_command(app), argv[1:], line)


def _alternatives(line: str) -> list[list[str]]:
    """`power n1 on|off [--x]` as each of the commands that it stands for."""
    words = shlex.split(re.sub(r"[\[\]]", "", line.replace("<stack>", "dev")), comments=True)
    return [list(choice) for choice in itertools.product(*(word.split("|") for word in words))]


def _parse(command: Any, argv: list[str], line: str) -> None:
    """Let the command line's own parser judge; nothing is run."""
    if not argv or argv == ["--help"]:
        return
    try:
        context = command.make_context(command.name or "metalswarm", list(argv))
    except Exception as error:
        if type(error).__name__ == "MissingParameter":
            return  # a sentence may name a command without its arguments
        pytest.fail(f"{line}: {error}")
    rest = [*getattr(context, "_protected_args", []), *context.args]
    if rest and hasattr(command, "get_command"):
        found = command.get_command(context, rest[0])
        assert found is not None, f"{line}: no command {rest[0]}"
        _parse(found, rest[1:], line)


@EACH
def test_every_tool_of_the_toolchain_exists(document: Document) -> None:
    for line in document.code_lines:
        for name in re.findall(r"-m toolchain ([a-z-]+)", line):
            assert name in tools._TOOLS, line


@EACH
def test_every_variable_is_one_that_something_reads(document: Document) -> None:
    known = _sources()
    for name in sorted(set(VARIABLE.findall(document.text))):
        assert _is_read(name, known), f"{name}: nothing reads it"


def _is_read(name: str, known: str) -> bool:
    if re.fullmatch(r"METALSWARM_(BMC|CONSUL|SSH|MANAGER|SEED)(_.*)?", name):
        return True  # by profile; tests of the credentials go through them
    return name in known


def _sources() -> str:
    """What the program and its tests are written of, without these documents' own tests."""
    folders = ("cli", "components", "metal", "providers", "toolchain", "tests/engine")
    files = [path for folder in folders for path in (CHECKOUT / folder).rglob("*.py")]
    return "\n".join(path.read_text(encoding="utf-8") for path in [*files, CHECKOUT / ".envrc", CHECKOUT / "Makefile"])


@EACH
def test_every_file_that_is_named_exists(document: Document) -> None:
    for name in set(PATH.findall(document.text)) - MADE_BY_COMMANDS:
        places = (CHECKOUT / name, CHECKOUT / "examples" / "prod" / name)
        assert any(place.exists() for place in places), name


@EACH
def test_secrets_are_set_as_the_program_looks_for_them(document: Document) -> None:
    for line in document.code_lines:
        for key in re.findall(r"config set --secret ([\w:-]+)", line):
            assert re.fullmatch(r"metalswarm:(seed|(bmc|ssh|manager)-[a-z0-9-]+)", key), line
            assert not re.search(rf"{key} +(?![<#(])\S", line), f"a secret in the shell's history: {line}"


@EACH
def test_nothing_of_one_machine_is_in_a_document(document: Document) -> None:
    for word in (str(CHECKOUT), "/work/", "/tmp/", os.environ.get("HOME", "/root") + "/"):
        assert word not in document.text, word


def test_the_environment_is_told_whole() -> None:
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    exported = set(re.findall(r"^export ([A-Z_]+)=", (CHECKOUT / ".envrc").read_text(), re.MULTILINE))
    told = set(re.findall(r"^\| `([A-Z_]+)` \|", readme, re.MULTILINE))
    assert exported <= told


def test_every_document_is_in_the_index() -> None:
    index = Document(CHECKOUT / "docs" / "index.md", (CHECKOUT / "docs" / "index.md").read_text(encoding="utf-8"))
    linked = {(index.path.parent / link.partition("#")[0]).resolve() for link in index.links}
    written = {Path(document.path) for document in DOCUMENTS if document.path.parent == CHECKOUT / "docs"}
    made = {CHECKOUT / name for name in MADE_BY_COMMANDS}
    assert written - made - {index.path} <= linked
