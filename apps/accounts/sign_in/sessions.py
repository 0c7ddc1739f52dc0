"""Begin and end sessions, with an audit event for each.

The idle limit is the session's own expiry (``SESSION_COOKIE_AGE``); the absolute limit counts from the
sign-in. Both are checked when the next request with the session's cookie arrives.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.contrib import auth
from django.contrib.sessions.backends.base import UpdateError
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from apps.accounts.audit_events import SESSION_SIGNED_IN
from apps.accounts.models import EndReason, Session, User
from apps.accounts.selectors import actor_for
from apps.accounts.services import record_session_end
from apps.accounts.sign_in.session_store import (
    CLIENT_ADDRESS,
    RENEWED_AT,
    SIGNED_IN_AT,
    USER_AGENT,
    SessionStore,
)
from apps.audit.events import MAX_TEXT, Event, storable
from apps.audit.recording import record
from apps.core import clock
from apps.core.actor import Origin
from apps.core.connections import is_database_unavailable
from apps.core.web.requests import SESSION_ID, actor_of, origin_of


class SessionEnded(Exception):
    """The session of a request has ended since the request began.

    ``SignInFirstMiddleware`` answers as if the request had come after the end.
    """


def begin(request: HttpRequest, user: User) -> None:
    """Store the sign-in's id and time in the session and record it, after Django has signed the person in.

    Call within the sign-in's transaction. Saves the session, so that session and event are stored together.
    The id is random and not the session's key, which is a secret and changes with the password.
    """
    request.session[SESSION_ID] = str(uuid.uuid4())
    request.session[SIGNED_IN_AT] = clock.seconds()
    _note_use(request)
    request.session.save()
    user.last_login = clock.now()
    user.save(update_fields=["last_login"])
    # Reset the count of failures; a block stays until an administrator removes it.
    User.objects.filter(pk=user.pk, failed_sign_ins__gt=0, sign_in_blocked_at=None).update(failed_sign_ins=0)
    actor = actor_for(user, origin_of(request), session=request.session[SESSION_ID])
    facts = {"method": "password", "user_agent": request.META.get("HTTP_USER_AGENT", "")[:MAX_TEXT] or None}
    record(Event(type=SESSION_SIGNED_IN, actor=actor, person=actor.id, data=facts))


def end(request: HttpRequest, reason: EndReason) -> None:
    """End the session of the request's person and record it. The request continues as anonymous.

    Deleting the row ensures one event per session: another request may have ended it meanwhile.
    """
    with transaction.atomic():
        actor = actor_of(request)
        ended, _rows = Session.objects.filter(session_key=request.session.session_key).delete()
        auth.logout(request)
        if ended:
            record_session_end(actor, reason)


def keep(request: HttpRequest, person: User) -> None:
    """Let the session of the request continue after a change of its person that ends their sessions.

    Call within the transaction of the change, for the changed and locked person, before its event. Stores the
    session with the person's new hash and, as Django does, under another key. Raises :class:`SessionEnded` if
    the session has ended since the request began: Django would store it again.
    """
    session = request.session
    assert isinstance(session, SessionStore)  # noqa: S101  # narrows the type
    # Another request of the session may have changed its key.
    own = Q(session_key=session.session_key) | Q(sign_in=session[SESSION_ID])
    row = Session.objects.select_for_update(no_key=True).filter(own, person=person).first()
    if row is None:
        raise SessionEnded
    session.follow(row.session_key)
    auth.update_session_auth_hash(request, person)
    session.save()


def renew(request: HttpRequest, *, force: bool = False) -> None:
    """Restart the idle time. Write the row only if its time is a minute or a tenth of the idle time old.

    Writing it on every request would add a third durable commit to each create. ``force``: always write, and
    before the answer. Raises :class:`SessionEnded` then if the session has ended since the request began.
    """
    now = clock.seconds()
    stale = min(60, settings.SESSION_COOKIE_AGE // 10)
    if force or now - request.session.get(RENEWED_AT, 0) >= stale:
        request.session[RENEWED_AT] = now
        _note_use(request)
    if force:
        try:
            request.session.save()
        except UpdateError as error:
            if is_database_unavailable(error):
                raise
            raise SessionEnded from error


def _note_use(request: HttpRequest) -> None:
    """Note browser and address, which are stored with the session."""
    request.session[USER_AGENT] = storable(request.META.get("HTTP_USER_AGENT", ""))
    request.session[CLIENT_ADDRESS] = storable(origin_of(request).client_address)


def seconds_left(request: HttpRequest) -> int:
    """Seconds until the session ends without another request, by the idle or the absolute limit."""
    now = clock.seconds()
    began: int = request.session.get(SIGNED_IN_AT, now)
    absolute = began + settings.SESSION_ABSOLUTE_SECONDS
    idle = request.session.get(RENEWED_AT, now) + settings.SESSION_COOKIE_AGE
    return int(max(min(idle, absolute) - now, 0))


def end_if_too_old(request: HttpRequest) -> None:
    """End the session if it began at least ``SESSION_ABSOLUTE_SECONDS`` ago."""
    now = clock.seconds()
    signed_in_at: int = request.session.setdefault(SIGNED_IN_AT, now)
    request.session.setdefault(SESSION_ID, str(uuid.uuid4()))  # a session from before the id, of an update
    if now - signed_in_at >= settings.SESSION_ABSOLUTE_SECONDS:
        end(request, EndReason.ABSOLUTE)


def close_if_expired(request: HttpRequest) -> None:
    """Delete the expired session named by the request's cookie, and record its end.

    Django already treats the request as anonymous. Deleting the row ensures one event per session, even if
    two requests arrive at the same time.
    """
    _close_expired(request.COOKIES.get(settings.SESSION_COOKIE_NAME, ""), origin_of(request))


def close_expired_sessions(limit: int = 200) -> int:
    """Delete up to ``limit`` expired sessions, record each end, and return the number of sessions.

    Their data is deleted too: sealed entries and tokens of one-time links.
    """
    keys = Session.objects.filter(expire_date__lte=clock.now()).values_list("session_key", flat=True)[:limit]
    for key in list(keys):
        _close_expired(key, Origin())
    return len(keys)


def _close_expired(key: str, origin: Origin) -> None:
    expired = Session.objects.filter(session_key=key, expire_date__lte=clock.now())
    if not expired.exists():
        return
    with transaction.atomic():
        session = expired.select_for_update(no_key=True).first()
        if session is None:
            return
        data = session.get_decoded()
        user = _person_of(data)
        session.delete()
        if user is not None:
            actor = actor_for(user, origin, session=data.get(SESSION_ID, ""))
            record_session_end(actor, session.first_limit)


def _person_of(data: dict[str, Any]) -> User | None:
    """The person of a session. None if a deactivation or a new password had already ended the session."""
    user = User.objects.filter(pk=data.get(auth.SESSION_KEY, 0), is_active=True).first()
    carried = data.get(auth.HASH_SESSION_KEY, "")
    return user if user and constant_time_compare(carried, user.get_session_auth_hash()) else None
