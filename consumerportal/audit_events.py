"""The event types of the portal's start and of the keys that the database accepts."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.audit.registry import AppEvents, Key, ValueType

EVENTS = AppEvents("consumerportal")

# "type:beginning of the fingerprint" of each key.
KEYS = Key("keys", ValueType.CODES, _("Keys"))

PORTAL_STARTED = EVENTS.define(
    "portal.started",
    label=_("Portal started"),
    sentence=_("The portal started (version %(version)s)"),
    keys=(
        Key("version", ValueType.WORD, _("Version")),
        Key("settings_digest", ValueType.CODE, _("Digest of the settings")),
    ),
)
KEYS_REGISTERED = EVENTS.define(
    "keys.registered",
    label=_("Keys accepted"),
    sentence=_("%(actor)s made these keys known to the database: %(keys)s"),
    keys=(KEYS,),
)
KEYS_FORGOTTEN = EVENTS.define(
    "keys.forgotten",
    label=_("Keys no longer needed"),
    sentence=_("%(actor)s removed these keys from those that the database needs: %(keys)s"),
    keys=(KEYS,),
)
