"""Every function that writes takes an actor and records an event, in one transaction."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.source import Function, called_names, modules, relative, tree_of

WRITERS = {
    "expiry.py",
    "identity_rules.py",
    "lifecycle.py",
    "recording.py",
    "saved.py",
    "searches.py",
    "services.py",
}
SERVICE_PACKAGES = {"changing", "order_lookup", "paste", "reconciliation", "sending", "storing"}
RECORD = {"record", "record_shown"}
# Outside the services: groups follow the matrix, sessions are signed in and out of, models guard themselves.
# The circuit breaker, connection health, counted acts, leases, machines' clocks, heartbeats, notices and
# their deliveries change without an actor. A person's preferences are a convenience, their drafts unsent
# text. What the registry of personal data changes, its callers record. Totals are computed from rows, and can
# be computed again; so can what the check of a list finds.
MAY_WRITE = {
    "apps/accounts/groups.py",
    "apps/accounts/sign_in/session_store.py",
    "apps/accounts/sign_in/sessions.py",
    "apps/audit/models.py",
    "apps/batches/checking/check.py",
    "apps/batches/leases.py",
    "apps/consumers/connection_health.py",
    "apps/consumers/drafts.py",
    "apps/consumers/preferences.py",
    "apps/consumers/reconciliation/circuit_breaker.py",
    "apps/core/limits.py",
    "apps/core/machine_clocks.py",
    "apps/core/personal_data.py",
    "apps/core/heartbeats.py",
    "apps/history/preferences.py",
    "apps/notices/delivering.py",
    "apps/notices/watching.py",
    "apps/history/totals/keeping.py",
    "apps/history/totals/triggers.py",
}
# Rows of a list that were not sent are their author's own unsent text. What was overridden is recorded when
# the list is confirmed.
WITHOUT_EVENT = {
    "apps/batches/changing/rows.py: correct_row",
    "apps/batches/changing/rows.py: leave_out",
    "apps/batches/changing/rows.py: take_back_in",
    "apps/batches/changing/decisions.py: accept_warnings",
    "apps/batches/changing/rows.py: send_again",
}
WRITING = re.compile(
    r"\.(objects|_default_manager)\b.*\.(create|bulk_create|get_or_create|update_or_create|update|bulk_update|delete)$"
    r"|^(self|submission|search|person|user|rule)\.(save|delete)$"
)


def _services() -> list[Path]:
    outer = {"views", "forms", "presenters"}
    return [
        path
        for path in modules()
        if (path.name in WRITERS and path.parent.name not in outer) or path.parent.name in SERVICE_PACKAGES
    ]


def _functions(path: Path) -> dict[str, Function]:
    return {node.name: node for node in tree_of(path).body if isinstance(node, Function)}


def _is_atomic(function: Function) -> bool:
    return any("transaction.atomic" in ast.unparse(one) for one in function.decorator_list) or any(
        "transaction.atomic" in ast.unparse(item.context_expr)
        for node in ast.walk(function)
        if isinstance(node, ast.With)
        for item in node.items
    )


def _parameters(function: Function) -> Iterator[ast.arg]:
    yield from function.args.posonlyargs
    yield from function.args.args
    yield from function.args.kwonlyargs


def _records(name: str, functions: dict[str, Function], seen: frozenset[str] = frozenset()) -> bool:
    """Whether a function calls ``record``, itself or through functions of its module."""
    if name in seen or name not in functions:
        return False
    called = called_names(functions[name])
    return bool(called & RECORD) or any(_records(inner, functions, seen | {name}) for inner in called)


def _transactions() -> list[tuple[Path, Function]]:
    return [
        (path, function)
        for path in _services()
        for function in _functions(path).values()
        if _is_atomic(function)
    ]


def test_every_transaction_of_a_service_has_an_actor() -> None:
    # An event contains its actor.
    wrong = [
        f"{relative(path)}: {function.name}"
        for path, function in _transactions()
        if not any(p.arg == "actor" or (p.annotation and ast.unparse(p.annotation) == "Event")
                   for p in _parameters(function))
    ]  # fmt: skip
    assert len(_transactions()) >= 18
    assert wrong == []


def test_every_transaction_of_a_service_records_an_event() -> None:
    wrong = [
        f"{relative(path)}: {function.name}"
        for path, function in _transactions()
        if not _records(function.name, _functions(path))
    ]
    assert {*wrong} == WITHOUT_EVENT


def test_only_services_write() -> None:
    services = _services()
    wrong = [
        f"{relative(path)}: {call}"
        for path in modules()
        if path not in services and relative(path) not in MAY_WRITE
        for call in called_names(tree_of(path))
        if WRITING.search(call)
    ]
    assert wrong == []


def test_events_are_written_only_by_record() -> None:
    wrong = [
        relative(path)
        for path in modules()
        if "audit" not in path.parts
        and re.search(r"AuditEvent\(|AuditHead\(|audit_event\b", path.read_text())
    ]
    assert wrong == []
