"""The price of an order as text."""

from __future__ import annotations

from django.utils.formats import number_format

from apps.cdp.records import Order


def price(order: Order) -> str:
    """The price, such as ``EUR 1,904.20``, with at least two decimals, more if the vendor returned more."""
    if order.price is None:
        return ""
    exponent = order.price.as_tuple().exponent
    decimals = max(2, -exponent if isinstance(exponent, int) else 0)
    amount = number_format(order.price, decimals, force_grouping=True)
    return f"{order.currency_code}\N{NO-BREAK SPACE}{amount}" if order.currency_code else amount
