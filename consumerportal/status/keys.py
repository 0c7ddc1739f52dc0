"""Lines about the keys, and about rows that are written again with others."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.core import key_fingerprints
from apps.core.models import KeyInUse, KeyRewriting
from consumerportal.status.line import Level, Line


def keys_line() -> Line:
    """The keys in use, and others that the database needs, which an earlier rotation has left."""
    label = _("Keys")
    in_use = {one.kind: one.fingerprint for one in KeyInUse.objects.order_by("kind")}
    registered = key_fingerprints.registered_fingerprints()
    used = ", ".join(key_fingerprints.label_of(*one) for one in in_use.items())
    others = [
        key_fingerprints.label_of(kind, one)
        for kind, found in sorted(registered.items())
        for one in sorted(found)
        if kind in in_use and one != in_use[kind]
    ]
    text = gettext("In use: %(keys)s") % {"keys": used or gettext("none yet")}
    if others:
        needed = gettext("Also needed: %(keys)s (manage.py rotate_keys counts what is stored under each)")
        text += ". " + needed % {"keys": ", ".join(others)}
    return Line("keys", label, text)


def key_rewriting_lines() -> Iterator[Line]:
    """A line for each model whose rows are being written again with another key, or could not be."""
    for one in KeyRewriting.objects.order_by("kind", "model"):
        facts = {
            "model": one.model.rpartition(".")[2],
            "key": key_fingerprints.label_of(one.kind, one.fingerprint),
            "done": one.done - one.unreadable,
            "rows": one.rows,
            "unreadable": one.unreadable,
        }
        if one.unreadable:
            text = gettext("%(model)s: %(done)s of %(rows)s rows with %(key)s, %(unreadable)s cannot be read")
            yield Line("key_rewriting", _("Rows written again"), text % facts, Level.WARNING)
        elif one.started_at is None:
            text = gettext("%(model)s: not begun yet with %(key)s")
            yield Line("key_rewriting", _("Rows written again"), text % facts)
        elif one.finished_at is None:
            text = gettext("%(model)s: %(done)s of %(rows)s rows with %(key)s")
            yield Line("key_rewriting", _("Rows written again"), text % facts)
