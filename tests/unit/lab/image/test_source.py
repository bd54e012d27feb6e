"""Which of the machine's apt sources a lab uses."""

from __future__ import annotations

from lab.image.source import DebianSource, choose_source

DEBIAN = "http://a.example/debian|bookworm|main\n"
UPDATES = "http://a.example/debian|bookworm-updates|main\nhttp://b.example/sec|bookworm-security|main\n"
OTHERS = "https://c.example/tool|nodistro|main\nhttp://a.example/debian|trixie|main\nhttp://a.example/debian|bookworm|contrib\n"


def test_the_suite_with_its_updates_and_nothing_else() -> None:
    source = choose_source(OTHERS + DEBIAN + UPDATES)
    assert source == DebianSource(
        "http://a.example/debian",
        ("deb http://a.example/debian bookworm-updates main", "deb http://b.example/sec bookworm-security main"),
    )
    assert source.lines.splitlines()[0] == "deb http://a.example/debian bookworm main"


def test_a_suite_listed_twice_counts_once() -> None:
    assert choose_source(DEBIAN + UPDATES + UPDATES) == choose_source(DEBIAN + UPDATES)


def test_old_style_security_suite() -> None:
    source = choose_source(DEBIAN + "http://b.example/sec|bookworm/updates|main\n")
    assert source is not None
    assert source.updates == ("deb http://b.example/sec bookworm/updates main",)


def test_none_without_the_suite() -> None:
    assert choose_source(OTHERS) is None
    assert choose_source("") is None
