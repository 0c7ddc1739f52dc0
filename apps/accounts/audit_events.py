"""The event types of sessions, denials, people and roles."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.accounts.roles import LABELS
from apps.audit.registry import AppEvents, EventOutcome, Key, ValueType

EVENTS = AppEvents("accounts")

USERNAME = Key("username", ValueType.NAME, _("User name"))
"""The account's name is copied beside its id, because events stand alone."""
SIGN_IN_FAILURE = Key(
    "reason",
    ValueType.CODE,
    _("Reason"),
    {
        "wrong_password": _("wrong password"),
        "no_account": _("no account of that name"),
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
        "absolute": _("the session had reached its limit"),
    },
)
ROLE = Key("role", ValueType.CODE, _("Role"), LABELS)

SESSION_SIGNED_IN = EVENTS.define(
    "session.signed_in", label=_("Signed in"), sentence=_("%(actor)s signed in")
)
# Its person is the account, if there is one. The name that was typed may be a password: it is not stored.
SESSION_SIGN_IN_FAILED = EVENTS.define(
    "session.sign_in_failed",
    label=_("Sign-in failed"),
    sentence=_("A sign-in from %(address)s failed: %(reason)s"),
    keys=(SIGN_IN_FAILURE,),
    outcome=EventOutcome.FAILED,
)
SESSION_SIGNED_OUT = EVENTS.define(
    "session.signed_out",
    label=_("Session ended"),
    sentence=_("The session of %(actor)s ended: %(reason)s"),
    keys=(SESSION_END,),
)
ACCESS_DENIED = EVENTS.define(
    "access.denied",
    label=_("Page refused"),
    sentence=_("%(actor)s was refused a page (%(view)s)"),
    keys=(
        Key("permission", ValueType.NAME, _("Permission wanted")),
        # As the client wrote it: a made-up method must not keep the denial out of the log.
        Key("method", ValueType.NAME, _("HTTP method")),
        Key("view", ValueType.WORD, _("Page")),
    ),
    outcome=EventOutcome.DENIED,
)

PERSON_ADDED = EVENTS.define(
    "person.added",
    label=_("Person added"),
    sentence=_("%(actor)s added the person %(username)s"),
    keys=(USERNAME,),
)
PERSON_CHANGED = EVENTS.define(
    "person.changed",
    label=_("Person changed"),
    sentence=_("%(actor)s changed the person %(username)s"),
    keys=(
        USERNAME,
        Key(
            "fields",
            ValueType.WORDS,
            _("Fields"),
            {"name": _("full name"), "time_zone": _("time zone")},
        ),
    ),
)
PERSON_DEACTIVATED = EVENTS.define(
    "person.deactivated",
    label=_("Person deactivated"),
    sentence=_("%(actor)s deactivated the person %(username)s"),
    keys=(USERNAME,),
)
PERSON_REACTIVATED = EVENTS.define(
    "person.reactivated",
    label=_("Person reactivated"),
    sentence=_("%(actor)s reactivated the person %(username)s"),
    keys=(USERNAME,),
)
PERSON_PASSWORD_LINK_ISSUED = EVENTS.define(
    "person.password_link_issued",
    label=_("Password link issued"),
    sentence=_("%(actor)s issued a password link for %(username)s"),
    keys=(USERNAME,),
)
PERSON_PASSWORD_LINK_REFUSED = EVENTS.define(
    "person.password_link_refused",
    label=_("Password link refused"),
    sentence=_("A password link from %(address)s was refused"),
    keys=(
        USERNAME,
        Key("reason", ValueType.CODE, _("Reason"), {"link_used_up": _("the link was used or replaced")}),
    ),
    outcome=EventOutcome.DENIED,
)
PERSON_PASSWORD_SET = EVENTS.define(
    "person.password_set",
    label=_("Password set"),
    sentence=_("The password of %(username)s was set"),
    keys=(USERNAME,),
)
PERSON_SIGN_IN_BLOCKED = EVENTS.define(
    "person.sign_in_blocked",
    label=_("Sign-in blocked"),
    sentence=_("Too many sign-ins of %(username)s failed: unknown browsers are blocked"),
    keys=(USERNAME,),
    outcome=EventOutcome.BLOCKED,
)
PERSON_SIGN_IN_UNLOCKED = EVENTS.define(
    "person.sign_in_unlocked",
    label=_("Sign-in unlocked"),
    sentence=_("%(actor)s unlocked the sign-in of %(username)s"),
    keys=(USERNAME,),
)
ROLE_GRANTED = EVENTS.define(
    "role.granted",
    label=_("Role granted"),
    sentence=_("%(actor)s gave %(username)s the role %(role)s"),
    keys=(USERNAME, ROLE),
)
ROLE_REVOKED = EVENTS.define(
    "role.revoked",
    label=_("Role revoked"),
    sentence=_("%(actor)s took the role %(role)s from %(username)s"),
    keys=(USERNAME, ROLE),
)
