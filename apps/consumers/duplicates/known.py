"""The consumers on an order that Sitecore CDP has, as far as the portal knows them."""

from __future__ import annotations

from dataclasses import dataclass

from apps.cdp.client import ListedConsumers
from apps.cdp.consumers import OrderConsumer


@dataclass(frozen=True, slots=True, repr=False)
class KnownConsumers:
    """The consumers of an order at Sitecore CDP.

    ``refs``: the references of all that are known; ``consumers``: those with their data. ``is_whole``: no
    reference can be missing.
    """

    refs: tuple[str, ...] = ()
    consumers: tuple[OrderConsumer, ...] = ()
    is_whole: bool = False

    def __repr__(self) -> str:
        return f"KnownConsumers({len(self.refs)} references, <personal data>)"


NOT_READ = KnownConsumers()
"""Nothing is known: reconciliation is off, or the order could not be read."""


def known_on_order(listed: ListedConsumers | None) -> KnownConsumers:
    """What the portal knows about the order: the list that was read before the send; None without one."""
    return KnownConsumers(listed.refs, listed.consumers, listed.is_whole) if listed else NOT_READ
