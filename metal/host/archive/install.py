"""One program out of a release archive that the host downloads itself: looked at, decided, installed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum, StrEnum
from urllib.parse import urlsplit

from metal.errors import HostError, HostFault
from metal.host.archive import scripts
from metal.host.archive.members import BrokenArchive, TarMember, ZipMember, choose_tar_member, choose_zip_member
from metal.host.download import SECONDS, checked_digest, download, without_secrets
from metal.host.ssh import Ssh

__all__ = [
    "ArchiveKind",
    "ArchiveSeen",
    "Step",
    "archive_kind",
    "decide_step",
    "install_member",
    "lacking_tools",
    "parse_seen",
    "stamp_of",
]

#: Stamps that tell what was installed out of which archive, and an archive while it is being unpacked.
FOLDER = "/var/lib/metalswarm/artifacts"

_UNPACK_SECONDS = 300.0
_TAIL = 500
# More than the table of any release archive; the table is the last thing in a zip.
_ZIP_TABLE_BYTES = 256 * 1024


class ArchiveKind(StrEnum):
    """Archives, by the end of their URL's path."""

    ZIP = "zip"
    TAR_GZ = "tar.gz"


_TOOLS = {ArchiveKind.ZIP: ("gzip",), ArchiveKind.TAR_GZ: ("gzip", "tar")}


@dataclass(frozen=True)
class ArchiveSeen:
    """What the host has of an installation.

    :ivar archive: digest of the archive that the stamp tells of; None without a stamp.
    :ivar member: digest of the program as it came out of that archive.
    :ivar digest: of the file at the destination as it is now; None when it is no plain file.
    :ivar attributes: its mode and owner, as "755 0:0".
    :ivar leftover: an interrupted run left its archive.
    """

    archive: str | None = None
    member: str | None = None
    digest: str | None = None
    attributes: str | None = None
    leftover: bool = False


class Step(Enum):
    NOTHING = "in place"
    ATTRIBUTES = "mode or owner differ"
    UNPACK = "not in place"


def archive_kind(url: str) -> ArchiveKind | None:
    """The kind of archive that a URL names; None: it is the file itself."""
    path = urlsplit(url).path.lower()
    if path.endswith(".zip"):
        return ArchiveKind.ZIP
    return ArchiveKind.TAR_GZ if path.endswith((".tar.gz", ".tgz")) else None


def lacking_tools(ssh: Ssh, url: str) -> tuple[str, ...]:
    """Programs, each named like its package, that the host lacks to unpack what `url` names."""
    kind = archive_kind(url)
    return tuple(ssh.script(scripts.LACKING, *_TOOLS[kind]).stdout.split()) if kind else ()


def decide_step(seen: ArchiveSeen, archive: str, mode: int) -> Step:
    """What there is to do for a program out of the archive with that digest."""
    if seen.archive != archive or seen.digest is None or seen.digest != seen.member:
        return Step.UNPACK
    return Step.NOTHING if seen.attributes == f"{mode:o} 0:0" else Step.ATTRIBUTES


def parse_seen(text: str) -> ArchiveSeen:
    """Read what the observing script printed: a key and a value a line."""
    found = dict(line.split(" ", 1) for line in text.splitlines() if " " in line)
    return ArchiveSeen(
        found.get("archive"), found.get("member"), found.get("digest"), found.get("attributes"), "leftover" in found
    )


def install_member(
    ssh: Ssh, kind: ArchiveKind, url: str, sha256: str, destination: str, mode: int, *, timeout: float = SECONDS
) -> bool:
    """Make `destination` the archive's one member of that name, owned by root; True when anything changed.

    Nothing is downloaded when the stamp says that the file came out of that archive and the file is still the same.
    The member's content is written to a file of our own, which then gets the name at once; no path out of the archive
    is ever opened. A whole archive that an interrupted run left is used.

    :param sha256: 64 hex digits, of the archive.
    :param timeout: seconds for the download.
    :raises HostError: COMMAND: not downloadable, another digest, a broken archive, not exactly one such member, or one
        that is no plain file; NOT_READY: the host lacks a program to unpack it with.
    """
    digest = checked_digest(sha256)
    stem = f"{FOLDER}/{_stem(destination)}"
    stamp, archive = f"{stem}.stamp", f"{stem}.archive"
    seen = parse_seen(ssh.script(scripts.OBSERVE, stamp, archive, destination).stdout)
    step = decide_step(seen, digest, mode)
    if step is not Step.UNPACK:
        if seen.leftover:
            ssh.remove(archive)
        if step is Step.ATTRIBUTES:
            ssh.script(scripts.ATTRIBUTES, destination, f"{mode:o}")
        return step is Step.ATTRIBUTES
    if lacking := lacking_tools(ssh, url):
        raise _missing(
            f"the host has no {' and no '.join(lacking)} to unpack it with",
            HostFault.NOT_READY,
            ssh,
            destination,
            tried=f"unpack {without_secrets(url)}",
            next_step=f"install the package {' and the package '.join(lacking)} on the host",
        )
    download(ssh, url, digest, archive, 0o600, timeout=timeout, what=f"the archive of {destination}")
    try:
        member = _choose(ssh, kind, archive, destination.rsplit("/", 1)[-1])
        _unpack(ssh, member, archive, destination, mode, stamp=stamp, digest=digest)
    except BrokenArchive as broken:
        ssh.remove(archive)
        raise _missing(
            broken.what,
            HostFault.COMMAND,
            ssh,
            destination,
            tried=f"open {without_secrets(url)}, whose sha256 is the one asked for",
            seen=broken.seen,
            next_step="correct url and sha256 in the settings: a release archive that holds the program itself",
        ) from None
    return True


def stamp_of(ssh: Ssh, destination: str) -> str | None:
    """Digest of the archive that the program at a destination came out of; None where it is not known to be of one."""
    stem = f"{FOLDER}/{_stem(destination)}"
    seen = parse_seen(ssh.script(scripts.OBSERVE, f"{stem}.stamp", f"{stem}.archive", destination).stdout)
    return seen.archive if seen.digest is not None and seen.digest == seen.member else None


def _stem(destination: str) -> str:
    """A file name for a destination: readable, and never the same for two."""
    return f"{destination.rsplit('/', 1)[-1]}-{hashlib.sha256(destination.encode()).hexdigest()[:12]}"


def _choose(ssh: Ssh, kind: ArchiveKind, archive: str, name: str) -> ZipMember | TarMember:
    if kind is ArchiveKind.ZIP:
        size, _, tail = ssh.script(scripts.ZIP_TABLE, archive, str(_ZIP_TABLE_BYTES)).raw.partition(b"\n")
        return choose_zip_member(tail, int(size), name)
    listed = ssh.script(scripts.TAR_TABLE, archive, timeout=_UNPACK_SECONDS, check=False)
    if listed.rc != 0:
        raise BrokenArchive("it is no tar.gz archive, or a broken one", _said(listed.stderr))
    names, _, long = listed.stdout.partition("\0\n")
    return choose_tar_member(names, long, name)


def _unpack(
    ssh: Ssh, member: ZipMember | TarMember, archive: str, destination: str, mode: int, *, stamp: str, digest: str
) -> None:
    if isinstance(member, TarMember):
        text = scripts.UNPACK_TAR
        own: tuple[str, ...] = (member.name,)
    else:
        text = scripts.UNPACK_DEFLATED if member.deflated else scripts.UNPACK_STORED
        trailer = "".join(f"\\{byte:03o}" for byte in member.trailer)
        own = (str(member.offset), str(member.compressed), str(member.size), trailer)
    done = ssh.script(
        text, archive, destination, f"{mode:o}", stamp, digest, *own, timeout=_UNPACK_SECONDS, check=False
    )
    if done.rc == 0:
        return
    if done.rc == scripts.BROKEN and "No space left" not in done.stderr:
        raise BrokenArchive(f"{member.name} in the archive is broken", _said(done.stderr))
    raise _missing(
        f"unpacking it ended with {done.rc}",
        HostFault.COMMAND,
        ssh,
        destination,
        tried=f"write {destination}",
        seen=_said(done.stderr),
        next_step="check the host's disk (df -h), then run again",
    )


def _said(stderr: str) -> str:
    return stderr.strip()[-_TAIL:] or "its content does not have the size that its table says"


def _missing(
    cause: str, fault: HostFault, ssh: Ssh, destination: str, *, tried: str, next_step: str, seen: str | None = None
) -> HostError:
    return HostError(
        f"{destination} is missing: {cause}",
        fault=fault,
        host=ssh.access.host,
        tried=[tried],
        seen=seen,
        next_step=next_step,
    )
