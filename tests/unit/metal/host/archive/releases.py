"""Release archives as vendors make them, and some as nobody should."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from collections.abc import Mapping

PROGRAM = b"#!/bin/sh\necho Consul v1.15.4\n" + bytes(range(256)) * 400


def zip_of(
    members: Mapping[str, bytes],
    *,
    method: int = zipfile.ZIP_DEFLATED,
    kind: int = stat.S_IFREG,
    streamed: bool = False,
    before: bytes = b"",
    comment: bytes = b"",
) -> bytes:
    """A zip; `kind` is that of every member.

    :param streamed: sizes only behind each member, as a writer that cannot seek leaves them.
    :param before: bytes in front, as in an archive that unpacks itself.
    """
    out = io.BytesIO()

    class Stream(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            return out.write(data)

    out.write(before)
    with zipfile.ZipFile(Stream() if streamed else out, "a" if before else "w") as archive:
        archive.comment = comment
        for name, content in members.items():
            info = zipfile.ZipInfo(name, (2023, 6, 26, 12, 0, 0))
            info.external_attr = (kind | 0o755) << 16
            info.compress_type = method
            archive.writestr(info, content)
    return out.getvalue()


def tar_of(members: Mapping[str, bytes], *, kind: bytes = tarfile.REGTYPE) -> bytes:
    """A tar.gz; `kind` is that of every member."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.type = kind
            info.size = len(content) if kind == tarfile.REGTYPE else 0
            info.linkname = "" if kind == tarfile.REGTYPE else "/etc/shadow"
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()
