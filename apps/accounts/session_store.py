"""Django's sessions in the database, by the portal's clock: Django's own take the clock of the machine."""

from __future__ import annotations

import datetime
from typing import Any

from django.contrib.sessions.backends import db
from django.db import connection

from apps.core import clock


class SessionStore(db.SessionStore):
    """A session of a row. It keeps Django's class name, which is part of what encodes the data."""

    def load(self) -> dict[str, Any]:
        """The session's data; empty, and without a key, where its row has expired or is gone."""
        # The clock is compared as a connection is taken: before it is asked whether the session has ended.
        connection.ensure_connection()
        row = self.model.objects.filter(session_key=self.session_key, expire_date__gt=clock.now()).first()
        if row is None:
            self._session_key = None
            return {}
        return self.decode(row.session_data)

    def get_expiry_date(self, **kwargs: Any) -> datetime.datetime:
        """When the session ends, counted from ``modification``, which is now unless given."""
        kwargs.setdefault("modification", clock.now())
        return super().get_expiry_date(**kwargs)
