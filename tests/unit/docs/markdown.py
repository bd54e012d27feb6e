"""The documents as data: links, headings, code."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CHECKOUT", "Block", "Document", "documents"]

CHECKOUT = Path(__file__).resolve().parents[3]

_FENCE = re.compile(r"^```(?P<language>[a-z]*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_INDENTED = re.compile(r"(?:(?<=\n\n)|(?<=:\n))(?P<text>(?: {4}.*\n|\n)+)")
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"(?<!\!)\[[^\]]+\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One block of code.

    :ivar language: as the fence says; empty for an indented block.
    :ivar after: the last line of text before it.
    """

    language: str
    text: str
    after: str


@dataclass(frozen=True)
class Document:
    path: Path
    text: str

    @property
    def prose(self) -> str:
        """The text without its fenced blocks."""
        return _FENCE.sub("", self.text)

    @property
    def blocks(self) -> list[Block]:
        found = []
        for match in _FENCE.finditer(self.text):
            before = self.text[: match.start()].rstrip().rsplit("\n", 1)[-1]
            found.append(Block(match["language"], match["text"], before))
        for match in _INDENTED.finditer(self.prose):
            found.append(Block("", "\n".join(line[4:] for line in match["text"].splitlines()), ""))
        return found

    @property
    def spans(self) -> list[str]:
        """Code inside of sentences and tables."""
        return _SPAN.findall(self.prose)

    @property
    def code_lines(self) -> list[str]:
        """Every line of code, from blocks and from sentences."""
        return [line for block in self.blocks for line in block.text.splitlines()] + self.spans

    @property
    def links(self) -> list[str]:
        return [match["target"] for match in _LINK.finditer(self.prose)]

    @property
    def anchors(self) -> set[str]:
        """Of the headings, as code hosts make them."""
        return {
            re.sub(r"[^\w\- ]", "", heading["text"].lower()).strip().replace(" ", "-")
            for heading in _HEADING.finditer(self.prose)
        }

    def section(self, heading: str) -> str:
        """From a heading to the next one of its level."""
        level, _, _ = heading.partition(" ")
        # A comment in a block of code looks like a heading.
        outline = _FENCE.sub(lambda block: " " * len(block[0]), self.text)
        start = outline.index(f"\n{heading}\n") + 1
        after = re.search(rf"^#{{1,{len(level)}}} ", outline[start + len(heading) :], re.MULTILINE)
        return self.text[start : start + len(heading) + after.start()] if after else self.text[start:]


def documents() -> list[Document]:
    """Every Markdown file that git knows or would take."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split()
    paths = [CHECKOUT / name for name in listed] or [*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/*.md")]
    return [Document(path, path.read_text(encoding="utf-8")) for path in sorted(paths) if path.exists()]
