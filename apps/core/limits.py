"""Rate limits per person, account or address, counted in one table for all processes.

Each act is a row until it expires, so a limit applies to every period of its length (a sliding window). Rows
contain keyed digests, no names or addresses.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

from django.core.cache import cache
from django.db import connection
from django.db.models import QuerySet

from apps.core import clock
from apps.core.encryption import keyed_digests
from apps.core.models import LimitedAct

_SITE_PREFIX = 64  # bits: every IPv6 customer has at least such a network, with any number of addresses


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``max_acts`` acts of one kind within ``seconds``, for each ``who``."""

    name: str
    max_acts: int
    seconds: int

    def acquire(self, *who: str) -> LimitedAct | None:
        """Count one act and return its row; None, without counting it, if the limit is reached.

        Two acts at the same moment may both be refused at the limit; more than the limit are never accepted.
        Call it outside a transaction, so that other processes see the row immediately.
        """
        now = clock.now()
        keys = self._keys(who)
        until = now + datetime.timedelta(seconds=self.seconds)
        act = LimitedAct.objects.create(key=keys[0], at=now, expires_at=until)
        if self._acts_within(keys, now).count() <= self.max_acts:
            return act
        act.delete()
        return None

    def is_reached(self, *who: str) -> bool:
        """Whether :meth:`acquire` would refuse the next act. Counts nothing."""
        return self._acts_within(self._keys(who), clock.now()).count() >= self.max_acts

    def _keys(self, who: tuple[str, ...]) -> list[str]:
        """The key of a new act; then those that acts have which were counted under other digest keys.

        A process without the key in use counts under its own keys, which the others have as well.
        """
        digests = keyed_digests("limit", self.name, *who, or_own_keys=True)
        return [digest.hex() for digest in digests]

    def _acts_within(self, keys: list[str], now: datetime.datetime) -> QuerySet[LimitedAct]:
        return LimitedAct.objects.filter(key__in=keys, at__gt=now - datetime.timedelta(seconds=self.seconds))


def release(act: LimitedAct) -> None:
    """Delete an act from :meth:`Limit.acquire`, so that it does not count."""
    LimitedAct.objects.filter(pk=act.pk).delete()


def network_of(address: str) -> str:
    """The value to count by: an IPv4 address, the /64 network of an IPv6 address, other text unchanged."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, _SITE_PREFIX), strict=False))
    return address


def delete_expired() -> None:
    """Delete expired acts, and expired cache rows, which Django deletes only when the cache is full."""
    now = clock.now()
    expired = LimitedAct.objects.filter(expires_at__lte=now)
    if expired.exists():  # a DELETE locks SQLite for writing even if it deletes nothing
        expired.delete()
    table = connection.ops.quote_name(getattr(cache, "_table"))  # noqa: B009  # of Django's DatabaseCache
    moment = connection.ops.adapt_datetimefield_value(now.replace(microsecond=0))
    expired_rows = f"FROM {table} WHERE expires < %s"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 {expired_rows} LIMIT 1", [moment])  # the table name is from the settings
        if cursor.fetchone():
            cursor.execute(f"DELETE {expired_rows}", [moment])  # as above
