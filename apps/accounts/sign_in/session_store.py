"""Django's database sessions with the portal's clock, and with columns that say whose they are."""

from __future__ import annotations

import datetime
from typing import Any

from django.contrib import auth
from django.contrib.sessions.backends import db
from django.db import connection

from apps.accounts.models import Session
from apps.core import clock
from apps.core.prepared_queries import PreparedQuery
from apps.core.web.requests import SESSION_ID

SIGNED_IN_AT = "signed_in_at"  # seconds since 1970, in the session
RENEWED_AT = "renewed_at"  # seconds since 1970, in the session: the last renewal that was stored
USER_AGENT = "user_agent"  # in the session: of the last renewal
CLIENT_ADDRESS = "client_address"  # likewise

_VALID: PreparedQuery[Session] = PreparedQuery(
    lambda key, now: Session.objects.filter(session_key=key, expire_date__gt=now)
)


class SessionStore(db.SessionStore):
    """A session stored in the database. Django's encoding of the data depends on this class name."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        """The model of the rows."""
        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        """The row for this data, with the columns that repeat some of it."""
        row = super().create_model_instance(data)
        assert isinstance(row, Session)  # noqa: S101  # narrows the type
        person_id = str(data.get(auth.SESSION_KEY, ""))
        row.person_id = int(person_id) if person_id else None
        row.sign_in = data.get(SESSION_ID)
        row.signed_in_at = _moment(data.get(SIGNED_IN_AT))
        row.last_used_at = _moment(data.get(RENEWED_AT, data.get(SIGNED_IN_AT)))
        row.user_agent = data.get(USER_AGENT, "")
        row.client_address = data.get(CLIENT_ADDRESS, "")
        return row

    def load(self) -> dict[str, Any]:
        """The session's data. If the row is missing or expired: empty data, and the key is cleared."""
        # Opening a connection compares the clocks, which must happen before the expiry is checked.
        connection.ensure_connection()
        row = _VALID.first(self.session_key, clock.now()) if self.session_key else None
        if row is None:
            self._session_key = None
            return {}
        return self.decode(row.session_data)

    def follow(self, key: str) -> None:
        """Use the row with this key from now on."""
        self._session_key = key

    def get_expiry_date(self, **kwargs: Any) -> datetime.datetime:
        """When the session expires, counted from ``modification`` (default: now)."""
        kwargs.setdefault("modification", clock.now())
        return super().get_expiry_date(**kwargs)

    @classmethod
    def clear_expired(cls) -> None:
        """Delete expired sessions without an event; the worker deletes them with one."""
        cls.get_model_class().objects.filter(expire_date__lt=clock.now()).delete()


def _moment(seconds: float | None) -> datetime.datetime | None:
    return None if seconds is None else datetime.datetime.fromtimestamp(seconds, datetime.UTC)
