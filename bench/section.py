"""Parts of one document, each written by a bench of its own and left alone by the others."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["put_section"]


def put_section(path: Path, command: str, text: str) -> None:
    """Replace what `command` wrote before, or append it.

    :param command: as a person types it; marks the part in the document, unseen when it is rendered.
    """
    before = path.read_text(encoding="utf-8")
    start, end = f"<!-- {command} -->", f"<!-- end of {command} -->"
    part = f"{start}\n{text.strip()}\n{end}"
    found = re.compile(re.escape(start) + ".*?" + re.escape(end), re.DOTALL)
    # By a function: a replacement text would have its backslashes read.
    after = found.sub(lambda _: part, before) if found.search(before) else f"{before.rstrip()}\n\n{part}\n"
    path.write_text(after, encoding="utf-8")
