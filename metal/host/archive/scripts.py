"""The scripts behind installing a program out of an archive. No path out of an archive is opened on the host."""

from __future__ import annotations

__all__ = [
    "ATTRIBUTES",
    "BROKEN",
    "LACKING",
    "OBSERVE",
    "TAR_TABLE",
    "UNPACK_DEFLATED",
    "UNPACK_STORED",
    "UNPACK_TAR",
    "ZIP_TABLE",
]

BROKEN = 48

LACKING = """
for tool; do command -v "$tool" >/dev/null 2>&1 || printf '%s\\n' "$tool"; done
"""

# Arguments: stamp, archive, destination. Prints lines of a key and a value.
OBSERVE = """
stamp=$1 archive=$2 destination=$3
if [ -f "$stamp" ]; then grep -E '^(archive|member) [0-9a-f]{64}$' -- "$stamp" || true; fi
if [ -e "$archive" ]; then echo 'leftover yes'; fi
[ -f "$destination" ] && [ ! -L "$destination" ] || exit 0
printf 'digest %s\\n' "$(sha256sum <"$destination" | cut -d' ' -f1)"
printf 'attributes %s\\n' "$(stat -c '%a %u:%g' -- "$destination")"
"""

# Arguments: destination, mode (octal).
ATTRIBUTES = """
chown 0:0 -- "$1"
chmod -- "$2" "$1"
"""

# Arguments: archive, bytes. Prints the archive's size, then its last bytes.
ZIP_TABLE = """
stat -c %s -- "$1"
tail -c "$2" -- "$1"
"""

# Argument: archive. Prints the names, one a line; then, after a NUL, the same members with their types. Two listings,
# because only the first has nothing but the name in a line.
TAR_TABLE = """
gzip -t -- "$1"
tar -tzf "$1"
printf '\\0\\n'
tar --numeric-owner -tvzf "$1"
"""

# Arguments: archive, destination, mode (octal), stamp, the archive's digest, and those of `unpacked`, which differs by
# kind. The stamp comes last: without it, the next run installs again.
_INSTALL = f"""
archive=$1 destination=$2 mode=$3 stamp=$4 digest=$5
shift 5
folder=$(dirname -- "$destination")
mkdir -p -- "$folder"
tmp=$(mktemp -- "$folder/.metalswarm.XXXXXXXX")
trap 'rm -f -- "$tmp" "$stamp.new" "$archive"' EXIT
trap 'exit 143' HUP INT TERM
unpacked "$@" >"$tmp" || exit {BROKEN}
[ -s "$tmp" ] || exit {BROKEN}
chown 0:0 -- "$tmp"
chmod -- "$mode" "$tmp"
sync -- "$tmp"
member=$(sha256sum <"$tmp" | cut -d' ' -f1)
mv -fT -- "$tmp" "$destination"
if command -v restorecon >/dev/null 2>&1; then restorecon -- "$destination" || true; fi
printf 'destination %s\\narchive %s\\nmember %s\\n' "$destination" "$digest" "$member" >"$stamp.new"
mv -fT -- "$stamp.new" "$stamp"
"""

# Arguments: offset of a zip member's local header, bytes of its content. The header is 30 bytes, then name and extra
# field, whose lengths are at 26 and 28 (APPNOTE.TXT, section 4.3.7).
_CONTENT = """
content() {
  set -- "$1" "$2" $(od -A n -t u1 -j "$(($1 + 26))" -N 4 -- "$archive")
  [ "$#" -eq 6 ] || return 1
  tail -c "+$(($1 + 30 + $3 + 256 * $4 + $5 + 256 * $6 + 1))" -- "$archive" | head -c "$2"
}
"""

# Arguments: offset, bytes compressed, bytes unpacked, gzip trailer as octal escapes. What zip and gzip compress alike
# is a raw deflate stream: between a gzip header and a trailer with checksum and size, gzip itself unpacks and checks
# it. Every host has gzip; few have unzip, and not every unzip tells a symbolic link from a file.
UNPACK_DEFLATED = (
    _CONTENT
    + """
unpacked() {
  { printf '\\037\\213\\010\\000\\000\\000\\000\\000\\000\\377'; content "$1" "$2"; printf "$4"; } | gzip -dc
}
"""
    + _INSTALL
)

# The same arguments. The archive's own digest has vouched for the content; the size shows that the table fits.
UNPACK_STORED = (
    _CONTENT
    + """
unpacked() {
  content "$1" "$2"
  [ "$(stat -c %s -- "$tmp")" -eq "$3" ]
}
"""
    + _INSTALL
)

# Argument: member.
UNPACK_TAR = (
    """
unpacked() { tar -xzOf "$archive" -- "$1"; }
"""
    + _INSTALL
)
