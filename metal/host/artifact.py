"""Files that a host downloads itself: checked by digest before they get their name."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from metal.errors import HostError, HostFault
from metal.host.ssh import Ssh
from metal.settings.fleet import Artifact

__all__ = ["digest_of", "fetch", "fetch_artifact", "parse_digests"]

_SECONDS = 600.0
_UNCHANGED = 45
_DIGEST_DIFFERS = 46
_CURL_FAILED = 47
_HEX = re.compile(r"[0-9a-f]{64}")

# Arguments: digest, destination, mode (octal), seconds. The address comes by standard input and goes to curl
# likewise: it may hold a login, and argument lists are for everybody to read.
_FETCH = f"""
digest=$1 destination=$2 mode=$3 seconds=$4
IFS= read -r url
has() {{ [ -f "$1" ] && [ ! -L "$1" ] && [ "$(sha256sum <"$1" | cut -d' ' -f1)" = "$2" ]; }}
if has "$destination" "$digest"; then
  [ "$(stat -c '%a %u:%g' -- "$destination")" != "$mode 0:0" ] || exit {_UNCHANGED}
  chown 0:0 -- "$destination"
  chmod -- "$mode" "$destination"
  exit 0
fi
folder=$(dirname -- "$destination")
mkdir -p -- "$folder"
tmp=$(mktemp -- "$folder/.metalswarm.XXXXXXXX")
trap 'rm -f -- "$tmp"' EXIT
trap 'exit 143' HUP INT TERM
printf 'url = "%s"\\n' "$url" |
  curl --fail --silent --show-error --location --proto '=http,https' --retry 3 --retry-connrefused \\
    --connect-timeout 15 --max-time "$seconds" --output "$tmp" --config - || exit {_CURL_FAILED}
if ! has "$tmp" "$digest"; then sha256sum <"$tmp" | cut -d' ' -f1; exit {_DIGEST_DIFFERS}; fi
chown 0:0 -- "$tmp"
chmod -- "$mode" "$tmp"
sync -- "$tmp"
mv -fT -- "$tmp" "$destination"
if command -v restorecon >/dev/null 2>&1; then restorecon -- "$destination" || true; fi
"""


def fetch(ssh: Ssh, url: str, sha256: str, destination: str, mode: int, *, timeout: float = _SECONDS) -> bool:
    """Make `destination` the file with that digest, downloaded by the host; True when anything changed.

    Nothing is downloaded when the file has the digest already. A broken or wrong download never gets the name.

    :param sha256: 64 hex digits.
    :param timeout: seconds for the whole.
    :raises HostError: COMMAND: not downloadable, or another digest.
    """
    digest = sha256.lower()
    if not _HEX.fullmatch(digest):
        raise ValueError(f"not a sha256: {sha256!r}")
    done = ssh.script(
        _FETCH,
        digest,
        destination,
        format(mode, "o"),
        str(max(1, int(timeout))),
        stdin=f"{_plain(url)}\n",
        timeout=timeout + 30,
        check=False,
    )
    if done.rc == 0:
        return True
    if done.rc == _UNCHANGED:
        return False
    if done.rc == _DIGEST_DIFFERS:
        raise HostError(
            f"the download for {destination} is not the file that was asked for",
            fault=HostFault.COMMAND,
            host=ssh.access.host,
            tried=[f"curl {_shown(url)}", f"expected sha256 {digest}"],
            seen=f"sha256 {done.stdout.strip()}",
            next_step="correct url or sha256 in the settings; the file was thrown away",
        )
    cause = "the host could not download it" if done.rc == _CURL_FAILED else f"installing it ended with {done.rc}"
    raise HostError(
        f"{destination} is missing: {cause}",
        fault=HostFault.COMMAND,
        host=ssh.access.host,
        tried=[f"curl {_shown(url)}"],
        seen=done.stderr.strip()[-500:] or "no output",
        next_step="check that the host reaches that address (the host downloads itself) and has curl",
    )


def fetch_artifact(ssh: Ssh, artifact: Artifact, destination: str, mode: int, *, timeout: float = _SECONDS) -> bool:
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
        stdin=f'url = "{_plain(artifact.sha256_url)}"\n',
    ).stdout
    name = urlsplit(artifact.url).path.rsplit("/", 1)[-1]
    digest = parse_digests(listing, name)
    if digest is None:
        raise HostError(
            f"no digest for {name}",
            fault=HostFault.COMMAND,
            host=ssh.access.host,
            tried=[f"curl {_shown(artifact.sha256_url)}"],
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


def _plain(url: str) -> str:
    """The address, refused when it could end the line or the quotes of curl's configuration."""
    if re.search(r'[\s"\\]', url):
        raise ValueError("an address holds no white space, quote or backslash; write them as %20, %22, %5C")
    return url


def _shown(url: str) -> str:
    """The address without a login or a query, either of which may hold a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rsplit('@', 1)[-1]}{parts.path}"
