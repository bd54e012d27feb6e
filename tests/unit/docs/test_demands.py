"""docs/demands.md and the tests agree: a row names the tests that carry its number, a number carried has its row."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.unit.docs.markdown import CHECKOUT

DOCUMENT = CHECKOUT / "docs" / "demands.md"
ROW = re.compile(
    r"^\| (?P<number>[A-Z]\d+) \| (?P<wish>[^|]+) \| (?P<done>[^|]+) \| (?P<tests>[^|]+) \|$", re.MULTILINE
)
TEST = re.compile(r"`(?P<path>tests/[\w/]+\.py)::(?P<name>test_\w+)`")
NOT_BUILT = "not built"

WANTED = {f"U{number}" for number in range(39, 60)} | {f"W{n}" for n in range(1, 11)} | {f"E{n}" for n in range(1, 8)}


@dataclass(frozen=True)
class Row:
    number: str
    done: str
    tests: frozenset[tuple[str, str]]


def rows() -> list[Row]:
    text = DOCUMENT.read_text(encoding="utf-8")
    return [
        Row(found["number"], found["done"].strip(), frozenset(TEST.findall(found["tests"])))
        for found in ROW.finditer(text)
    ]


def carried() -> dict[str, set[tuple[str, str]]]:
    """Tests by the number they carry, read from the source: nothing is imported."""
    found: dict[str, set[tuple[str, str]]] = {}
    for path in sorted((CHECKOUT / "tests").rglob("test_*.py")):
        name = str(path.relative_to(CHECKOUT))
        for function, numbers in _marked(path):
            for number in numbers:
                found.setdefault(number, set()).add((name, function))
    return found


def _marked(path: Path) -> Iterator[tuple[str, list[str]]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.demand":
                    yield node.name, [ast.literal_eval(argument) for argument in mark.args]


def test_every_demand_has_one_row() -> None:
    numbers = [row.number for row in rows()]
    assert len(numbers) == len(set(numbers)), "a number has two rows"
    assert not WANTED - set(numbers), "demands without a row"


def test_a_row_names_tests_or_says_that_nothing_is_built() -> None:
    for row in rows():
        assert bool(row.tests) != row.done.startswith(NOT_BUILT), row.number


def test_rows_and_tests_name_each_other() -> None:
    by_number = carried()
    for row in rows():
        assert row.tests == by_number.get(row.number, set()), f"{row.number}: its row and its tests differ"
    assert not set(by_number) - {row.number for row in rows()}, "numbers carried by tests and without a row"
