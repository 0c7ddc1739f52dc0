"""Queries for people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import Permission
from django.db.models import Count, Q, QuerySet

from apps.accounts import password_links
from apps.accounts.models import PasswordLink, Session, User
from apps.accounts.roles import ADMINISTRATOR, GRANTS
from apps.core import clock
from apps.core.actor import Actor, Origin
from apps.core.text import similar_key


@dataclass(frozen=True, slots=True)
class Person:
    """A person with their roles, as a plain value."""

    id: int
    username: str
    name: str
    time_zone: str
    roles: tuple[str, ...]
    is_active: bool
    has_password: bool
    added_at: datetime
    last_signed_in_at: datetime | None
    sign_in_blocked_at: datetime | None
    email: str = ""
    sessions: int = 0  # open ones; counted in lists only


class PersonState(StrEnum):
    """A filter of the list of people."""

    ACTIVE = "active"
    DEACTIVATED = "deactivated"
    NEVER_SIGNED_IN = "never"
    NO_PASSWORD = "no_password"  # noqa: S105  # the name of a state
    BLOCKED = "blocked"
    SIGNED_IN = "signed_in"


NO_ROLE = "none"
"""The value of the filter by role for people without one."""


@dataclass(frozen=True, slots=True)
class PeopleFilter:
    """Which people a list shows. ``words``: parts of name, user name or e-mail address, all of them."""

    words: str = ""
    role: str = ""
    state: PersonState | None = None


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """One page of a list of people: active first, then by name. ``total``: people on all pages."""

    people: list[Person]
    number: int
    pages: int
    total: int


PEOPLE_ON_A_PAGE = 50


def people_page(asked: PeopleFilter, number: int = 1) -> PeoplePage:
    """A page of the people that match; the last one if there are fewer pages.

    Four queries, whatever the number of people. Words are compared here, because no database compares names
    without regard to accents as people expect.
    """
    found = User.objects.filter(_matching(asked)).order_by("-is_active", "name", "pk")
    if asked.words:
        wanted = similar_key(asked.words).split()
        columns = found.values_list("pk", "name", "username", "email")
        ids = [pk for pk, *texts in columns if _has_all(" ".join(texts), wanted)]
    else:
        ids = list(found.values_list("pk", flat=True))
    pages = max(1, -(-len(ids) // PEOPLE_ON_A_PAGE))
    number = min(max(number, 1), pages)
    shown = ids[(number - 1) * PEOPLE_ON_A_PAGE : number * PEOPLE_ON_A_PAGE]
    users = {user.pk: user for user in User.objects.prefetch_related("groups").filter(pk__in=shown)}
    counts = dict(
        Session.open().filter(person__in=shown).values_list("person").annotate(Count("session_key"))
    )
    people = [_person(users[pk], sessions=counts.get(pk, 0)) for pk in shown if pk in users]
    return PeoplePage(people, number, pages, len(ids))


def _has_all(text: str, words: list[str]) -> bool:
    key = similar_key(text)
    return all(word in key for word in words)


def _matching(asked: PeopleFilter) -> Q:
    condition = Q()
    if asked.role == NO_ROLE:
        condition &= Q(groups__isnull=True)
    elif asked.role:
        condition &= Q(groups__name=asked.role)
    match asked.state:
        case PersonState.ACTIVE:
            condition &= Q(is_active=True)
        case PersonState.DEACTIVATED:
            condition &= Q(is_active=False)
        case PersonState.NEVER_SIGNED_IN:
            condition &= Q(is_active=True, last_login__isnull=True)
        case PersonState.NO_PASSWORD:
            condition &= Q(is_active=True, password__startswith=UNUSABLE_PASSWORD_PREFIX)
        case PersonState.BLOCKED:
            condition &= Q(is_active=True, sign_in_blocked_at__isnull=False)
        case PersonState.SIGNED_IN:
            condition &= Q(pk__in=Session.open().values("person"))
    return condition


def open_sessions(person_id: int) -> list[Session]:
    """The sessions of a person that have not ended, the last used first."""
    return list(Session.open().filter(person=person_id).order_by("-last_used_at", "session_key"))


def open_links(issuer_id: str, *, person_id: int | None = None) -> list[PasswordLink]:
    """The links that can still be used, issued by that person, newest first. Never those of a command."""
    return _usable(PasswordLink.objects.filter(issued_by=issuer_id).exclude(issued_by=""), person_id)


def links_for_others(issuer_id: int) -> int:
    """How many links that this person issued for other people can still be used."""
    return sum(link.person_id != issuer_id for link in open_links(str(issuer_id)))


def open_link_of(person_id: int) -> PasswordLink | None:
    """The link with which somebody can set the person's password; None if there is none."""
    return next(iter(_usable(PasswordLink.objects.all(), person_id)), None)


def _usable(links: QuerySet[PasswordLink], person_id: int | None) -> list[PasswordLink]:
    not_expired = clock.now() - timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)
    links = links.filter(used_at=None, issued_at__gte=not_expired)
    if person_id is not None:
        links = links.filter(person=person_id)
    found = links.select_related("person").order_by("-pk")
    newest: dict[int, PasswordLink] = {}
    for link in found:  # a newer link replaces the others, even one of the same moment
        newest.setdefault(link.person_id, link)
    return [link for link in newest.values() if password_links.token_of(link)]


def active_with(permission: str) -> QuerySet[User]:
    """The active people with a permission, such as ``consumers.view_figures``; a person may occur twice."""
    app_label, codename = permission.split(".")
    granted = Permission.objects.filter(content_type__app_label=app_label, codename=codename)
    return User.objects.filter(is_active=True, groups__permissions__in=granted)


def has_people() -> bool:
    """Whether any account exists."""
    return User.objects.exists()


def find_person(person_id: int) -> Person | None:
    """The person with this id, or None."""
    user = User.objects.prefetch_related("groups").filter(pk=person_id).first()
    return _person(user) if user else None


def find_account(person_id: int) -> User | None:
    """The account with this id, active or not; None if there is none."""
    return User.objects.filter(pk=person_id).first()


def find_by_username(username: str) -> User | None:
    """The account with this user name regardless of case, active or not; None if there is none."""
    user = User.objects.filter(username__iexact=username).first()
    # PostgreSQL folds more characters than Python's lower(): "ſ" equals "S" there.
    return user if user and user.username.lower() == username.lower() else None


LINK_NOTICE = timedelta(days=14)
"""For this long, each sign-in shows a person the links for their account, and administrators all links."""
USED_LINK_NOTICE = timedelta(days=90)
"""The same for a person whose link was used, from its use: they may have been away meanwhile."""


def links_to_announce(user: User) -> list[PasswordLink]:
    """The links by other people that a sign-in of this person announces, oldest first.

    They are announced at each sign-in within the time, not once: whoever used a link signs in as its person
    first. Administrators see everybody's links. Invitations are not announced.
    """
    now = clock.now()
    links = PasswordLink.objects.filter(invitation=False).exclude(issued_by=str(user.pk))
    announced = Q(person=user, used_at__gt=now - USED_LINK_NOTICE)
    recent = Q(issued_at__gt=now - LINK_NOTICE)
    announced |= recent if ADMINISTRATOR in user.roles else recent & Q(person=user)
    return list(links.filter(announced).select_related("person").order_by("pk"))


def actor_for(user: User, origin: Origin, *, session: str = "") -> Actor:
    """The person as an actor, for code in which ``request.user`` is not signed in yet or any more.

    ``session``: the id of their sign-in; empty if they act without one, such as with a one-time link.
    """
    return Actor(str(user.pk), user.get_full_name(), user.roles, origin, session)


def _person(user: User, *, sessions: int = 0) -> Person:
    held = {group.name for group in user.groups.all()}
    return Person(
        id=user.pk,
        username=user.username,
        name=user.name,
        time_zone=user.time_zone,
        roles=tuple(name for name in GRANTS if name in held),
        is_active=user.is_active,
        has_password=user.has_usable_password(),
        added_at=user.date_joined,
        last_signed_in_at=user.last_login,
        sign_in_blocked_at=user.sign_in_blocked_at,
        email=user.email,
        sessions=sessions,
    )
