"""Which member is the program, read out of real archives' tables."""

from __future__ import annotations

import gzip
import stat
import zipfile
import zlib

import pytest

from metal.host.archive.members import BrokenArchive, TarMember, choose_tar_member, choose_zip_member
from tests.unit.metal.host.archive.releases import PROGRAM, zip_of

RELEASE = {"LICENSE.txt": b"terms", "consul": PROGRAM}


def _choose(archive: bytes, name: str = "consul", *, tail: int = 256 * 1024) -> object:
    return choose_zip_member(archive[-tail:], len(archive), name)


@pytest.mark.parametrize(
    "archive",
    [zip_of(RELEASE), zip_of(RELEASE, streamed=True), zip_of(RELEASE, comment=b"c" * 60000),
     zip_of({"consul-1.15.4/consul": PROGRAM}), zip_of({"./consul": PROGRAM}), zip_of(RELEASE, kind=0),
     zip_of(RELEASE, before=b"#!/bin/sh\nexit 0\n")],
    ids=["plain", "streamed", "comment", "folder", "dot", "without modes", "self-extracting"],
)  # fmt: skip
def test_the_program_is_found_and_what_is_said_of_it_unpacks_it(archive: bytes) -> None:
    member = choose_zip_member(archive, len(archive), "consul")
    start = member.offset + 30 + sum(int.from_bytes(archive[member.offset + at :][:2], "little") for at in (26, 28))
    content = archive[start : start + member.compressed]
    assert member.deflated
    assert zlib.decompress(content, wbits=-15) == PROGRAM
    header = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    assert gzip.decompress(header + content + member.trailer) == PROGRAM
    assert member.size == len(PROGRAM)


def test_the_archives_end_is_enough() -> None:
    archive = zip_of({"consul": PROGRAM, "big": bytes(range(256)) * 4000}, method=zipfile.ZIP_STORED)
    assert len(archive) > 1_000_000
    assert _choose(archive, tail=300) == choose_zip_member(archive, len(archive), "consul")
    assert not choose_zip_member(archive[-300:], len(archive), "consul").deflated
    with pytest.raises(BrokenArchive, match="table is larger"):
        _choose(archive, tail=100)


@pytest.mark.parametrize(
    ("archive", "says"),
    [(zip_of({"LICENSE.txt": b"terms"}), "has no member consul: LICENSE.txt"),
     (zip_of({}), "has no member consul: it is empty"),
     (zip_of({f"f{n:02}": b"" for n in range(12)}), "f09 and 2 more"),
     (zip_of({"consul/": b""}), "has no member consul"),
     (zip_of({"consul": b"1", "dist/consul": b"2"}), "more than one consul: consul, dist/consul"),
     (zip_of({"consul": b"/etc/shadow"}, kind=stat.S_IFLNK), "no plain file: a symbolic link"),
     (zip_of({"consul": b""}, kind=stat.S_IFIFO), "no plain file: a special file"),
     (zip_of({"../../usr/bin/consul": b"1"}), "path that no release has"),
     (zip_of({"/consul": b"1"}), "path that no release has"),
     (zip_of({"a b/consul": b"1"}), "path that no release has"),
     (zip_of({"consul": PROGRAM}, method=zipfile.ZIP_LZMA), "cannot undo: method 14"),
     (zip_of(RELEASE)[:-1], "no zip archive"),
     (zip_of(RELEASE)[:-30] + zip_of(RELEASE)[-20:], "no zip archive"),
     (b"<html>not found</html>", "no zip archive"), (b"", "no zip archive")],
)  # fmt: skip
def test_anything_else_is_told(archive: bytes, says: str) -> None:
    with pytest.raises(BrokenArchive, match=says):
        _choose(archive)


def test_an_encrypted_program_is_told() -> None:
    archive = bytearray(zip_of({"consul": PROGRAM}))
    archive[archive.rindex(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(BrokenArchive, match="encrypted"):
        _choose(bytes(archive))


# Recorded: GNU tar 1.34, of an archive made with a folder, a program in it, and a symbolic link beside it.
NAMES = "./\n./consul\n./LICENSE\n./bin/\n./bin/link\n"
LONG = """drwxr-xr-x 0/0               0 2023-06-26 12:00 ./
-rwxr-xr-x 0/0          107043 2023-06-26 12:00 ./consul
-rw-r--r-- 0/0               5 2023-06-26 12:00 ./LICENSE
drwxr-xr-x 0/0               0 2023-06-26 12:00 ./bin/
lrwxrwxrwx 0/0               0 2023-06-26 12:00 ./bin/link -> /etc/shadow
"""


def test_a_tars_program_is_found_by_its_own_spelling() -> None:
    assert choose_tar_member(NAMES, LONG, "consul") == TarMember("./consul")


@pytest.mark.parametrize(
    ("names", "long", "name", "says"),
    [(NAMES, LONG, "link", "no plain file: lrwxrwxrwx"), (NAMES, LONG, "nomad", "no member nomad"),
     (NAMES, LONG, "bin", "no member bin"), (NAMES, LONG[:-80], "consul", "5 members in one listing, 4"),
     ("consul\nconsul\n", "-rw\n-rw\n", "consul", "more than one"),
     ("../consul\n", "-rw\n", "consul", "no release has"),
     ("hard/consul\n", "hrwxr-xr-x 0/0 0 2023-06-26 12:00 hard/consul link to x\n", "consul", "no plain file")],
)  # fmt: skip
def test_anything_else_in_a_tar_is_told(names: str, long: str, name: str, says: str) -> None:
    with pytest.raises(BrokenArchive, match=says):
        choose_tar_member(names, long, name)
