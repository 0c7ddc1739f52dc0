"""Services that change people. Each function is one transaction that includes its audit event."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.db.models.functions import Lower

from apps.accounts import password_links
from apps.accounts.audit_events import (
    ACCESS_DENIED,
    PASSWORD_LINKS_SHOWN,
    PERSON_ADDED,
    PERSON_CHANGED,
    PERSON_DEACTIVATED,
    PERSON_PASSWORD_LINK_ISSUED,
    PERSON_PASSWORD_LINK_REFUSED,
    PERSON_PASSWORD_SET,
    PERSON_REACTIVATED,
    PERSON_SESSIONS_ENDED,
    PERSON_SIGN_IN_BLOCKED,
    PERSON_SIGN_IN_UNLOCKED,
    ROLE_GRANTED,
    ROLE_REVOKED,
    SESSION_SIGN_IN_FAILED,
    SESSION_SIGNED_OUT,
)
from apps.accounts.models import EndReason, PasswordLink, Session, User
from apps.accounts.permissions import MANAGE_PEOPLE
from apps.accounts.roles import ADMINISTRATOR, GRANTS
from apps.accounts.selectors import actor_for, open_links
from apps.audit.events import MAX_ITEMS, Event, Value
from apps.audit.recording import record
from apps.audit.registry import EventType
from apps.core import clock
from apps.core.actor import Actor, Origin
from apps.core.parts import in_parts

BLOCK_AFTER = 100
"""Failed sign-ins in a row after which an account is blocked in unknown browsers (NIST SP 800-63B, 5.2.2)."""


SAME_INVITATION = timedelta(minutes=10)
"""For this long the same table again is taken for a repeated submission of the form."""


KeepSession = Callable[[User], object]
"""Lets the actor's own session continue while their account changes (``sessions.keep``)."""


class Refusal(Enum):
    """Why a change to a person is not allowed in the current state."""

    OWN_ROLES = "own_roles"
    OWN_ACCOUNT = "own_account"
    LAST_ADMINISTRATOR = "last_administrator"
    INACTIVE = "inactive"
    LINK_USED_UP = "link_used_up"
    MAY_NOT_ISSUE = "may_not_issue"
    USER_NAME_TAKEN = "user_name_taken"


class ActRefusedError(Exception):
    """The change is not allowed in the current state, for the reason in ``refusal``. Nothing was changed."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


class ChangedMeanwhileError(Exception):
    """Others have changed fields since the actor saw them. ``stored``: their values. Nothing was changed."""

    def __init__(self, stored: dict[str, str]) -> None:
        super().__init__(*stored)
        self.stored = stored


class UnknownRoleError(LookupError):
    """The role is not in the matrix."""


@dataclass(frozen=True, slots=True)
class PersonDetails:
    """The editable details of a person. ``time_zone`` is an IANA name, empty for the portal's zone."""

    name: str
    time_zone: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class NewPerson:
    """A new person with their roles."""

    username: str
    details: PersonDetails
    roles: tuple[str, ...] = ()


def add_person(*, person: NewPerson, actor: Actor) -> int:
    """Add a person without a password, grant the roles, and return the new id.

    Raises ``ActRefusedError`` if the user name is taken, regardless of case.
    """
    try:
        with transaction.atomic():
            added = _add(person, actor)
    except IntegrityError as error:
        if User.objects.filter(username__iexact=person.username).exists():
            raise ActRefusedError(Refusal.USER_NAME_TAKEN) from error
        raise
    return added.pk


def invite_people(*, people: Sequence[NewPerson], actor: Actor) -> list[int]:
    """Add several people and issue a link for each, all together or none. Returns their ids in order.

    Raises ``ActRefusedError`` if a user name is taken, or if the actor may not issue links any more.
    """
    try:
        with transaction.atomic():
            _lock_links(actor)
            added = [_add(person, actor) for person in people]
            for person in added:
                _issue_link(person, actor)
    except IntegrityError as error:
        names = {person.username.lower() for person in people}
        lower = User.objects.annotate(lower=Lower("username")).filter(lower__in=names)
        if len(names) < len(people) or lower.exists():
            raise ActRefusedError(Refusal.USER_NAME_TAKEN) from error
        raise
    return [person.pk for person in added]


def just_invited(people: Sequence[NewPerson], issuer_id: str) -> bool:
    """Whether the issuer invited exactly these people within :data:`SAME_INVITATION`, as if sent twice."""
    since = clock.now() - SAME_INVITATION
    links = PasswordLink.objects.filter(issued_by=issuer_id, invitation=True, issued_at__gt=since)
    users = User.objects.filter(pk__in=links.values("person"), date_joined__gt=since)
    added = {
        (user.username, user.name, user.email, frozenset(group.name for group in user.groups.all()))
        for user in users.prefetch_related("groups")
    }
    return all(
        (one.username, one.details.name, one.details.email, frozenset(one.roles)) in added for one in people
    )


def _add(person: NewPerson, actor: Actor) -> User:
    """Raises ``IntegrityError`` if the user name is taken."""
    details = person.details
    added = User(
        username=person.username, name=details.name, time_zone=details.time_zone, email=details.email
    )
    added.set_unusable_password()
    added.save(force_insert=True)
    values = {"name_after": added.name, "email_after": added.email, "roles_after": [*person.roles]}
    _record(PERSON_ADDED, added, actor, **values)
    for role in person.roles:
        _grant(added, role, actor)
    return added


def change_person(
    *, person_id: int, details: PersonDetails, actor: Actor, seen: Mapping[str, str | None] | None = None
) -> None:
    """Change name, e-mail address and time zone. Records an event if a value changed.

    ``seen``: change only these fields, each with the value that the actor saw, or None if that is not known.
    Raises ``ChangedMeanwhileError`` if one of them has neither the value that was seen nor the new one.
    """
    values = {"name": details.name, "email": details.email, "time_zone": details.time_zone}
    if seen is not None:
        values = {field: value for field, value in values.items() if field in seen}
    _change(person_id, values, actor, seen or {})


def choose_time_zone(*, person_id: int, time_zone: str, actor: Actor) -> None:
    """Change only the time zone, as people can for themselves. Records an event only if it changed."""
    _change(person_id, {"time_zone": time_zone}, actor, {})


@transaction.atomic
def grant_role(*, person_id: int, role: str, actor: Actor) -> None:
    """Grant a role; no effect if already granted. Raises ``ActRefusedError`` if the actor is the person."""
    person = lock_person(person_id)
    _refuse_self(person, actor, Refusal.OWN_ROLES)
    if role not in person.roles:
        _grant(person, role, actor)


@transaction.atomic
def revoke_role(*, person_id: int, role: str, actor: Actor) -> int:
    """Revoke a role. Returns how many links that the person had issued stop working with it.

    Raises ``ActRefusedError`` if the actor is the person, or if this is the last administrator.
    """
    group = _group(role, lock=True)
    person = lock_person(person_id)
    _refuse_self(person, actor, Refusal.OWN_ROLES)
    if role not in person.roles:
        return 0
    links = 0
    if role == ADMINISTRATOR:
        _refuse_last_administrator(person)
        links = _cancel_links_issued_by(person)
    person.groups.remove(group)
    left = [one for one in person.roles if one != role]
    roles = {"roles_before": [*person.roles], "roles_after": left}
    _record(ROLE_REVOKED, person, actor, name=person.name, role=role, **roles, **_cancelled(links))
    return links


@transaction.atomic
def deactivate_person(*, person_id: int, actor: Actor) -> int:
    """End the person's access immediately. Existing sessions stay invalid even after a reactivation.

    Returns how many links that the person had issued for others stop working.

    Raises ``ActRefusedError`` if the actor is the person, or if this is the last administrator.
    """
    # Locking the group serialises such changes, so that two requests cannot remove the last two
    # administrators.
    _group(ADMINISTRATOR, lock=True)
    person = lock_person(person_id)
    _refuse_self(person, actor, Refusal.OWN_ACCOUNT)
    if not person.is_active:
        return 0
    if ADMINISTRATOR in person.roles:
        _refuse_last_administrator(person)
    person.is_active = False
    person.session_series = F("session_series") + 1
    person.save(update_fields=["is_active", "session_series"])
    ended = _end_sessions(person)
    links = _cancel_links_issued_by(person)
    state = {"state_before": "active", "state_after": "deactivated"}
    _record(PERSON_DEACTIVATED, person, actor, **state, **ended.data, **_cancelled(links))
    return links


@transaction.atomic
def reactivate_person(*, person_id: int, actor: Actor) -> None:
    """Let the person sign in again, with their previous password and roles."""
    person = lock_person(person_id)
    _refuse_self(person, actor, Refusal.OWN_ACCOUNT)
    if person.is_active:
        return
    person.is_active = True
    person.save(update_fields=["is_active"])
    _record(PERSON_REACTIVATED, person, actor, state_before="deactivated", state_after="active")


@dataclass(frozen=True, slots=True)
class SignedOut:
    """What signing out everywhere ended: sessions, and links that the person had issued for others."""

    sessions: int
    links: int


@transaction.atomic
def sign_out_everywhere(
    *, person_id: int, actor: Actor, keep_session: KeepSession | None = None
) -> SignedOut:
    """End the person's sessions, except the actor's own.

    Browsers in which they have signed in are no longer known, and open links to set a password, for them or
    issued by them, no longer work. ``keep_session``: is called for the changed person, and may refuse the
    change.
    """
    _lock_links()
    person = lock_person(person_id)
    person.session_series += 1
    person.save(update_fields=["session_series"])
    if keep_session is not None:
        keep_session(person)
    ended = _end_sessions(person, keep=actor.session if actor.id == str(person.pk) else "")
    links = _cancel_links_issued_by(person)
    _record(PERSON_SESSIONS_ENDED, person, actor, **ended.data, **_cancelled(links))
    return SignedOut(ended.count, links)


def _lock_links(issuer: Actor | None = None) -> None:
    """Lock what whoever issues links, or ends those of an issuer, locks first: the administrators' group.

    So no link is issued by an issuer whose links have just ended, and the people of the links can be locked
    in any order. Raises ``ActRefusedError`` if ``issuer`` has lost the right, or the session, since the
    request began. Commands and the portal itself are no people.
    """
    _group(ADMINISTRATOR, lock=True)
    person = User.objects.filter(pk=issuer.id).first() if issuer and issuer.id.isdecimal() else None
    if issuer is None or person is None:
        return
    # A row without an id may be this session's: it is stored with the first answer.
    is_signed_out = (
        issuer.session
        and not Session.objects.filter(Q(sign_in=issuer.session) | Q(sign_in=None), person=person).exists()
    )
    if is_signed_out or not person.has_perm(MANAGE_PEOPLE):
        raise ActRefusedError(Refusal.MAY_NOT_ISSUE)


def _cancel_links_issued_by(issuer: User) -> int:
    """End the unused links that this person issued for others, and return how many they were.

    The caller holds the lock on the administrators' group (:func:`_lock_links`).
    """
    people = [link.person_id for link in open_links(str(issuer.pk)) if link.person_id != issuer.pk]
    # Locked before they are counted: a link may be used meanwhile.
    accounts = User.objects.select_for_update(no_key=True).filter(pk__in=people).order_by("pk")
    locked = [account.pk for account in accounts]
    ended = [link.person_id for link in open_links(str(issuer.pk)) if link.person_id in locked]
    return User.objects.filter(pk__in=ended).update(password_links=F("password_links") + 1)


def _cancelled(links: int) -> dict[str, Value]:
    """What the event says about cancelled links."""
    return {"links": links} if links else {}


@transaction.atomic
def issue_password_link(*, person_id: int, actor: Actor) -> tuple[str, str]:
    """Create a one-time link and invalidate earlier ones. Returns its two parts: encoded person and token.

    The token is not stored; ``password_links`` computes it again. Raises ``ActRefusedError`` if the person
    is deactivated, or if the actor may not issue links any more.
    """
    _lock_links(actor)
    person = lock_person(person_id)
    if not person.is_active:
        raise ActRefusedError(Refusal.INACTIVE)
    return password_links.encode_person(person), _issue_link(person, actor)


def _issue_link(person: User, actor: Actor) -> str:
    """Issue a link and return its token."""
    person.password_links += 1
    person.save(update_fields=["password_links"])
    issued_at = clock.now()
    token = password_links.make_token(person, issued_at)
    PasswordLink.objects.create(
        person=person,
        issued_at=issued_at,
        fingerprint=password_links.fingerprint(token),
        issued_by=actor.id,
        issued_by_name=actor.name,
        invitation=not person.has_usable_password(),
    )
    _record(PERSON_PASSWORD_LINK_ISSUED, person, actor)
    return token


@transaction.atomic
def record_links_shown(*, person_ids: Sequence[int], actor: Actor) -> None:
    """Record that the actor was shown the links that they had issued for these people.

    An event names at most :data:`MAX_ITEMS` people; for more people, several events are recorded.
    """
    for part in in_parts(person_ids, MAX_ITEMS):
        people = [str(one) for one in part]
        person = people[0] if len(people) == 1 else ""
        data: dict[str, Value] = {"count": len(people), "people": people}
        record(Event(PASSWORD_LINKS_SHOWN, actor, person=person, data=data))


def set_password_by_link(*, person_id: int, token: str, password: str, actor: Actor) -> None:
    """Set the password with a one-time link, which then stops working. The event names who issued it.

    Raises ``ActRefusedError`` if the link is no longer valid: already used, expired, replaced by a newer
    link, or the person was deactivated.
    """
    password_hash = make_password(password)
    with transaction.atomic():
        person = lock_person(person_id)
        works = password_links.opens_account(person, token)
        if works:
            link = PasswordLink.objects.filter(person=person).latest("pk")  # only the latest one works
            link.used_at = clock.now()
            link.save(update_fields=["used_at"])
            _set_password(person, password_hash, actor, issued_by=link.issued_by_name)
        else:
            _record(PERSON_PASSWORD_LINK_REFUSED, person, actor, reason=Refusal.LINK_USED_UP.value)
    if not works:
        raise ActRefusedError(Refusal.LINK_USED_UP)


def set_password(
    *, person_id: int, password: str, actor: Actor, keep_session: KeepSession | None = None
) -> None:
    """Set the password. Ends all sessions of the person except the actor's own.

    ``keep_session``: is called for the changed person, and may refuse the change.
    """
    # Hash before the transaction: hashing takes about a second, and SQLite has a single write lock.
    password_hash = make_password(password)
    with transaction.atomic():
        _set_password(lock_person(person_id), password_hash, actor, keep_session)


@transaction.atomic
def record_failed_sign_in(*, person_id: int, reason: str, actor: Actor) -> None:
    """Record a failed sign-in, and block the account after ``BLOCK_AFTER`` consecutive failures.

    ``person_id``: 0 if the typed name matches no account. ``reason``: a code of the event type; "limited"
    means that the password was not checked, and does not count as a failure.
    """
    person = User.objects.filter(pk=person_id)
    blocked = 0
    if reason != "limited":
        person.update(failed_sign_ins=F("failed_sign_ins") + 1)
        newly = person.filter(failed_sign_ins__gte=BLOCK_AFTER, sign_in_blocked_at=None)
        blocked = newly.update(sign_in_blocked_at=clock.now())
    account = person.first()
    if account is None:
        record(Event(SESSION_SIGN_IN_FAILED, actor, data={"reason": reason}))
        return
    _record(SESSION_SIGN_IN_FAILED, account, actor, reason=reason)
    if blocked:
        _record(PERSON_SIGN_IN_BLOCKED, account, actor, sign_in_before="open", sign_in_after="blocked")


@transaction.atomic
def unlock_sign_in(*, person_id: int, actor: Actor) -> None:
    """Let the person sign in from any browser again. No effect if not blocked."""
    person = lock_person(person_id)
    if person.sign_in_blocked_at is None:
        return
    person.sign_in_blocked_at = None
    person.failed_sign_ins = 0
    person.save(update_fields=["sign_in_blocked_at", "failed_sign_ins"])
    _record(PERSON_SIGN_IN_UNLOCKED, person, actor, sign_in_before="blocked", sign_in_after="open")


@transaction.atomic
def _change(person_id: int, values: dict[str, str], actor: Actor, seen: Mapping[str, str | None]) -> None:
    """Store new values; the event has those that changed, before and after."""
    person = lock_person(person_id)
    changed = [field for field, value in values.items() if getattr(person, field) != value]
    if not changed:
        return
    stored = {field: getattr(person, field) for field in changed}
    meanwhile = {field: value for field, value in stored.items() if seen.get(field) not in (None, value)}
    if meanwhile:
        raise ChangedMeanwhileError(meanwhile)
    before = {f"{field}_before": value for field, value in stored.items()}
    after = {f"{field}_after": values[field] for field in changed}
    for field in changed:
        setattr(person, field, values[field])
    person.save(update_fields=changed)
    _record(PERSON_CHANGED, person, actor, fields=changed, **before, **after)


def _set_password(
    person: User, password_hash: str, actor: Actor, keep_session: KeepSession | None = None, **data: str
) -> None:
    person.password = password_hash
    person.session_series += 1
    person.save(update_fields=["password", "session_series"])
    if keep_session is not None:
        keep_session(person)
    ended = _end_sessions(person, keep=actor.session if actor.id == str(person.pk) else "")
    _record(PERSON_PASSWORD_SET, person, actor, **data, **(ended.data if ended.count else {}))


@dataclass(frozen=True, slots=True)
class _Ended:
    """Sessions that were ended: how many, and the ids of those that have one."""

    count: int
    sign_ins: list[str]

    @property
    def data(self) -> dict[str, Value]:
        """What the event says about them."""
        return {"count": self.count, "sessions": self.sign_ins[:MAX_ITEMS]}


def record_session_end(actor: Actor, reason: EndReason) -> None:
    """Record that the actor's session ended, in the transaction that deletes its row."""
    record(Event(SESSION_SIGNED_OUT, actor, person=actor.id, data={"reason": reason.value}))


def _end_sessions(person: User, *, keep: str = "") -> _Ended:
    """Delete the person's sessions, except ``keep``, and return those of them that were open.

    Those that had ended by a limit of time, which the worker has not deleted yet, get their own event.
    """
    rows = Session.objects.filter(person=person)
    if keep:
        # Not exclude(), which also leaves out rows without an id.
        rows = rows.filter(~Q(sign_in=keep) | Q(sign_in=None))
    # Locked: one that ends meanwhile has an event of its own, and is not among them.
    found = list(rows.defer("session_data").select_for_update(no_key=True).order_by("signed_in_at"))
    open_keys = {*Session.open().filter(person=person).values_list("session_key", flat=True)}
    Session.objects.filter(session_key__in=[one.session_key for one in found]).delete()
    for over in [one for one in found if one.session_key not in open_keys]:
        actor = actor_for(person, Origin(), session=str(over.sign_in or ""))
        record_session_end(actor, over.first_limit)
    ended = [one.sign_in for one in found if one.session_key in open_keys]
    return _Ended(len(ended), [str(sign_in) for sign_in in ended if sign_in is not None])


def lock_person(person_id: int) -> User:
    """Lock the person's row until the transaction ends and return it. Raises ``User.DoesNotExist``."""
    return User.objects.select_for_update(no_key=True).get(pk=person_id)


def _group(role: str, *, lock: bool = False) -> Group:
    if role not in GRANTS:
        raise UnknownRoleError
    groups = Group.objects.select_for_update(no_key=True) if lock else Group.objects.all()
    return groups.get(name=role)


def _grant(person: User, role: str, actor: Actor) -> None:
    before = {*person.groups.values_list("name", flat=True)}
    person.groups.add(_group(role))
    roles = {
        "roles_before": [one for one in GRANTS if one in before],
        "roles_after": [one for one in GRANTS if one in {*before, role}],
    }
    _record(ROLE_GRANTED, person, actor, name=person.name, role=role, **roles)


def _refuse_self(person: User, actor: Actor, refusal: Refusal) -> None:
    if actor.id == str(person.pk):
        raise ActRefusedError(refusal)


def record_denial(
    permissions: Sequence[str],
    *,
    method: str,
    view: str,
    actor: Actor,
    submission: str = "",
    batch: str = "",
) -> None:
    """Record that the actor was denied a page.

    ``permissions``: those that would allow it, of which the actor has none. ``view``: the URL name, or empty.
    ``submission``, ``batch``: the id of the submission or the list that the page is about, or empty.
    """
    data = {"permission": " or ".join(permissions), "method": method, "view": view or None}
    if batch:
        data["batch"] = batch
    with transaction.atomic():
        record(Event(ACCESS_DENIED, actor, submission=submission, data=data))


def _refuse_last_administrator(person: User) -> None:
    """Raise if no other administrator is active. The caller holds the lock on the administrators' group."""
    others = User.objects.filter(is_active=True, groups__name=ADMINISTRATOR).exclude(pk=person.pk)
    if person.is_active and not others.exists():
        raise ActRefusedError(Refusal.LAST_ADMINISTRATOR)


def _record(event_type: EventType, person: User, actor: Actor, **data: Value) -> None:
    record(Event(event_type, actor=actor, person=str(person.pk), data={"username": person.username, **data}))
