"""docs/demands.md and the tests agree: a row names the tests that carry its number, a number carried has its row."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.unit.docs.markdown import CHECKOUT

DOCUMENT = CHECKOUT / "docs" / "demands.md"
ROW = re.compile(
    r"^\| (?P<number>[A-Z]\d+) \| (?P<wish>[^|]+) \| (?P<done>[^|]+) \| (?P<tests>[^|]+) \|$", re.MULTILINE
)
TEST = re.compile(r"`(?P<path>tests/[\w/]+\.py)(?:::(?P<name>test_\w+))?`")
NOT_BUILT = "not built"

LAST = {"U": 63, "R": 7, "H": 7, "W": 10, "E": 7}
WANTED = {f"{letter}{number}" for letter, last in LAST.items() for number in range(1, last + 1)}


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
    """Tests by the number they carry, read from the source: nothing is imported. No name stands for a whole file."""
    found: dict[str, set[tuple[str, str]]] = {}
    for path in sorted((CHECKOUT / "tests").rglob("test_*.py")):
        file = str(path.relative_to(CHECKOUT))
        for test, number in _marked(ast.parse(path.read_text(encoding="utf-8"))):
            found.setdefault(number, set()).add((file, test))
    return found


def _marked(module: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from ((node.name, number) for mark in node.decorator_list for number in _numbers(mark))
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            yield from (("", number) for mark in ast.walk(node.value) for number in _numbers(mark))


def _numbers(mark: ast.AST) -> Iterator[str]:
    if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.demand":
        yield from (ast.literal_eval(argument) for argument in mark.args)


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
