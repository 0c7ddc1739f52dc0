"""The life of a session: when it began, why it ended, and the event of each.

The end by idle time is the session's own expiry (``SESSION_COOKIE_AGE``); the absolute end counts from
the sign-in. Both are seen when the next request comes with the session's cookie.
"""

from __future__ import annotations

from enum import StrEnum

from django.conf import settings
from django.contrib import auth
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from apps.accounts.audit_events import SESSION_SIGNED_IN, SESSION_SIGNED_OUT
from apps.accounts.models import User
from apps.accounts.selectors import actor_for
from apps.audit.events import Event
from apps.audit.recording import record
from apps.core import clock
from apps.core.actor import Actor, Origin
from apps.core.requests import actor_of, origin_of

SIGNED_IN_AT = "signed_in_at"  # seconds since 1970, in the session
RENEWED_AT = "renewed_at"  # likewise: the last request that was written down


class EndReason(StrEnum):
    """Why a session ended."""

    BUTTON = "button"  # the person signed out
    IDLE = "idle"
    ABSOLUTE = "absolute"


def begin(request: HttpRequest, user: User) -> None:
    """Stamp the session and record the sign-in, after Django has signed the person in.

    Call inside the transaction of the sign-in. The session is written here, so that session and event are
    stored both or neither.
    """
    request.session[SIGNED_IN_AT] = clock.seconds()
    request.session.save()
    user.last_login = clock.now()
    user.save(update_fields=["last_login"])
    # The failures before it are over; a block stays until an administrator unlocks.
    User.objects.filter(pk=user.pk, failed_sign_ins__gt=0, sign_in_blocked_at=None).update(failed_sign_ins=0)
    actor = actor_for(user, origin_of(request))
    record(Event(type=SESSION_SIGNED_IN, actor=actor, person=actor.id))


def end(request: HttpRequest, reason: EndReason) -> None:
    """End the session of the request's person, with its event. The request goes on as nobody's."""
    with transaction.atomic():
        actor = actor_of(request)
        auth.logout(request)
        _record_end(actor, reason)


def renew(request: HttpRequest, *, at_once: bool = False) -> None:
    """Let the idle time begin again, in the row too where that is a minute old, or a tenth of the idle time.

    A row that is written with every request would be a third durable commit of each create.
    """
    now = clock.seconds()
    stale = min(60, settings.SESSION_COOKIE_AGE // 10)
    if at_once or now - request.session.get(RENEWED_AT, 0) >= stale:
        request.session[RENEWED_AT] = now


def seconds_left(request: HttpRequest) -> int:
    """Seconds until the session ends if nothing more is asked: idle time, or less near the absolute end."""
    now = clock.seconds()
    began: int = request.session.get(SIGNED_IN_AT, now)
    absolute = began + settings.SESSION_ABSOLUTE_SECONDS
    idle = request.session.get(RENEWED_AT, now) + settings.SESSION_COOKIE_AGE
    return int(max(min(idle, absolute) - now, 0))


def end_if_too_old(request: HttpRequest) -> None:
    """End a session that began ``SESSION_ABSOLUTE_SECONDS`` ago or earlier."""
    now = clock.seconds()
    signed_in_at: int = request.session.setdefault(SIGNED_IN_AT, now)
    if now - signed_in_at >= settings.SESSION_ABSOLUTE_SECONDS:
        end(request, EndReason.ABSOLUTE)
    else:
        renew(request)


def close_if_idle(request: HttpRequest) -> None:
    """Clear away the expired session that the request's cookie names, with the event of its end.

    Django has already taken the request for nobody's; this only tells the log. The row goes, so it is
    told once, even when two requests come at the same time.
    """
    _close_expired(request.COOKIES.get(settings.SESSION_COOKIE_NAME, ""), origin_of(request))


def close_expired_sessions(most: int = 200) -> int:
    """Clear away sessions whose cookie never came again, each with its event; returns how many.

    Nothing that waited in them stays behind: a kept entry, the token of a one-time link.
    """
    keys = Session.objects.filter(expire_date__lte=clock.now()).values_list("session_key", flat=True)[:most]
    for key in list(keys):
        _close_expired(key, Origin())
    return len(keys)


def _close_expired(key: str, origin: Origin) -> None:
    expired = Session.objects.filter(session_key=key, expire_date__lte=clock.now())
    if not expired.exists():
        return
    with transaction.atomic():
        session = expired.select_for_update().first()
        if session is None:
            return
        user = _person_of(session)
        session.delete()
        if user is not None:
            _record_end(actor_for(user, origin), EndReason.IDLE)


def _person_of(session: Session) -> User | None:
    """Whose session it was; nobody's when it had ended before, by a deactivation or a new password."""
    data = session.get_decoded()
    user = User.objects.filter(pk=data.get(auth.SESSION_KEY, 0), is_active=True).first()
    carried = data.get(auth.HASH_SESSION_KEY, "")
    return user if user and constant_time_compare(carried, user.get_session_auth_hash()) else None


def _record_end(actor: Actor, reason: EndReason) -> None:
    record(Event(type=SESSION_SIGNED_OUT, actor=actor, person=actor.id, data={"reason": reason.value}))
