"""Labels for the codes in the audit log, from the registered event types.

A code without a label is returned unchanged: the event may come from another version of the portal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from django.utils.text import get_text_list
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from apps.audit.registry import EventGroup, Key, find_event_type, role_label
from apps.core.actor import PORTAL_PREFIX
from apps.core.text import similar_key

WITH_SYSTEM = "all"
"""The value of the filter by group that leaves nothing out."""

GROUP_LABELS = {"": _("All but System"), **dict(EventGroup.choices), WITH_SYSTEM: _("All")}
"""The label of each value of the filter by group."""

PORTAL, VISITOR = _("The portal (%(process)s)"), _("A visitor")
"""The labels of actors that are not a person: a process of the portal, and somebody who is not signed in."""


def names_no_person(name: str) -> bool:
    """Whether a name reads like one of the labels for an actor that is not a person.

    However it is spelled: without regard to case, accents, punctuation, width and invisible characters.
    """
    words, portal = _words(name), _words(str(PORTAL) % {"process": ""})
    begins = "".join(similar_key(name).split()).startswith(PORTAL_PREFIX)
    return begins or words[: len(portal)] == portal or words == _words(str(VISITOR))


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", similar_key(text))


def action_label(action: str) -> str:
    """The label of an action."""
    event_type = find_event_type(action)
    return str(event_type.label) if event_type else action


def key_label(action: str, key: str) -> str:
    """The label of a key of an action's events."""
    declared = _find_key(action, key)
    return str(declared.label) if declared else key


def detail_label(action: str, key: str, value: object) -> str:
    """The label of a value in an event of this action."""
    return value_label(_find_key(action, key), value)


def whole_label(action: str, key: str, details: Mapping[str, object]) -> str:
    """The label of a value among these details, with how many values of a list the event does not name."""
    declared, value = _find_key(action, key), details[key]
    label = value_label(declared, value)
    number = details.get(declared.counted_by) if declared else None
    if not isinstance(value, list) or not isinstance(number, int) or number <= len(value):
        return label
    more = number - len(value)
    return ngettext("%(values)s (and %(n)s more)", "%(values)s (and %(n)s more)", more) % {
        "values": label,
        "n": more,
    }


def value_label(key: Key | None, value: object) -> str:
    """The label of a value of a key: a dash for none, a comma-separated list for several.

    None: of a key that is not declared, whose values are shown as they are.
    """
    if value in (None, "", []):
        return "–"
    if isinstance(value, list):
        return str(get_text_list([value_label(key, one) for one in value], gettext("and")))
    code = str(value)
    if key is None:
        return code
    if code in key.labels:
        return str(key.labels[code])
    described = key.describe(code) if key.describe else None
    return code if described is None else described


def roles_label(roles: str) -> str:
    """The labels of an actor's roles, which are stored comma-separated; empty for none."""
    return str(get_text_list([*map(role_label, roles.split(","))], gettext("and"))) if roles else ""


def _find_key(action: str, key: str) -> Key | None:
    event_type = find_event_type(action)
    return event_type.keys.get(key) if event_type else None
