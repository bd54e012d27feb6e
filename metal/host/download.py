"""One file that a host downloads itself: checked by digest before it gets its name."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from metal.errors import HostError, HostFault
from metal.host.ssh import Ssh

__all__ = ["SECONDS", "checked_digest", "curl_line", "download", "without_secrets"]

SECONDS = 600.0
_UNCHANGED = 45
_DIGEST_DIFFERS = 46
_CURL_FAILED = 47
_HEX = re.compile(r"[0-9a-f]{64}")

# Arguments: digest, destination, mode (octal), seconds. The address comes by standard input and goes to curl
# likewise: it may hold a login, and argument lists are for everybody to read.
_FETCH = f"""
digest=$1 destination=$2 mode=$3 seconds=$4
IFS= read -r line
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
printf '%s\\n' "$line" |
  curl --fail --silent --show-error --location --proto '=http,https' --retry 3 --retry-connrefused \\
    --connect-timeout 15 --max-time "$seconds" --output "$tmp" --config - || exit {_CURL_FAILED}
if ! has "$tmp" "$digest"; then sha256sum <"$tmp" | cut -d' ' -f1; exit {_DIGEST_DIFFERS}; fi
chown 0:0 -- "$tmp"
chmod -- "$mode" "$tmp"
sync -- "$tmp"
mv -fT -- "$tmp" "$destination"
if command -v restorecon >/dev/null 2>&1; then restorecon -- "$destination" || true; fi
"""


def download(
    ssh: Ssh, url: str, sha256: str, destination: str, mode: int, *, timeout: float = SECONDS, what: str = ""
) -> bool:
    """Make `destination` the file with that digest, downloaded by the host; True when anything changed.

    Nothing is downloaded when the file has the digest already. A broken or wrong download never gets the name.

    :param sha256: 64 hex digits.
    :param timeout: seconds for the whole.
    :param what: what errors call it; the destination unless said otherwise.
    :raises HostError: COMMAND: not downloadable, or another digest.
    """
    digest = checked_digest(sha256)
    done = ssh.script(
        _FETCH,
        digest,
        destination,
        format(mode, "o"),
        str(max(1, int(timeout))),
        stdin=curl_line(url),
        timeout=timeout + 30,
        check=False,
    )
    if done.rc == 0:
        return True
    if done.rc == _UNCHANGED:
        return False
    if done.rc == _DIGEST_DIFFERS:
        raise HostError(
            f"the download for {what or destination} is not the file that was asked for",
            fault=HostFault.COMMAND,
            host=ssh.access.host,
            tried=[f"curl {without_secrets(url)}", f"expected sha256 {digest}"],
            seen=f"sha256 {done.stdout.strip()}",
            next_step="correct url or sha256 in the settings; the file was thrown away",
        )
    cause = "the host could not download it" if done.rc == _CURL_FAILED else f"installing it ended with {done.rc}"
    raise HostError(
        f"{what or destination} is missing: {cause}",
        fault=HostFault.COMMAND,
        host=ssh.access.host,
        tried=[f"curl {without_secrets(url)}"],
        seen=done.stderr.strip()[-500:] or "no output",
        next_step="check that the host reaches that address (the host downloads itself) and has curl",
    )


def checked_digest(sha256: str) -> str:
    """The digest in small letters.

    :raises ValueError: not 64 hex digits.
    """
    digest = sha256.lower()
    if not _HEX.fullmatch(digest):
        raise ValueError(f"not a sha256: {sha256!r}")
    return digest


def curl_line(url: str) -> str:
    """The address as a line of curl's configuration; refused when it could end the line or its quotes."""
    if re.search(r'[\s"\\]', url):
        raise ValueError("an address holds no white space, quote or backslash; write them as %20, %22, %5C")
    return f'url = "{url}"\n'


def without_secrets(url: str) -> str:
    """The address without a login or a query, either of which may hold a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rsplit('@', 1)[-1]}{parts.path}"
