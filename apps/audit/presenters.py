"""One sentence for each event, from one table. No sentence has room for a consumer's personal data."""

from __future__ import annotations

from collections import defaultdict

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.audit import actions, words
from apps.audit.models import AuditEvent

SENTENCES = {
    actions.CONSUMER_CREATE_REQUESTED: _("%(actor)s asked to create an order consumer on order %(order)s"),
    actions.CONSUMER_CREATED: _("%(actor)s created the order consumer %(consumer)s on order %(order)s"),
    actions.CONSUMER_REJECTED: _(
        "Sitecore CDP rejected the order consumer of %(actor)s on order %(order)s: %(error_code)s"
    ),
    actions.CONSUMER_NOT_SENT: _(
        "The order consumer of %(actor)s on order %(order)s was not sent: %(error_code)s"
    ),
    actions.CONSUMER_OUTCOME_UNKNOWN: _(
        "It is unknown whether the order consumer of %(actor)s on order %(order)s was created: %(error_code)s"
    ),
    actions.CONSUMER_SETTLED: _(
        "%(actor)s settled an unknown order consumer on order %(order)s as %(outcome)s"
    ),
    actions.CONSUMER_LOOKED_UP: _(
        "%(actor)s looked for an unknown order consumer on order %(order)s: %(result)s"
    ),
    actions.CONSUMER_LATE_ANSWER: _(
        "An answer of Sitecore CDP for order %(order)s came after the outcome was settled:"
        " it says %(answer_outcome)s"
    ),
    actions.SUBMISSION_REPEAT_BLOCKED: _(
        "%(actor)s was kept from sending submission %(submission)s twice: %(why)s"
    ),
    actions.SUBMISSION_VIEWED: _("%(actor)s opened submission %(submission)s"),
    actions.SUBMISSIONS_LISTED: _("%(actor)s opened a list of %(count)s submissions"),
    actions.VENDOR_RECORD_VIEWED: _("%(actor)s opened a record in Sitecore CDP (%(kind)s): %(result)s"),
    actions.VENDOR_RECORD_SEARCHED: _(
        "%(actor)s searched for records in Sitecore CDP (%(kind)s) by %(by)s: %(result)s"
    ),
    actions.SESSION_SIGNED_IN: _("%(actor)s signed in"),
    actions.SESSION_SIGN_IN_FAILED: _("A sign-in from %(address)s failed: %(reason)s"),
    actions.SESSION_SIGNED_OUT: _("The session of %(actor)s ended: %(reason)s"),
    actions.ACCESS_DENIED: _("%(actor)s was refused a page (%(view)s)"),
    actions.PERSON_ADDED: _("%(actor)s added the person %(username)s"),
    actions.PERSON_CHANGED: _("%(actor)s changed the person %(username)s"),
    actions.PERSON_DEACTIVATED: _("%(actor)s deactivated the person %(username)s"),
    actions.PERSON_REACTIVATED: _("%(actor)s reactivated the person %(username)s"),
    actions.PERSON_PASSWORD_LINK_ISSUED: _("%(actor)s issued a password link for %(username)s"),
    actions.PERSON_PASSWORD_LINK_REFUSED: _("A password link from %(address)s was refused"),
    actions.PERSON_PASSWORD_SET: _("The password of %(username)s was set"),
    actions.ROLE_GRANTED: _("%(actor)s gave %(username)s the role %(role)s"),
    actions.ROLE_REVOKED: _("%(actor)s took the role %(role)s from %(username)s"),
    actions.IDENTITY_RULE_CHANGED: _("%(actor)s changed the identity rule %(rule)s (%(change)s)"),
    actions.AUDIT_CHECKPOINT_SIGNED: _("%(actor)s signed the audit log up to event %(last)s"),
    actions.AUDIT_VERIFIED: _(
        "%(actor)s verified the audit log from event %(first)s to %(last)s: %(verdict)s"
    ),
    actions.AUDIT_FOUND_ALTERED: _("%(actor)s found the audit log altered at event %(about)s: %(verdict)s"),
    actions.AUDIT_PROOF_DOWNLOADED: _("%(actor)s downloaded the proof of the audit log up to event %(last)s"),
    actions.PORTAL_STARTED: _("The portal started (version %(version)s)"),
}
"""One for each action, which a test holds against :data:`apps.audit.actions.ACTIONS`."""


def sentence(event: AuditEvent) -> str:
    """What happened, in one sentence for people. An action of another version gets a neutral line."""
    action = actions.ACTIONS.get(event.action)
    values = _values(event)
    if action is None or action not in SENTENCES:
        return gettext("%(actor)s did something that this version has no words for (%(action)s)") % values
    return str(SENTENCES[action]) % values


def actor_words(event: AuditEvent) -> str:
    """Who it was: a name, a process of the portal, or a visitor who had not signed in."""
    if event.actor_name.startswith("system:"):
        return gettext("The portal (%(process)s)") % {"process": event.actor_name.removeprefix("system:")}
    return event.actor_name or gettext("A visitor")


def _values(event: AuditEvent) -> defaultdict[str, object]:
    details = {
        key: words.value_words(key, value)
        for key, value in event.details.items()
        if value not in (None, "", [])
    }
    known = {
        "username": event.person,
        **details,
        "actor": actor_words(event),
        "action": event.action,
        "address": event.client_address,
        "order": event.order_ref,
        "consumer": event.consumer_ref,
        "submission": event.submission,
    }
    # A sentence names what its event does not know with a dash.
    return defaultdict(lambda: "–", {key: value for key, value in known.items() if value})
