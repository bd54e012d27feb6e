"""Who holds a package manager's lock: by the kernel's list of file locks, or by the process that a `.pid` file names.

No tool is needed and no message parsed.
"""

from __future__ import annotations

from collections.abc import Sequence

from metal.host.ssh import Ssh

__all__ = ["lock_holder", "parse_holder"]

# Arguments: lock files. dnf and yum lock by a file that holds the pid of whoever works, for as long as that process
# lives; they keep no kernel lock on it. Prints `pid path command line` for each process that holds or wants one of
# them. An inode number alone may be another file system's file, so the process must have the file open as well.
_SCRIPT = """
holder() { printf '%s %s %s\\n' "$1" "$2" "$(tr '\\0' ' ' <"/proc/$1/cmdline" 2>/dev/null | head -c 200)"; }
for path; do
  [ -e "$path" ] || continue
  case "$path" in *.pid)
    pid=$(head -c 20 -- "$path" | tr -cd 0-9)
    if [ -n "$pid" ] && [ -e "/proc/$pid/stat" ]; then holder "$pid" "$path"; fi
    continue
  esac
  inode=$(stat -c %i -- "$path")
  real=$(readlink -f -- "$path")
  while read -r _ _ _ _ pid where _; do
    [ "${where##*:}" = "$inode" ] && [ "$pid" -gt 0 ] 2>/dev/null || continue
    for fd in "/proc/$pid/fd/"*; do
      if [ "$(readlink -- "$fd" 2>/dev/null)" = "$real" ]; then
        holder "$pid" "$path"
        break
      fi
    done
  done <<END
$(grep -v -- '->' /proc/locks || true)
END
done
"""


def lock_holder(ssh: Ssh, paths: Sequence[str]) -> str | None:
    """The first process that holds one of `paths`, as "pid 123 (apt-get upgrade) holds /path"; None: all are free."""
    return parse_holder(ssh.script(_SCRIPT, *paths).stdout)


def parse_holder(text: str) -> str | None:
    """Read what the script printed."""
    for line in text.splitlines():
        pid, path, *command = line.split(maxsplit=2)
        name = command[0].strip() if command else "its name is hidden"
        return f"pid {pid} ({name}) holds {path}"
    return None
