"""Artifacts of the settings on a host: a plain file, or the one program out of a release archive."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from metal.errors import HostError, HostFault
from metal.host.archive import archive_kind, install_member
from metal.host.download import SECONDS, curl_line, download, without_secrets
from metal.host.ssh import Ssh
from metal.settings.fleet import Artifact

__all__ = ["digest_of", "fetch", "fetch_artifact", "parse_digests"]

_HEX = re.compile(r"[0-9a-f]{64}")


def fetch(ssh: Ssh, url: str, sha256: str, destination: str, mode: int, *, timeout: float = SECONDS) -> bool:
    """Make `destination` what the download holds, downloaded by the host; True when anything changed.

    A URL whose path ends in .zip, .tar.gz or .tgz is an archive: the digest is the archive's, and the member with the
    destination's name is installed (:func:`metal.host.archive.install_member`). Any other is the file itself. Nothing
    is downloaded when it is in place already, and nothing that is broken or wrong ever gets the name.

    :param sha256: 64 hex digits, of the download.
    :param timeout: seconds for the download.
    :raises HostError: COMMAND: not downloadable, another digest, or an archive without that program.
    """
    kind = archive_kind(url)
    if kind is None:
        return download(ssh, url, sha256, destination, mode, timeout=timeout)
    return install_member(ssh, kind, url, sha256, destination, mode, timeout=timeout)


def fetch_artifact(ssh: Ssh, artifact: Artifact, destination: str, mode: int, *, timeout: float = SECONDS) -> bool:
    """:func:`fetch` for an artifact of the settings, its digest read from `sha256_url` where no digest is given."""
    return fetch(ssh, artifact.url, digest_of(ssh, artifact), destination, mode, timeout=timeout)


def digest_of(ssh: Ssh, artifact: Artifact) -> str:
    """The digest that the artifact's file must have; asks `sha256_url` from the host where the settings have none.

    :raises HostError: COMMAND: the list cannot be read, or does not name the file.
    """
    if artifact.sha256:
        return artifact.sha256.lower()
    if not artifact.sha256_url:
        raise ValueError("an artifact needs sha256 or sha256_url")
    listing = ssh.run(
        ["curl", "--fail", "--silent", "--show-error", "--location", "--max-time", "30", "--config", "-"],
        stdin=curl_line(artifact.sha256_url),
    ).stdout
    name = urlsplit(artifact.url).path.rsplit("/", 1)[-1]
    digest = parse_digests(listing, name)
    if digest is None:
        raise HostError(
            f"no digest for {name}",
            fault=HostFault.COMMAND,
            host=ssh.access.host,
            tried=[f"curl {without_secrets(artifact.sha256_url)}"],
            seen=listing.strip()[:200] or "an empty list",
            next_step="put sha256 itself into the settings",
        )
    return digest


def parse_digests(listing: str, name: str) -> str | None:
    """The digest of `name` in the format of sha256sum; a list of one bare digest counts for any name."""
    rows = [line.split(maxsplit=1) for line in listing.splitlines() if line.strip()]
    for row in rows:
        if len(row) == 2 and row[1].lstrip("*").rsplit("/", 1)[-1] == name and _HEX.fullmatch(row[0].lower()):
            return row[0].lower()
    if len(rows) == 1 and len(rows[0]) == 1 and _HEX.fullmatch(rows[0][0].lower()):
        return rows[0][0].lower()
    return None
