"""Labels for error codes: why a record of the vendor cannot be shown, and what to do."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.cdp.errors import ErrorCode
from apps.consumers.labels import REASONS, end_of_long_wait, read_error_text
from apps.core import clock

ORDER, ORDERS, GUEST, GUESTS = "order", "orders", "guest", "guests"
ORDER_CONSUMER = "order_consumer"

NOT_FOUND_TITLES = {
    ORDER: _("Order not found"),
    ORDERS: _("Orders not found"),
    GUESTS: _("Guests not found"),
    GUEST: _("Guest not found"),
    ORDER_CONSUMER: _("Order consumer not found"),
}
UNREADABLE_TITLES = {
    ORDER: _("The order cannot be shown now"),
    ORDERS: _("The search failed"),
    GUESTS: _("The search failed"),
    GUEST: _("The guest cannot be shown now"),
    ORDER_CONSUMER: _("The order consumer cannot be shown now"),
}
_ELSEWHERE = _("Check the reference. It may also belong to another organisation or region.")
NOT_FOUND = {
    ORDER: (REASONS[ErrorCode.NOT_FOUND], _ELSEWHERE),
    ORDERS: (_("Sitecore CDP found nothing for this search."), _("Check what you searched for.")),
    GUESTS: (_("Sitecore CDP found nothing for this search."), _("Check what you searched for.")),
    GUEST: (
        _("Sitecore CDP has no guest with this reference."),
        _("A retired or deleted guest cannot be read either."),
    ),
    ORDER_CONSUMER: (_("Sitecore CDP has no order consumer with this reference."), _ELSEWHERE),
}

_ADMINISTRATOR: dict[str, Promise] = {
    ErrorCode.UNAUTHORIZED: _("An administrator has to check the API credentials."),
    ErrorCode.FORBIDDEN: _("An administrator has to check the API access."),
    ErrorCode.NOT_CONFIGURED: _("An administrator has to check the settings."),
    ErrorCode.TLS_FAILED: _("An administrator has to check the connection."),
    ErrorCode.PROXY_FAILED: _("An administrator has to check the proxy."),
}
_NOT_RETRYABLE = frozenset(
    {
        *_ADMINISTRATOR,
        ErrorCode.NOT_FOUND,
        ErrorCode.INVALID,
        ErrorCode.BAD_REFERENCE,
        ErrorCode.LIST_TOO_LONG,
    }
)


def title(what: str, code: str) -> str:
    """The heading of the error page for ``what``."""
    return str((NOT_FOUND_TITLES if code == ErrorCode.NOT_FOUND else UNREADABLE_TITLES)[what])


def sentences(what: str, code: str, *, retry_after: float | None = None) -> list[str]:
    """What happened and what to do, one short sentence each. Contains no text from the vendor.

    ``retry_after``: seconds that the vendor asked to wait, just now.
    """
    if code == ErrorCode.NOT_FOUND:
        return [str(sentence) for sentence in NOT_FOUND[what]]
    nothing_changed = gettext("Nothing was changed.")
    return [read_error_text(code), f"{nothing_changed} {_advice(code, retry_after)}".strip()]


def is_retryable(code: str) -> bool:
    """Whether the same read may succeed a little later."""
    return code not in _NOT_RETRYABLE


def _advice(code: str, retry_after: float | None) -> str:
    if code in _ADMINISTRATOR:
        return str(_ADMINISTRATOR[code])
    if time := end_of_long_wait(code, clock.now(), retry_after):
        return gettext("Try again after %(time)s.") % {"time": time}
    return gettext("Try again in a minute.") if is_retryable(code) else ""
