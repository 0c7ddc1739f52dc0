"""Limits on what one person, account or address may do in a time. All processes count in one table.

Each act is a row until its time has passed, so that a limit holds for every period of that length. The rows
hold keyed digests: the table shows neither names nor addresses.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

from django.core.cache import cache
from django.db import connection
from django.db.models import QuerySet

from apps.core import clock
from apps.core.encryption import keyed_digest
from apps.core.models import LimitedAct

_SITE_PREFIX = 64  # bits: what one IPv6 customer has at least; single addresses cost nothing


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``most`` acts of one kind within ``seconds``, for each ``who``."""

    name: str
    most: int
    seconds: int

    def take(self, *who: str) -> LimitedAct | None:
        """Count one act; None, with nothing counted, where the limit is reached.

        Of two acts at the same time at the limit both may be refused; never are more let through. Call it
        outside a transaction, so that other processes see the row at once.
        """
        now = _now()
        key = self._key(who)
        until = now + datetime.timedelta(seconds=self.seconds)
        act = LimitedAct.objects.create(key=key, at=now, expires_at=until)
        if self._within(key, now).count() <= self.most:
            return act
        act.delete()
        return None

    def is_reached(self, *who: str) -> bool:
        """Whether the next act would be refused."""
        return self._within(self._key(who), _now()).count() >= self.most

    def _key(self, who: tuple[str, ...]) -> str:
        return keyed_digest("limit", self.name, *who)

    def _within(self, key: str, now: datetime.datetime) -> QuerySet[LimitedAct]:
        return LimitedAct.objects.filter(key=key, at__gt=now - datetime.timedelta(seconds=self.seconds))


def give_back(act: LimitedAct) -> None:
    """Do not count an act that was taken: it turned out to be harmless."""
    LimitedAct.objects.filter(pk=act.pk).delete()


def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, or the network of an IPv6 one; other text as it is."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, _SITE_PREFIX), strict=False))
    return address


def forget_expired() -> None:
    """Delete what no longer counts, and expired rows of the cache: Django's leaves them until it is full."""
    now = _now()
    expired = LimitedAct.objects.filter(expires_at__lte=now)
    if expired.exists():  # a DELETE takes SQLite's write lock, for nothing most of the time
        expired.delete()
    table = connection.ops.quote_name(getattr(cache, "_table"))  # noqa: B009  # of Django's DatabaseCache
    moment = connection.ops.adapt_datetimefield_value(now.replace(microsecond=0))
    expired_rows = f"FROM {table} WHERE expires < %s"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 {expired_rows} LIMIT 1", [moment])  # the settings' own name
        if cursor.fetchone():
            cursor.execute(f"DELETE {expired_rows}", [moment])  # as above


def _now() -> datetime.datetime:
    return clock.now()
