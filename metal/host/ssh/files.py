"""The scripts behind reading, writing and removing files on a host. Content goes over standard input only."""

from __future__ import annotations

__all__ = ["ABSENT", "LOADER", "READ", "REMOVE", "UNCHANGED", "WRITE"]

ABSENT = 44
UNCHANGED = 45

# Reads a script of $1 bytes from standard input and runs it; the rest of standard input stays the script's own. A short
# read means that the connection broke, and half a script must not run. `head` takes no byte more than asked for.
LOADER = (
    's=$(head -c "$1"); [ "${#s}" -eq "$1" ] || { echo "script arrived incomplete" >&2; exit 97; }; shift; eval "$s"'
)

READ = f"""
[ -e "$1" ] || [ -L "$1" ] || exit {ABSENT}
exec cat -- "$1"
"""

# Arguments: path, mode (octal), owner (user:group), size. The temporary file gets its mode and owner before the
# content; the size is checked because a broken connection looks like the end of the content.
WRITE = f"""
path=$1 mode=$2 owner=$3 size=$4
folder=$(dirname -- "$path")
mkdir -p -- "$folder"
[ ! -d "$path" ] || {{ echo "$path is a folder" >&2; exit 1; }}
tmp=$(mktemp -- "$folder/.metalswarm.XXXXXXXX")
trap 'rm -f -- "$tmp"' EXIT
trap 'exit 143' HUP INT TERM
chown -- "$owner" "$tmp"
chmod -- "$mode" "$tmp"
cat >"$tmp"
[ "$(stat -c %s -- "$tmp")" -eq "$size" ] || {{ echo "content arrived incomplete" >&2; exit 97; }}
if [ -f "$path" ] && [ ! -L "$path" ] &&
   [ "$(stat -c '%a %u:%g %s' -- "$path")" = "$(stat -c '%a %u:%g %s' -- "$tmp")" ] &&
   [ "$(sha256sum <"$path")" = "$(sha256sum <"$tmp")" ]; then
  exit {UNCHANGED}
fi
sync -- "$tmp"
mv -fT -- "$tmp" "$path"
if command -v restorecon >/dev/null 2>&1; then restorecon -- "$path" || true; fi
"""

REMOVE = f"""
[ -e "$1" ] || [ -L "$1" ] || exit {ABSENT}
rm -f -- "$1"
"""
