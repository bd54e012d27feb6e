"""What was found, put into inventory files: new machines added, moved BMCs changed where wanted, all checked before."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from metal.discover.discover import Discovery
from metal.discover.document import add_entries, move_bmc, new_document
from metal.discover.entries import Scheme, bmc_map, entry_lines, name_of
from metal.discover.match import Known, Verdict
from metal.discover.sight import Found
from metal.errors import InputError, SettingsError
from metal.settings.inventory import read_inventory
from metal.settings.problems import Problems

__all__ = ["Written", "check_writable", "write_down"]


@dataclass(frozen=True)
class Written:
    """What would stand, or stands, in the files.

    :ivar texts: of files that are new or changed.
    :ivar names: of new entries, by the place of their BMC: its address, with the system of several.
    :ivar moved: hosts whose BMC has got its new address.
    :ivar refused: why an entry was left out, or left as it was, by the place where its BMC was found.
    """

    texts: Mapping[Path, str] = field(default_factory=dict, repr=False)
    names: Mapping[str, str] = field(default_factory=dict)
    moved: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Change:
    """One entry: a new one's lines, or a known one's new place.

    :ivar name: of the host.
    :ivar known: None for a new one.
    """

    name: str
    found: Found
    lines: Sequence[str] = ()
    known: Known | None = None


def write_down(
    found: Discovery,
    *,
    to: Path | None,
    inventories: Sequence[Path] = (),
    profile: str = "",
    hosts: Scheme | None = None,
    update: bool = False,
    ca: str = "",
    root: Path = Path(),
) -> Written:
    """Add what is new to `to`, and write every changed file, each at once. What is there stays as it is.

    An entry that would not be valid is left out, and one that cannot be changed stays; each is told, and the others
    are written.

    :param to: None writes no new entries anywhere: their document is under the path `-`.
    :param inventories: files that are known already.
    :param profile: credential profile of new entries; `default` where it is empty.
    :param hosts: how a host's address follows from its BMC's; None gives each a placeholder and a hold.
    :param update: change the addresses of BMCs that have moved, in the file that has them; where that has none, the
        whole of it, with `profile` or, where it is empty, the file's default.
    :param ca: the authority's file that was looked with, as new entries name it.
    :param root: where paths inside the files start.
    :raises SettingsError: the files are not valid as they are, or one cannot be added to; nothing was written then.
    """
    drafts = _Drafts(to, tuple(inventories), profile, ca, root)
    changes = [*(_moves(found) if update else ()), *_entries(found, profile or "default", hosts, ca)]
    kept = drafts.keep([], changes)
    texts = drafts.texts(kept)
    for path, text in texts.items():
        if path != Path("-"):
            _replace(path, text)
    return Written(
        texts,
        {each.found.place: each.name for each in kept if each.known is None},
        tuple(each.name for each in kept if each.known is not None),
        drafts.refused,
    )


@dataclass
class _Drafts:
    """What the files would be with these changes or those.

    :ivar sound: they are valid as they are.
    """

    to: Path | None
    inventories: Sequence[Path]
    profile: str
    ca: str
    root: Path
    sound: bool = False
    refused: dict[str, str] = field(default_factory=dict)

    def keep(self, sure: list[_Change], more: list[_Change]) -> list[_Change]:
        """Those with which the files are valid: halved until what stands in the way is told from the others.

        :param sure: such as go together.
        :raises SettingsError: not for what is in `more`.
        """
        try:
            _check(self.texts([*sure, *more]), self.inventories, self.root)
        except SettingsError as error:
            if not more:
                raise
            if len(more) > 1:
                half = len(more) // 2
                return self.keep(self.keep(sure, more[:half]), more[half:])
            if not self.sound:
                _check({}, self.inventories, self.root)
                self.sound = True
            self.refused[more[0].found.place] = _why(error)
            return sure
        return [*sure, *more]

    def texts(self, changes: Sequence[_Change]) -> dict[Path, str]:
        """:raises SettingsError: a file cannot be changed so."""
        texts: dict[Path, str] = {}
        lines: list[str] = []
        for each in changes:
            lines += each.lines
            if each.known is None:
                continue
            file = Path(each.known.file)
            before = texts.get(file) or file.read_text(encoding="utf-8")
            there = each.known.answers_at(each.found.address)
            texts[file] = move_bmc(
                before,
                each.name,
                each.known.bmc if there else each.found.address,
                file=str(file),
                instead=bmc_map(each.found, self.profile, self.ca),
                system=each.found.slot,
            )
        if self.to is not None and self.to.exists():
            before = texts.get(self.to) or self.to.read_text(encoding="utf-8")
            if lines:
                texts[self.to] = add_entries(before, lines, file=str(self.to))
        elif lines:
            texts[self.to or Path("-")] = new_document(lines)
        return texts


def _why(error: SettingsError) -> str:
    return " ".join("; ".join((*error.problems, *([error.next_step] if error.next_step else []))).split())


def _moves(found: Discovery) -> Iterator[_Change]:
    for each in found.matches:
        if each.verdict is Verdict.MOVED and each.known is not None:
            yield _Change(each.known.host, each.found, known=each.known)


def _entries(found: Discovery, profile: str, hosts: Scheme | None, ca: str) -> Iterator[_Change]:
    taken = {each.host for each in found.known}
    for each in found.matches:
        if each.verdict is not Verdict.NEW or each.found.trouble:
            continue  # after a failed login it is not known whether the machine is new
        name = name_of(each.found, taken)
        taken.add(name)
        # Several systems have one BMC's address in common, so that none of them has the one that would follow from it.
        address = hosts.address(each.found.address) if hosts and not each.found.system else ""
        yield _Change(name, each.found, entry_lines(each.found, name, credentials=profile, address=address, ca=ca))


def _check(texts: Mapping[Path, str], inventories: Sequence[Path], root: Path) -> None:
    """All files together, as they are going to be."""
    problems = Problems()
    with TemporaryDirectory(prefix="metalswarm-") as folder:
        copies: dict[Path, Path] = {}
        for number, (path, text) in enumerate(texts.items()):
            copies[path] = Path(folder) / f"{number}.yaml"
            copies[path].write_text(text, encoding="utf-8")
        files = dict.fromkeys((*inventories, *texts))
        shown = {str(copies.get(path, path).absolute()): str(path) for path in files}
        read_inventory(list(shown), root, problems)
        for number, line in enumerate(problems.lines):
            for read, name in shown.items():
                line = line.replace(read, name)
            problems.lines[number] = line
    problems.raise_if_any()


def check_writable(path: Path, what: str) -> None:
    """See that a file can be written there, as :func:`write_down` does it; what is there stays as it is.

    :param what: the option that names the file.
    :raises InputError: it cannot.
    """
    new = _fresh(path)
    try:
        if path.exists():
            path.read_bytes()
        new.touch()
        new.unlink()
    except OSError as error:
        reason = f"{path.parent} cannot be written to" if error.filename == str(new) else "cannot be read"
        raise InputError(
            [f"{what} = {path}: {reason} ({error.strerror}); allowed: a file in a folder where files can be made"],
            next_step="name another file, or mend the folder's owner and mode; nothing was sent to any BMC",
        ) from None


def _fresh(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.new")


def _replace(path: Path, text: str) -> None:
    """At once, with the mode that the file has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = _fresh(path)
    new.write_text(text, encoding="utf-8")
    if path.exists():
        new.chmod(path.stat().st_mode & 0o777)
    new.replace(path)
