"""What a BMC or host said, as one line that a terminal or a file's comment takes. No I/O."""

from __future__ import annotations

import json

__all__ = ["one_line", "quoted"]


def one_line(text: str) -> str:
    """The text with everything escaped that is not printable: line breaks and what steers a terminal are such."""
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def quoted(text: str) -> str:
    """A double-quoted YAML scalar on one line, which reads as this text again."""
    # As JSON quotes it; but what it escapes beyond 16 bits as two halves, YAML does not put together again.
    return one_line(json.dumps(text, ensure_ascii=False))


def _escaped(char: str) -> str:
    """As a double-quoted YAML scalar has it."""
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
