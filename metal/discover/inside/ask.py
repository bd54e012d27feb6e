"""IPMI requests put to a BMC by the ipmitool of its own host: nothing is set, installed or loaded."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from metal.bmc.rmcp.frames import Reply, Request
from metal.discover.inside.sight import Surroundings
from metal.discover.line import one_line
from metal.host.ssh import Ssh

__all__ = ["ask", "look_around", "parse_replies", "parse_surroundings", "spell"]

# Paths of the three places in which ipmitool looks for the device.
_AROUND = """
say() { printf '%s=%s\\n' "$1" "$2"; }
first() { [ -r "$1" ] && head -n 1 -- "$1" 2>/dev/null || true; }
say uid "$(id -u)"
say maker "$(first /sys/class/dmi/id/sys_vendor)"
say product "$(first /sys/class/dmi/id/product_name)"
if [ -d /sys/firmware/dmi/entries ]; then
  set -- /sys/firmware/dmi/entries/38-*
  [ -e "$1" ] && say declared yes || say declared no
fi
for path in /dev/ipmi0 /dev/ipmi/0 /dev/ipmidev/0; do
  [ ! -c "$path" ] || say device "$path"
done
for name in ipmi_si ipmi_ssif ipmi_powernv ipmi_devintf; do
  [ ! -d "/sys/module/$name" ] || say module "$name"
done
say tool "$(command -v ipmitool || true)"
"""

# One line a request. What is no refusal of the BMC's own (with a completion code) would come again: it is the last.
_ASK = """
tool=$1
shift
for request; do
  rc=0
  said=$(timeout 15 "$tool" -I open raw $request 2>&1) || rc=$?
  printf '%s|%s|%s\\n' "$request" "$rc" "$(printf %s "$said" | tr '\\n' ';')"
  case "$rc:$said" in
    0:* | *rsp=0x*) ;;
    *) break ;;
  esac
done
"""
_ASK_SECONDS = 180.0

# A login's banner or a warning of the shell may stand before.
_LINE = re.compile(r"(0x[0-9a-f]{2}(?: 0x[0-9a-f]{2})*)\|(\d{1,3})\|(.*)", re.DOTALL)
_BYTES = re.compile(r"\s*[0-9a-f]{2}(\s+[0-9a-f]{2})*\s*", re.ASCII)
_CODE = re.compile(r"rsp=0x([0-9a-f]{1,2})\b")
_TIMED_OUT = 124
_MOST_WORDS = 500


def look_around(ssh: Ssh) -> Surroundings:
    """:raises HostError: the host could not be asked."""
    return parse_surroundings(ssh.script(_AROUND, timeout=60).stdout)


def ask(ssh: Ssh, tool: str, requests: Sequence[Request]) -> tuple[Mapping[Request, Reply], str]:
    """Put the requests, in their order, in one round trip.

    :param tool: path of ipmitool on the host.
    :returns: replies, refusals among them; and what ipmitool said when it could not put one, or nothing.
    :raises HostError: the host could not be asked.
    """
    words = {spell(request): request for request in requests}
    done = ssh.script(_ASK, tool, *words, timeout=_ASK_SECONDS)
    replies, silence = parse_replies(done.stdout)
    return {words[spelt]: reply for spelt, reply in replies.items() if spelt in words}, silence


def spell(request: Request) -> str:
    """As `ipmitool raw` takes it."""
    return " ".join(f"{byte:#04x}" for byte in (request.netfn, request.command, *request.data))


def parse_surroundings(text: str) -> Surroundings:
    """Read what the script printed: `key=value` a line; a key may come again."""
    values: dict[str, list[str]] = {}
    for line in text.split("\n"):
        key, _, value = line.partition("=")
        values.setdefault(key.strip(), []).append(one_line(value.strip()))

    def first(key: str) -> str:
        return values.get(key, [""])[0]

    return Surroundings(
        root=first("uid") == "0",
        declared={"yes": True, "no": False}.get(first("declared")),
        device=first("device"),
        modules=tuple(values.get("module", ())),
        tool=first("tool"),
        maker=first("maker"),
        product=first("product"),
    )


def parse_replies(text: str) -> tuple[dict[str, Reply], str]:
    """Read `request|status|output` a line, the lines of an output joined by semicolons.

    :returns: by request as it was spelt; and the output that was neither an answer nor a refusal, on one line.
    """
    replies: dict[str, Reply] = {}
    for line in text.split("\n"):
        found = _LINE.fullmatch(line)
        if found is None:
            continue
        request, status, said = found.groups()
        pieces = [piece for piece in said.split(";") if piece.strip()]
        code = _CODE.search(said)
        if status == "0":
            # Warnings of ipmitool's own are among it.
            data = " ".join(piece for piece in pieces if _BYTES.fullmatch(piece))
            replies[request] = Reply(0, bytes.fromhex(data))
        elif code and int(code[1], 16):
            replies[request] = Reply(int(code[1], 16), b"")
        elif status == str(_TIMED_OUT):
            return replies, "ipmitool had no answer within 15 s"
        else:
            words = one_line(" ".join(piece.strip() for piece in pieces))[:_MOST_WORDS]
            return replies, words or f"ipmitool ended with status {status}"
    return replies, ""
