"""Codes into words for people: why a record of the vendor cannot be shown, and what to do."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.cdp.errors import ErrorCode
from apps.consumers.labels import REASONS

ORDER, ORDERS, GUEST, ORDER_CONSUMER = "order", "orders", "guest", "order_consumer"

NOT_FOUND_TITLES = {
    ORDER: _("Order not found"),
    ORDERS: _("Orders not found"),
    GUEST: _("Guest not found"),
    ORDER_CONSUMER: _("Order consumer not found"),
}
UNREADABLE_TITLES = {
    ORDER: _("The order cannot be shown now"),
    ORDERS: _("The search could not be done"),
    GUEST: _("The guest cannot be shown now"),
    ORDER_CONSUMER: _("The order consumer cannot be shown now"),
}
_ELSEWHERE = _("Check the reference. It may also belong to another organisation or region.")
NOT_FOUND = {
    ORDER: (REASONS[ErrorCode.NOT_FOUND], _ELSEWHERE),
    ORDERS: (_("Sitecore CDP found nothing for this search."), _("Check what you searched for.")),
    GUEST: (
        _("Sitecore CDP has no guest with this reference."),
        _("A retired or deleted guest cannot be read either."),
    ),
    ORDER_CONSUMER: (_("Sitecore CDP has no order consumer with this reference."), _ELSEWHERE),
}

# Where the wording of the form would not be true here: nothing was entered, nothing is sent again.
_OWN_REASONS: dict[str, Promise] = {
    ErrorCode.INVALID: _("Sitecore CDP did not accept what was asked."),
    ErrorCode.UNAUTHORIZED: _("The portal could not sign in to Sitecore CDP."),
    ErrorCode.FORBIDDEN: _("Sitecore CDP refused the portal."),
    ErrorCode.RATE_LIMITED: _("Sitecore CDP had too many requests."),
    ErrorCode.NOT_FOUND: _("Sitecore CDP does not know it."),
    ErrorCode.NOT_CONFIGURED: _("The connection to Sitecore CDP is not set up."),
    ErrorCode.BAD_REFERENCE: _("The reference cannot be sent."),
    ErrorCode.TLS_FAILED: _("The connection to Sitecore CDP is not trustworthy."),
    ErrorCode.LIST_TOO_LONG: _("The list is too long to be read."),
    ErrorCode.UNRECOGNISED_REFUSAL: _(
        "An answer refused the request, but not in the form of Sitecore CDP. A firewall or proxy may have"
        " sent it."
    ),
}
_ADMINISTRATOR: dict[str, Promise] = {
    ErrorCode.UNAUTHORIZED: _("An administrator has to check the API credentials."),
    ErrorCode.FORBIDDEN: _("An administrator has to check the API access."),
    ErrorCode.NOT_CONFIGURED: _("An administrator has to check the settings."),
    ErrorCode.TLS_FAILED: _("An administrator has to check the connection."),
    ErrorCode.PROXY_FAILED: _("An administrator has to check the proxy."),
}
_NOT_BY_WAITING = frozenset(
    {
        *_ADMINISTRATOR,
        ErrorCode.NOT_FOUND,
        ErrorCode.INVALID,
        ErrorCode.BAD_REFERENCE,
        ErrorCode.LIST_TOO_LONG,
    }
)


def title(what: str, code: str) -> str:
    """The heading of the page that is shown instead of ``what``."""
    return str((NOT_FOUND_TITLES if code == ErrorCode.NOT_FOUND else UNREADABLE_TITLES)[what])


def sentences(what: str, code: str) -> list[str]:
    """What happened, and what to do: one short sentence each. Nothing of the vendor's own words."""
    if code == ErrorCode.NOT_FOUND:
        return [str(sentence) for sentence in NOT_FOUND[what]]
    nothing_changed = gettext("Nothing was changed.")
    return [reason(code), f"{nothing_changed} {_advice(code)}".strip()]


def reason(code: str) -> str:
    """Why the vendor's answer is missing, as one sentence."""
    known = {**REASONS, **_OWN_REASONS}
    if code in known:
        return str(known[code])
    return gettext("Sitecore CDP answered with an error (%(code)s).") % {"code": code.removeprefix("http_")}


def worth_repeating(code: str) -> bool:
    """Whether the same page may well be shown a little later."""
    return code not in _NOT_BY_WAITING


def _advice(code: str) -> str:
    if code in _ADMINISTRATOR:
        return str(_ADMINISTRATOR[code])
    return gettext("Try again in a minute.") if worth_repeating(code) else ""
