"""The data to compare: the sandbox's records, and each submission with its own."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.consumers.models import ResolvedHow, Submission
from tests.faults.storm.entries import key_in

CREATE = "create_order_consumer"
NO_REQUEST = "(none arrived)"
SEVERAL_ON_ORDER = "(several on one order)"
_ORDER = re.compile(r"/orders/([^/]+)/consumers")


@dataclass(frozen=True, slots=True)
class Wire:
    """The records of the sandbox."""

    consumers: Mapping[str, list[dict[str, Any]]]  # by the key that was sent
    creates: Mapping[str, list[dict[str, Any]]]  # by order

    @classmethod
    def of(cls, consumers: Iterable[dict[str, Any]], requests: Iterable[dict[str, Any]]) -> Wire:
        """Group what the control address returns."""
        by_key: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for consumer in consumers:
            key = key_in(consumer["body"])
            if key.startswith("K-"):
                by_key[key].append(consumer)
        by_order: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for request in requests:
            order = _ORDER.search(request["path"])
            if request["operation"] == CREATE and order:
                by_order[order[1].lower()].append(request)
        return cls(by_key, by_order)


@dataclass(frozen=True, slots=True)
class Line:
    """A submission with the sandbox's records of it."""

    submission: Submission
    key: str
    alone: bool  # on its order, so the later sends of the order are its own
    creates: Sequence[dict[str, Any]]
    consumers: Sequence[dict[str, Any]]
    actions: Sequence[str]

    @property
    def outcome(self) -> str:
        """The stored outcome."""
        return str(self.submission.outcome)

    @property
    def exists(self) -> bool:
        """Whether the vendor has the consumer."""
        return bool(self.consumers)

    @property
    def fault(self) -> str:
        """The fault of its request, as the sandbox names it; "-" for none."""
        if not self.alone:
            return SEVERAL_ON_ORDER
        return (self.creates[0]["fault"] or "-") if self.creates else NO_REQUEST

    @property
    def by_reconciliation(self) -> bool:
        """Whether reconciliation determined the outcome."""
        return self.submission.resolved_how == ResolvedHow.BY_RECONCILIATION

    def __str__(self) -> str:
        row = self.submission
        return (
            f"{row.public_id} {self.outcome} code={row.error_code or '-'} check={row.check_result or '-'}"
            f" checks={row.check_count} before={'-' if row.refs_before is None else len(row.refs_before)}"
            f" fault={self.fault} sends={len(self.creates) if self.alone else '?'} exists={self.exists}"
        )
