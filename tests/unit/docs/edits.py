"""The README's edits of the dev stack, carried out on its text as a person would."""

from __future__ import annotations

__all__ = ["apply"]


def apply(text: str, diff: str) -> str:
    """`text` after the edit that a diff block shows: lines with ' ' or '-' must be there, one after the other, once.

    :raises AssertionError: they are not.
    """
    lines = diff.splitlines()
    before = "".join(line[1:] + "\n" for line in lines if line[:1] in (" ", "-"))
    after = "".join(line[1:] + "\n" for line in lines if line[:1] in (" ", "+"))
    assert before, f"nothing says where:\n{diff}"
    assert text.count(before) == 1, f"is {text.count(before)} times in the file:\n{before}"
    return text.replace(before, after)
