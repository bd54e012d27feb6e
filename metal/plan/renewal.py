"""When a certificate has to be made anew. Pure, and light enough for a preview."""

from __future__ import annotations

from datetime import datetime, timedelta

__all__ = ["CONSUL_RENEW_DAYS", "ENGINE_RENEW_DAYS", "is_due"]

CONSUL_RENEW_DAYS = 180
"""A Consul agent's certificate with fewer days left is made anew; a reload takes it."""

ENGINE_RENEW_DAYS = 90
"""The same for an engine's, which takes a restart."""


def is_due(not_after: str | None, now: datetime, *, days: int) -> bool:
    """Whether a certificate ends within so many days; false where there is none to be renewed.

    :param not_after: its end, ISO 8601.
    """
    return bool(not_after) and datetime.fromisoformat(str(not_after)) - now < timedelta(days=days)
