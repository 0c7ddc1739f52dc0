"""Event types of the portal's start and of the keys that the database accepts."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.audit.registry import AppEvents, Change, EventGroup, Key, ValueType

EVENTS = AppEvents("consumerportal")

# "type:beginning of the fingerprint" of each key.
KEYS = Key("keys", ValueType.CODES, _("Keys"))

PORTAL_STARTED = EVENTS.define(
    "portal.started",
    group=EventGroup.SYSTEM,
    label=_("Portal started"),
    sentence=_("The portal started (version %(version)s)"),
    keys=(
        Key("version", ValueType.WORD, _("Version")),
        Key("settings_digest", ValueType.CODE, _("Digest of the settings")),
    ),
)
KEYS_REGISTERED = EVENTS.define(
    "keys.registered",
    group=EventGroup.CHANGES,
    label=_("Keys accepted"),
    sentence=_("%(actor)s registered these keys in the database: %(keys)s"),
    keys=(KEYS,),
)
_FORMER = Key("former", ValueType.CODES, _("Formerly in use"))
KEY_PUT_TO_USE = EVENTS.define(
    "keys.put_to_use",
    group=EventGroup.CHANGES,
    label=_("Key put to use"),
    sentence=_("%(actor)s put the key %(keys)s to use, after %(former)s"),
    changes=(Change(_("Key in use"), _FORMER, KEYS),),
)
KEY_REWRITTEN = EVENTS.define(
    "keys.rewritten",
    group=EventGroup.SYSTEM,
    label=_("Rows written again with a key"),
    sentence=_(
        "%(rows)s rows were written again with the key %(keys)s, and %(unreadable)s could not be read"
    ),
    keys=(
        KEYS,
        Key("rows", ValueType.NUMBER, _("Rows")),
        Key("unreadable", ValueType.NUMBER, _("Rows that could not be read")),
    ),
)
KEY_RETIRED = EVENTS.define(
    "keys.retired",
    group=EventGroup.CHANGES,
    label=_("Key retired"),
    sentence=_(
        "%(actor)s removed the key %(keys)s, which nothing needs, from the required keys of the database"
    ),
    keys=(KEYS,),
)
KEYS_FORGOTTEN = EVENTS.define(
    "keys.forgotten",
    group=EventGroup.CHANGES,
    label=_("Keys no longer needed"),
    sentence=_("%(actor)s removed these keys from the required keys of the database: %(keys)s"),
    keys=(KEYS,),
)
