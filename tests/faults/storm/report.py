"""The tables of one storm, in Markdown."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from apps.consumers.models import Outcome
from sandbox.faults.table import ROWS
from tests.faults.storm.account import Account
from tests.faults.storm.rows import Line

MAX_SHOWN = 40  # violations shown of each promise
_HEAD = (
    "fault",
    "when",
    "submissions",
    "not sent",
    "rejected",
    "created by answer",
    "created by reconciliation",
    "still unknown",
    "exist",
    "sends, most",
)


def report(
    account: Account, *, title: str, facts: Mapping[str, object], havoc: Counter[str], pages: Counter[str]
) -> str:
    """The whole report; the result comes first."""
    problems = account.problems
    verdict = "Every promise held." if not problems else f"{len(problems)} PROMISES BROKEN."
    parts = [
        f"# {title}",
        verdict,
        *(broken(what, lines) for what, lines in problems.items()),
        _facts({**facts, **_sums(account)}),
        "## Per fault: outcome, truth, sends on the wire",
        table(_HEAD, _per_fault(account.lines)),
        "## Still unknown, by reason",
        table(
            ("check result", "error code", "order read before", "exists", "submissions"), _reasons(account)
        ),
        "## What was done to the processes",
        table(("what", "times"), sorted((name, str(count)) for name, count in havoc.items())),
        "## What people saw",
        table(("page", "times"), sorted((name, str(count)) for name, count in pages.items())),
    ]
    return "\n\n".join(parts) + "\n"


def unknown_ones(account: Account) -> str:
    """Each submission that is still unknown, with its reason; no personal data."""
    return "\n".join(["## Still unknown, each", "", *(f"- {line}" for line in account.unknown)]) + "\n"


def _sums(account: Account) -> dict[str, object]:
    outcomes = Counter(line.outcome for line in account.lines)
    exist = sum(len(found) for found in account.wire.consumers.values())
    sends = sum(len(sends) for sends in account.wire.creates.values())
    return {
        "submissions": len(account.lines),
        **{f"submissions {name}": count for name, count in sorted(outcomes.items())},
        "consumers in the sandbox": exist,
        "of them with a submission that is still unknown": sum(line.exists for line in account.unknown),
        "creates on the wire": sends,
        "lost their process": sum(line.submission.error_code == "process_lost" for line in account.lines),
        "events in the chain": account.events,
    }


def _per_fault(lines: Iterable[Line]) -> list[tuple[str, ...]]:
    when = {row.fault: row.when for row in ROWS}
    order = {row.fault: number for number, row in enumerate(ROWS)}
    by_fault: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        by_fault[line.fault].append(line)
        if not line.creates and line.alone:
            by_fault[f"{line.fault} {line.submission.error_code}"].append(line)
    return [
        (fault, when.get(fault, ""), *_counts(found))
        for fault, found in sorted(by_fault.items(), key=lambda item: (order.get(item[0], -1), item[0]))
    ]


def _counts(lines: list[Line]) -> tuple[str, ...]:
    def count(*outcomes: str, by_reconciliation: bool = False) -> str:
        return str(
            sum(line.outcome in outcomes and line.by_reconciliation is by_reconciliation for line in lines)
            or ""
        )

    most = max((len(line.creates) for line in lines if line.alone), default=None)
    return (
        str(len(lines)),
        count(Outcome.NOT_SENT),
        count(Outcome.REJECTED),
        count(Outcome.CREATED),
        count(Outcome.CREATED, by_reconciliation=True),
        count(Outcome.UNKNOWN, Outcome.SENDING),
        str(sum(line.exists for line in lines) or ""),
        "" if most is None else str(most),
    )


def _reasons(account: Account) -> list[tuple[str, ...]]:
    counted = Counter(
        (
            str(line.submission.check_result) or "no check",
            line.submission.error_code,
            "no" if line.submission.refs_before is None else "yes",
            "yes" if line.exists else "no",
        )
        for line in account.unknown
    )
    return [(*reason, str(count)) for reason, count in sorted(counted.items())]


def _facts(facts: Mapping[str, object]) -> str:
    return table(("", ""), [(name, str(value)) for name, value in facts.items()])


def broken(what: str, lines: list[str]) -> str:
    """A promise that is broken, with the first violations."""
    shown = [f"- {line}" for line in lines[:MAX_SHOWN]]
    more = [f"- and {len(lines) - MAX_SHOWN} more"] if len(lines) > MAX_SHOWN else []
    return "\n".join([f"**BROKEN: {what} ({len(lines)})**", "", *shown, *more])


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""
    head = list(head)
    lines = [head, ["---"] * len(head), *(list(row) for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
