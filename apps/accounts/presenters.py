"""People as the pages show them, and the messages for refused changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.accounts import password_links
from apps.accounts.forms import STATE_LABELS
from apps.accounts.models import PasswordLink, Session
from apps.accounts.roles import GRANTS, LABELS
from apps.accounts.selectors import NO_ROLE, Person
from apps.accounts.services import Refusal
from apps.audit.labels import WITH_SYSTEM
from apps.audit.models import AuditEvent
from apps.audit.presenters.events import log_url
from apps.core.open_work import OpenWork
from apps.core.templatetags.portal import moment
from apps.core.web.filters import Chip, with_query

REFUSAL_LABELS = {
    Refusal.OWN_ROLES: gettext_lazy("You cannot change your own roles. Another administrator can."),
    Refusal.OWN_ACCOUNT: gettext_lazy("You cannot deactivate your own account. Another administrator can."),
    Refusal.LAST_ADMINISTRATOR: gettext_lazy(
        "This is the last active administrator. Make another person an administrator first."
    ),
    Refusal.INACTIVE: gettext_lazy("This person is deactivated. Reactivate them first."),
    Refusal.LINK_USED_UP: gettext_lazy("This link no longer works. Ask an administrator for a new one."),
    Refusal.MAY_NOT_ISSUE: gettext_lazy(
        "Nothing was done: you were signed out, or you are not an administrator any more."
    ),
    Refusal.USER_NAME_TAKEN: gettext_lazy("Another person has this user name"),
}


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One line of the list of people."""

    id: int
    name: str
    username: str
    roles: str
    state: str
    last_signed_in_at: datetime | None
    email: str
    sessions: int


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One open session. ``browser_title``: what the browser calls itself. ``is_this``: the reader's own."""

    since: datetime | None
    last_used: datetime | None
    browser: str
    browser_title: str
    address: str
    is_this: bool


@dataclass(frozen=True, slots=True)
class SignInRow:
    """One sign-in. ``browser_title``: what the browser calls itself. ``at``: None if the time was altered."""

    at: datetime | None
    browser: str
    browser_title: str
    address: str


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A link to set a password that can still be used. ``url`` is empty if only its issuer may see it."""

    person_id: int
    name: str
    username: str
    issuer: str
    issued_at: datetime
    expires_at: datetime
    url: str = ""


@dataclass(frozen=True, slots=True)
class RoleRow:
    """One role on the page of a person. ``stops``: the open work that revoking it stops."""

    name: str
    label: str
    held: bool
    stops: Sequence[OpenWork] = ()


@dataclass(frozen=True, slots=True)
class PersonPage:
    """The page of one person. ``is_own_page``: the viewer is this person."""

    id: int
    name: str
    username: str
    time_zone: str
    state: str
    is_active: bool
    is_own_page: bool
    roles: tuple[RoleRow, ...]
    added_at: datetime
    last_signed_in_at: datetime | None
    sign_in_blocked_at: datetime | None
    email: str
    done_by_url: str  # the audit log, filtered; likewise below
    done_to_url: str


def link_notices(links: Sequence[PasswordLink], *, viewer_id: int) -> list[str]:
    """The messages about links to set a password: one for each of the viewer's, one for all others."""
    own = [_own_link_notice(link) for link in links if link.person_id == viewer_id]
    others = [link for link in links if link.person_id != viewer_id]
    if not others:
        return own
    latest = others[-1]
    message = ngettext(
        "In the last two weeks, {count} link to set a password was issued: by {issuer} for {name} on"
        " {issued}. Check with both whether it was asked for.",
        "In the last two weeks, {count} links to set a password were issued, the latest by {issuer} for"
        " {name} on {issued}. Check in the audit log whether they were asked for.",
        len(others),
    )
    facts = {"issuer": latest.issued_by_name, "name": latest.person.name, "issued": moment(latest.issued_at)}
    return [*own, format_html(message, count=len(others), **facts)]


def _own_link_notice(link: PasswordLink) -> str:
    facts = {"issuer": link.issued_by_name, "issued": moment(link.issued_at), "used": moment(link.used_at)}
    if link.used_at:
        return format_html(
            _(
                "{issuer} issued a link to set your password on {issued}. It was used on {used}."
                " If that was not you, tell another administrator now."
            ),
            **facts,
        )
    return format_html(
        _(
            "{issuer} issued a link to set your password on {issued}. It has not been used."
            " If you did not ask for it, tell another administrator."
        ),
        **facts,
    )


def person_rows(people: Iterable[Person]) -> list[PersonRow]:
    """The list of people, in the order given."""
    return [
        PersonRow(
            id=person.id,
            name=person.name,
            username=person.username,
            roles=", ".join(str(LABELS[role]) for role in person.roles) or _("None"),
            state=_state(person),
            last_signed_in_at=person.last_signed_in_at,
            email=person.email,
            sessions=person.sessions,
        )
        for person in people
    ]


def people_chips(path: str, filters: Mapping[str, str]) -> list[Chip]:
    """The filters of the list in effect. ``path``: the list's page; ``filters``: valid values by name."""
    labels = {"q": _("Search"), "role": _("Role"), "state": _("State")}
    texts: dict[str, Mapping[str, Any]] = {"role": {**LABELS, NO_ROLE: _("No role")}, "state": STATE_LABELS}
    return [
        Chip(
            labels[name], str(texts.get(name, {}).get(value, value)), with_query(path, filters, **{name: ""})
        )
        for name, value in filters.items()
    ]


def person_page(
    person: Person, *, viewer_id: int, stops: Mapping[str, Sequence[OpenWork]] | None = None
) -> PersonPage:
    """One person, as the person with ``viewer_id`` sees them.

    ``stops``: by role, the open work that revoking it stops.
    """
    stops = stops or {}
    return PersonPage(
        id=person.id,
        name=person.name,
        username=person.username,
        time_zone=person.time_zone or settings.TIME_ZONE,
        state=_state(person),
        is_active=person.is_active,
        is_own_page=person.id == viewer_id,
        roles=tuple(
            RoleRow(name, str(LABELS[name]), name in person.roles, stops.get(name, ())) for name in GRANTS
        ),
        added_at=person.added_at,
        last_signed_in_at=person.last_signed_in_at,
        sign_in_blocked_at=person.sign_in_blocked_at,
        email=person.email,
        done_by_url=log_url(group=WITH_SYSTEM, person=str(person.id)),
        done_to_url=log_url(group=WITH_SYSTEM, account=str(person.id)),
    )


def session_rows(sessions: Iterable[Session], *, own: str = "") -> list[SessionRow]:
    """The open sessions in the order given. ``own``: the id of the reader's session."""
    return [
        SessionRow(
            since=row.signed_in_at,
            last_used=row.last_used_at,
            browser=browser_label(row.user_agent),
            browser_title=row.user_agent,
            address=row.client_address,
            is_this=bool(own) and str(row.sign_in) == own,
        )
        for row in sessions
    ]


def sign_in_rows(events: Iterable[AuditEvent]) -> list[SignInRow]:
    """Sign-ins in the order of their events; an altered event may contain anything."""
    rows = []
    for event in events:
        agent = str(event.details.get("user_agent") or "")
        address = event.client_address or event.peer_address
        rows.append(SignInRow(event.at, browser_label(agent), agent, address))
    return rows


def sessions_ended(count: int) -> str:
    """The message after sessions were ended."""
    return ngettext("%(count)s session was ended", "%(count)s sessions were ended", count) % {"count": count}


def links_that_end(count: int) -> str:
    """What becomes of the unused links that a person issued for others, before it is done; empty if none."""
    if not count:
        return ""
    return ngettext(
        "%(count)s unused link to set a password that was issued with this account stops working."
        " 1 person needs a new link.",
        "%(count)s unused links to set a password that were issued with this account stop working."
        " %(count)s people need a new link.",
        count,
    ) % {"count": count}


def links_ended(count: int) -> str:
    """The same as a message, after it was done."""
    return ngettext(
        "%(count)s unused link to set a password no longer works. 1 person needs a new link.",
        "%(count)s unused links to set a password no longer work. %(count)s people need a new link.",
        count,
    ) % {"count": count}


# In this order: each browser also names those that it descends from.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)


def browser_label(user_agent: str) -> str:
    """A short name such as "Firefox on Windows", from what the browser calls itself; not a proof."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or user_agent[:40]


def link_row(link: PasswordLink, *, url: str = "") -> LinkRow:
    """A link that can still be used. ``url``: for its issuer only."""
    return LinkRow(
        person_id=link.person_id,
        name=link.person.name,
        username=link.person.username,
        issuer=link.issued_by_name,
        issued_at=link.issued_at,
        expires_at=password_links.expires_at(link),
        url=url,
    )


def _state(person: Person) -> str:
    if not person.is_active:
        return _("Deactivated")
    if person.sign_in_blocked_at is not None:
        return _("Active, sign-in blocked in unknown browsers")
    return _("Active") if person.has_password else _("Active, no password yet")
