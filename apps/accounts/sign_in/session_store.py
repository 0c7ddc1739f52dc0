"""Django's database sessions with the portal's clock instead of the machine's."""

from __future__ import annotations

import datetime
from typing import Any

from django.contrib.sessions.backends import db
from django.db import connection

from apps.core import clock


class SessionStore(db.SessionStore):
    """A session stored in the database. Django's encoding of the data depends on this class name."""

    def load(self) -> dict[str, Any]:
        """The session's data. If the row is missing or expired: empty data, and the key is cleared."""
        # Opening a connection compares the clocks, which must happen before the expiry is checked.
        connection.ensure_connection()
        row = self.model.objects.filter(session_key=self.session_key, expire_date__gt=clock.now()).first()
        if row is None:
            self._session_key = None
            return {}
        return self.decode(row.session_data)

    def get_expiry_date(self, **kwargs: Any) -> datetime.datetime:
        """When the session expires, counted from ``modification`` (default: now)."""
        kwargs.setdefault("modification", clock.now())
        return super().get_expiry_date(**kwargs)

    @classmethod
    def clear_expired(cls) -> None:
        """Delete expired sessions (``manage.py clearsessions``) without an event; the worker records them."""
        cls.get_model_class().objects.filter(expire_date__lt=clock.now()).delete()
