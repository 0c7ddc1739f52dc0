"""The consumers on an order that Sitecore CDP has, as far as the portal knows them."""

from __future__ import annotations

from apps.cdp.client import ListedConsumers
from apps.cdp.consumers import OrderConsumer
from apps.core.references import reference_key

NOT_READ = ListedConsumers((), (), has_ended=False, is_whole=False)
"""Nothing is known: the order was not read, or could not be."""


def known_on_order(listed: ListedConsumers | None, kept: ListedConsumers | None = None) -> ListedConsumers:
    """What the portal knows about the consumers of an order; each once, as it was read last.

    ``listed``: the list as it is now. ``kept``: what the panel read some minutes ago. A list of references
    only takes the data from it. A consumer that is only in ``kept`` counts unless ``listed`` is whole.
    """
    if listed is None and kept is None:
        return NOT_READ
    lists = [one for one in (listed, kept) if one is not None]
    is_whole = listed is not None and listed.is_whole
    refs: dict[str, str] = {}
    consumers: dict[str, OrderConsumer] = {}
    for one in lists:
        for ref in one.refs if one is listed or not is_whole else ():
            refs.setdefault(reference_key(ref), ref)
        for consumer in one.consumers:
            consumers.setdefault(reference_key(consumer.ref), consumer)
    return ListedConsumers(
        refs=tuple(refs.values()),
        consumers=tuple(consumers[key] for key in refs if key in consumers),
        has_ended=lists[0].has_ended,
        is_whole=is_whole,
    )
