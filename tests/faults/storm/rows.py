"""What is compared: what the sandbox says, and one submission beside it."""

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
    """What the sandbox says."""

    consumers: Mapping[str, list[dict[str, Any]]]  # by the key that was sent
    creates: Mapping[str, list[dict[str, Any]]]  # by order

    @classmethod
    def of(cls, consumers: Iterable[dict[str, Any]], requests: Iterable[dict[str, Any]]) -> Wire:
        """Sort what the control address tells."""
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
    """One submission beside the truth."""

    submission: Submission
    key: str
    alone: bool  # on its order: then the sends of the order are its own
    creates: Sequence[dict[str, Any]]
    consumers: Sequence[dict[str, Any]]
    actions: Sequence[str]

    @property
    def outcome(self) -> str:
        """As stored."""
        return str(self.submission.outcome)

    @property
    def exists(self) -> bool:
        """Whether the vendor has it."""
        return bool(self.consumers)

    @property
    def fault(self) -> str:
        """What its request met, as the sandbox says; "-" for nothing."""
        if not self.alone:
            return SEVERAL_ON_ORDER
        return (self.creates[0]["fault"] or "-") if self.creates else NO_REQUEST

    @property
    def by_reconciliation(self) -> bool:
        """Whether a look said it."""
        return self.submission.resolved_how == ResolvedHow.BY_RECONCILIATION

    def __str__(self) -> str:
        row = self.submission
        return (
            f"{row.public_id} {self.outcome} code={row.error_code or '-'} look={row.check_result or '-'}"
            f" checks={row.check_count} before={'-' if row.refs_before is None else len(row.refs_before)}"
            f" fault={self.fault} sends={len(self.creates) if self.alone else '?'} exists={self.exists}"
        )
