"""What a preview has to load: a provider process that reaches nothing pays for no client."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
CLIENTS = ("asyncssh", "httpx", "pyghmi", "cryptography")

LOAD = """
import sys
from importlib import import_module

for name in {names!r}:
    import_module(name)
print(*(name for name in {unwanted!r} if name in sys.modules))
"""


def modules(room: str) -> list[str]:
    """All of a room but `acts`, which is what an operation loads and a preview does not."""
    names = [path.stem for path in sorted((CHECKOUT / room).glob("*.py"))]
    return [f"{room}.{name}" for name in names if name not in ("__init__", "acts")]


def loaded(names: list[str], unwanted: tuple[str, ...]) -> list[str]:
    program = LOAD.format(names=names, unwanted=unwanted)
    done = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize(
    ("room", "unwanted"),
    [("providers", (*CLIENTS, "pydantic")), ("components", CLIENTS)],
)
def test_resource_classes_load_no_client(room: str, unwanted: tuple[str, ...]) -> None:
    names = modules(room)
    assert len(names) > 5
    assert loaded(names, unwanted) == []


def test_what_the_program_reads_its_settings_with_loads_no_client() -> None:
    assert loaded(["metal.settings.load", "metal.plan.parallel", "metal.errors"], CLIENTS) == []


def test_the_list_would_find_one() -> None:
    assert loaded(["metal.site", "metal.host.ssh"], CLIENTS) == ["asyncssh", "cryptography"]
