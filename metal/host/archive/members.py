"""Which member of a release archive is the program: decided from the archive's own table. No I/O."""

from __future__ import annotations

import io
import re
import stat
import struct
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, cast

__all__ = ["BrokenArchive", "TarMember", "ZipMember", "choose_tar_member", "choose_zip_member"]

_SHOWN = 10
_ENCRYPTED = 0x1
# Without white space and quoting of any tool; a release's program is called like that.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9._+@/-]+")


class BrokenArchive(Exception):
    """An archive with the digest asked for that does not hold what it is to hold.

    :ivar what: as a clause.
    :ivar seen: what was found in its place.
    """

    def __init__(self, what: str, seen: str) -> None:
        self.what = what
        self.seen = seen
        super().__init__(f"{what}: {seen}")


@dataclass(frozen=True)
class ZipMember:
    """Where a member's content is.

    :ivar offset: of its local header, in bytes from the archive's start.
    :ivar compressed: bytes that the content takes there.
    :ivar size: bytes that it unpacks to.
    :ivar crc: CRC-32 of the unpacked content.
    :ivar deflated: compressed by deflate; stored as it is otherwise.
    """

    name: str
    offset: int
    compressed: int
    size: int
    crc: int
    deflated: bool

    @property
    def trailer(self) -> bytes:
        """What a gzip file ends with (RFC 1952, section 2.3.1)."""
        return struct.pack("<II", self.crc, self.size % 2**32)


@dataclass(frozen=True)
class TarMember:
    name: str


def choose_zip_member(tail: bytes, size: int, name: str) -> ZipMember:
    """The one plain file called `name`, in whatever folder of the archive.

    :param tail: the archive's last bytes, at least its central directory (APPNOTE.TXT, section 4.3.12).
    :param size: of the whole archive, in bytes.
    :raises BrokenArchive: no zip, no such member, more than one, or one that cannot be taken.
    """
    try:
        with zipfile.ZipFile(cast("IO[bytes]", _Tail(tail, size))) as archive:
            table = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, struct.error) as error:
        raise BrokenArchive("it is no zip archive, or a broken one", str(error)) from None
    member = table[_only([info.filename for info in table], name)]
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise BrokenArchive(f"{member.filename} in the archive is no plain file", _KINDS.get(kind, "a special file"))
    if member.flag_bits & _ENCRYPTED:
        raise BrokenArchive(f"{member.filename} in the archive is encrypted", "its encryption flag is set")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BrokenArchive(
            f"{member.filename} in the archive is compressed in a way that hosts cannot undo",
            f"method {member.compress_type}; stored (0) and deflate (8) can be",
        )
    return ZipMember(
        member.filename,
        member.header_offset,
        member.compress_size,
        member.file_size,
        member.CRC,
        member.compress_type == zipfile.ZIP_DEFLATED,
    )


def choose_tar_member(names: str, long: str, name: str) -> TarMember:
    """The one plain file called `name`, in whatever folder of the archive.

    :param names: output of `tar -t`.
    :param long: output of `tar -tv` for the same archive; a line's first letter is the type.
    :raises BrokenArchive: no such member, more than one, or one that is no plain file.
    """
    rows, types = names.splitlines(), long.splitlines()
    if len(rows) != len(types):
        raise BrokenArchive("the archive is broken", f"{len(rows)} members in one listing, {len(types)} in another")
    place = _only(rows, name)
    if types[place][:1] != "-":
        raise BrokenArchive(f"{rows[place]} in the archive is no plain file", types[place])
    return TarMember(rows[place])


_KINDS = {stat.S_IFLNK: "a symbolic link", stat.S_IFDIR: "a folder"}


def _only(members: Sequence[str], name: str) -> int:
    """The place of the one member whose last part is `name`."""
    found = [place for place, member in enumerate(members) if member.rsplit("/", 1)[-1] == name]
    if not found:
        more = f" and {len(members) - _SHOWN} more" if len(members) > _SHOWN else ""
        raise BrokenArchive(f"the archive has no member {name}", ", ".join(members[:_SHOWN]) + more or "it is empty")
    if len(found) > 1:
        raise BrokenArchive(f"the archive has more than one {name}", ", ".join(members[place] for place in found))
    member = members[found[0]]
    if member.startswith("/") or ".." in member.split("/") or not _PLAIN_NAME.fullmatch(member):
        raise BrokenArchive(f"the archive's member {name} has a path that no release has", repr(member))
    return found[0]


class _Tail:
    """A file of which only the end is here; what zipfile asks of one, and no more."""

    def __init__(self, tail: bytes, size: int) -> None:
        self._tail = tail
        self._size = size
        self._at = 0

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            # How zipfile notices that a file is shorter than what it looks for.
            raise OSError("before the start of the file")
        self._at = start + offset
        return self._at

    def read(self, count: int = -1) -> bytes:
        begin = self._at - (self._size - len(self._tail))
        if begin < 0:
            raise ValueError("its table is larger than any release's")
        part = self._tail[begin:] if count < 0 else self._tail[begin : begin + count]
        self._at += len(part)
        return part
