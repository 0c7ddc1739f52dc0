"""The event types of sessions, denials, people and roles."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.accounts.roles import LABELS
from apps.audit.registry import AppEvents, EventGroup, EventOutcome, Key, ValueType, change_of

EVENTS = AppEvents("accounts")

USERNAME = Key("username", ValueType.NAME, _("User name"))
"""Stored beside the account's id, so that an event is readable without the accounts table."""
FULL_NAME = Key("name", ValueType.NAME, _("Full name"))
SIGN_IN_FAILURE = Key(
    "reason",
    ValueType.CODE,
    _("Reason"),
    {
        "wrong_password": _("wrong password"),
        "no_account": _("no account with that name"),
        "deactivated": _("the account is deactivated"),
        "limited": _("too many attempts"),
        "blocked": _("the account is blocked in unknown browsers"),
    },
)
SESSION_END = Key(
    "reason",
    ValueType.CODE,
    _("Reason"),
    {
        "button": _("signed out"),
        "idle": _("idle for too long"),
        "absolute": _("the session reached its maximum length"),
    },
)
NAME_CHANGE = change_of("name", ValueType.NAME, _("Full name"))
EMAIL_CHANGE = change_of("email", ValueType.NAME, _("Email address"))
ROLE = Key("role", ValueType.CODE, _("Role"), LABELS)
ROLES = change_of("roles", ValueType.CODES, _("Roles"), LABELS)
STATE = change_of(
    "state", ValueType.CODE, _("State"), {"active": _("active"), "deactivated": _("deactivated")}
)
SIGN_IN = change_of(
    "sign_in", ValueType.CODE, _("Sign-in in unknown browsers"), {"open": _("open"), "blocked": _("blocked")}
)
SESSIONS = Key("sessions", ValueType.WORDS, _("Sessions ended"), counted_by="count")
"""The ids of the sessions, as in the events of their acts; at most 50."""
LINKS = Key("links", ValueType.NUMBER, _("Links to set a password cancelled"))
"""Unused ones that the person had issued for others; absent if there were none."""
SESSION_COUNT = Key("count", ValueType.NUMBER, _("Number of sessions ended"))

SESSION_SIGNED_IN = EVENTS.define(
    "session.signed_in",
    group=EventGroup.SIGN_INS,
    label=_("Signed in"),
    sentence=_("%(actor)s signed in"),
    keys=(
        Key("method", ValueType.CODE, _("Method"), {"password": _("password")}),
        Key("user_agent", ValueType.NAME, _("Browser")),  # as the client names itself
    ),
)
# The event's person is the account, if it exists. The typed name may be a password and is not stored.
SESSION_SIGN_IN_FAILED = EVENTS.define(
    "session.sign_in_failed",
    group=EventGroup.SIGN_INS,
    label=_("Sign-in failed"),
    sentence=_("A sign-in from %(address)s failed: %(reason)s"),
    sentence_for=lambda details: (
        _("A sign-in as %(username)s from %(address)s failed: %(reason)s")
        if details.get("username")
        else None
    ),
    keys=(USERNAME, SIGN_IN_FAILURE),
    outcome=EventOutcome.FAILED,
)
SESSION_SIGNED_OUT = EVENTS.define(
    "session.signed_out",
    group=EventGroup.SIGN_INS,
    label=_("Session ended"),
    sentence=_("The session of %(actor)s ended: %(reason)s"),
    keys=(SESSION_END,),
)
ACCESS_DENIED = EVENTS.define(
    "access.denied",
    group=EventGroup.VIEWS,
    label=_("Page denied"),
    sentence=_("%(actor)s was denied a page (%(view)s)"),
    keys=(
        Key("permission", ValueType.NAME, _("Missing permission")),
        # As the client sent it: an invented method must not prevent the denial from being recorded.
        Key("method", ValueType.NAME, _("HTTP method")),
        Key("view", ValueType.WORD, _("Page")),
        # The public id of the list that the page is about.
        Key("batch", ValueType.WORD, _("List"), record="batch"),
    ),
    outcome=EventOutcome.DENIED,
)

PERSON_ADDED = EVENTS.define(
    "person.added",
    group=EventGroup.CHANGES,
    label=_("Person added"),
    sentence=_("%(actor)s added the person %(username)s"),
    keys=(USERNAME,),
    changes=(NAME_CHANGE, EMAIL_CHANGE, ROLES),  # without values before
)
PERSON_CHANGED = EVENTS.define(
    "person.changed",
    group=EventGroup.CHANGES,
    label=_("Person changed"),
    sentence=_("%(actor)s changed the person %(username)s"),
    keys=(
        USERNAME,
        Key(
            "fields",
            ValueType.WORDS,
            _("Fields"),
            {"name": _("full name"), "email": _("email address"), "time_zone": _("time zone")},
        ),
    ),
    changes=(
        NAME_CHANGE,
        EMAIL_CHANGE,
        change_of("time_zone", ValueType.NAME, _("Time zone")),
    ),
)
PERSON_DEACTIVATED = EVENTS.define(
    "person.deactivated",
    group=EventGroup.CHANGES,
    label=_("Person deactivated"),
    sentence=_("%(actor)s deactivated the person %(username)s"),
    keys=(USERNAME, SESSION_COUNT, SESSIONS, LINKS),
    changes=(STATE,),
)
PERSON_REACTIVATED = EVENTS.define(
    "person.reactivated",
    group=EventGroup.CHANGES,
    label=_("Person reactivated"),
    sentence=_("%(actor)s reactivated the person %(username)s"),
    keys=(USERNAME,),
    changes=(STATE,),
)
PERSON_SESSIONS_ENDED = EVENTS.define(
    "person.sessions_ended",
    group=EventGroup.SIGN_INS,
    label=_("Signed out everywhere"),
    sentence=_("%(actor)s signed %(username)s out everywhere (sessions: %(count)s)"),
    keys=(USERNAME, SESSION_COUNT, SESSIONS, LINKS),
)
# The links can be read by whoever issued them until they are used; each reading is recorded.
PASSWORD_LINKS_SHOWN = EVENTS.define(
    "password_links.shown",
    group=EventGroup.VIEWS,
    label=_("Password links opened"),
    sentence=_("%(actor)s opened %(count)s password links that they had issued"),
    keys=(
        Key("count", ValueType.NUMBER, _("Number")),
        Key("people", ValueType.WORDS, _("Accounts")),  # their ids
    ),
)
PERSON_PASSWORD_LINK_ISSUED = EVENTS.define(
    "person.password_link_issued",
    group=EventGroup.SIGN_INS,
    label=_("Password link issued"),
    sentence=_("%(actor)s issued a password link for %(username)s"),
    keys=(USERNAME,),
)
PERSON_PASSWORD_LINK_REFUSED = EVENTS.define(
    "person.password_link_refused",
    group=EventGroup.SIGN_INS,
    label=_("Password link refused"),
    sentence=_("A password link from %(address)s was refused"),
    keys=(
        USERNAME,
        Key("reason", ValueType.CODE, _("Reason"), {"link_used_up": _("the link no longer worked")}),
    ),
    outcome=EventOutcome.DENIED,
)
PERSON_PASSWORD_SET = EVENTS.define(
    "person.password_set",
    group=EventGroup.SIGN_INS,
    label=_("Password set"),
    sentence=_("The password of %(username)s was set"),
    sentence_for=lambda details: (
        _("The password of %(username)s was set with a link that %(issued_by)s had issued")
        if details.get("issued_by")
        else None
    ),
    keys=(USERNAME, Key("issued_by", ValueType.NAME, _("Link issued by")), SESSION_COUNT, SESSIONS),
)
PERSON_SIGN_IN_BLOCKED = EVENTS.define(
    "person.sign_in_blocked",
    group=EventGroup.SIGN_INS,
    label=_("Sign-in blocked"),
    sentence=_("Too many sign-ins of %(username)s failed: unknown browsers were blocked"),
    keys=(USERNAME,),
    changes=(SIGN_IN,),
    outcome=EventOutcome.BLOCKED,
)
PERSON_SIGN_IN_UNLOCKED = EVENTS.define(
    "person.sign_in_unlocked",
    group=EventGroup.SIGN_INS,
    label=_("Sign-in unlocked"),
    sentence=_("%(actor)s unlocked the sign-in of %(username)s"),
    keys=(USERNAME,),
    changes=(SIGN_IN,),
)
ROLE_GRANTED = EVENTS.define(
    "role.granted",
    group=EventGroup.CHANGES,
    label=_("Role granted"),
    sentence=_("%(actor)s granted %(username)s the role %(role)s"),
    sentence_for=lambda details: (
        _("%(actor)s granted %(name)s (%(username)s) the role %(role)s") if details.get("name") else None
    ),
    keys=(USERNAME, FULL_NAME, ROLE),
    changes=(ROLES,),
)
ROLE_REVOKED = EVENTS.define(
    "role.revoked",
    group=EventGroup.CHANGES,
    label=_("Role revoked"),
    sentence=_("%(actor)s revoked the role %(role)s of %(username)s"),
    sentence_for=lambda details: (
        _("%(actor)s revoked the role %(role)s of %(name)s (%(username)s)") if details.get("name") else None
    ),
    keys=(USERNAME, FULL_NAME, ROLE, LINKS),
    changes=(ROLES,),
)
