"""Events at a moment that a test chooses: on PostgreSQL their time is the database's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from apps.audit import recording
from apps.core import clock

_DATABASE_TIME = "(extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::bigint"


@contextmanager
def events_at(moment: dt.datetime) -> Iterator[None]:
    """Record the events inside the block at that moment."""
    counted = (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
    assert _DATABASE_TIME in recording._READ_HEAD_AND_TIME
    statement = recording._READ_HEAD_AND_TIME.replace(_DATABASE_TIME, f"{counted}::bigint")
    with (
        mock.patch.object(recording, "_READ_HEAD_AND_TIME", statement),
        mock.patch.object(clock, "microseconds", return_value=counted),
    ):
        yield
