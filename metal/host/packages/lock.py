"""Who holds a package manager's lock: by the kernel's list of file locks, or by the process that a `.pid` file names.

No tool is needed and no message parsed.
"""

from __future__ import annotations

from collections.abc import Sequence

from metal.host.ssh import Ssh

__all__ = ["lock_holder", "parse_holder"]

# Arguments: lock files. dnf and yum lock by a file that holds the pid of whoever works, for as long as that process
# lives; they keep no kernel lock on it. Prints `pid path command line` for each process that holds one of them. Among
# the processes with locks, the one is looked for that has the file open and a lock on just that descriptor: the inode
# numbers in the list of locks may be another file system's, and on an overlay they are not those that `stat` shows.
_SCRIPT = """
holder() { printf '%s %s %s\\n' "$1" "$2" "$(tr '\\0' ' ' <"/proc/$1/cmdline" 2>/dev/null | head -c 200)"; }
pids=$(grep -v -- '->' /proc/locks | while read -r _ _ _ _ pid _; do
  if [ "$pid" -gt 0 ] 2>/dev/null; then echo "$pid"; fi
done | sort -u)
for path; do
  [ -e "$path" ] || continue
  case "$path" in *.pid)
    pid=$(head -c 20 -- "$path" | tr -cd 0-9)
    if [ -n "$pid" ] && [ -e "/proc/$pid/stat" ]; then holder "$pid" "$path"; fi
    continue
  esac
  real=$(readlink -f -- "$path")
  for pid in $pids; do
    for fd in "/proc/$pid/fd/"*; do
      if [ "$(readlink -- "$fd" 2>/dev/null)" = "$real" ] && grep -q '^lock:' "/proc/$pid/fdinfo/${fd##*/}"; then
        holder "$pid" "$path"
        break
      fi
    done
  done
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
