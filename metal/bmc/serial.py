"""Serial numbers, told from what makers leave in their place."""

from __future__ import annotations

import re

__all__ = ["own_serial"]

_FILLERS = re.compile(
    r"0*|n/?a|none|unknown|not (specified|available)|default string|system serial number|x+|0?123456789"
    r"|to be filled by o\.?e\.?m\.?",
    re.IGNORECASE,
)


def own_serial(text: str) -> str:
    """The serial number; empty for a field that was left as it came, which many machines share."""
    return "" if _FILLERS.fullmatch(text) else text
