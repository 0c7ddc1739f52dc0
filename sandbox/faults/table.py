"""The table of all faults, for tests to go through and for people to read.

`python -m apps.sandbox.fault_table` prints it as `docs/sandbox.md` has it.
"""

from dataclasses import dataclass
from typing import Literal

from apps.sandbox.faults import CONNECTION_FAULTS, REFUSE, REQUEST_FAULTS, Outcome
from apps.sandbox.seed import FAULT_ORDERS, fault_reference_id

When = Literal["listening", "connecting", "before", "after"]


@dataclass(frozen=True, slots=True)
class Row:
    """One fault.

    `when` is the moment: nobody is listening, the connection has just been made, before or after the work of
    a request. `done` says whether the consumer is there afterwards, `says` what the caller sees. `outcome` is
    what a caller of a create may conclude over plain HTTP, None where the fault needs TLS; `outcome_over_tls`
    is the same over TLS. `order` is the order that has the fault every time, if any. `makes` is the number of
    consumers that are made where the work is done.
    """

    fault: str
    when: When
    done: bool
    says: str
    outcome: Outcome | None
    outcome_over_tls: Outcome
    order: str
    makes: int = 1

    @property
    def made(self) -> int:
        """How many consumers are there afterwards."""
        return self.makes if self.done else 0


ROWS: tuple[Row, ...] = (
    *(
        Row(
            name,
            "listening" if name == REFUSE else "connecting",
            False,
            fault.sees,
            fault.over_http,
            fault.over_tls,
            order="",
        )
        for name, fault in CONNECTION_FAULTS.items()
    ),
    *(
        Row(
            name,
            "after" if fault.done and not fault.late else "before",
            fault.done,
            fault.sees,
            fault.outcome,
            fault.outcome,
            order=FAULT_ORDERS.get(name, ""),
            makes=fault.makes,
        )
        for name, fault in REQUEST_FAULTS.items()
    ),
)


def all_faults() -> str:
    """Every fault as a table in Markdown."""
    lines = ["| fault | when | done | what the caller sees | outcome |", "|---|---|---|---|---|"]
    for row in ROWS:
        cells = (f"`{row.fault}`", row.when, _yes_or_no(row), row.says, _outcome(row))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def fault_orders() -> str:
    """The faults that have an order of their own, by its reference, as a table in Markdown."""
    rows = {row.fault: row for row in ROWS}
    lines = [
        "| order reference | reference id | fault | done | what the caller sees |",
        "|---|---|---|---|---|",
    ]
    for fault, ref in FAULT_ORDERS.items():
        row = rows[fault]
        cells = (f"`{ref}`", f"`{fault_reference_id(fault)}`", f"`{fault}`", _yes_or_no(row), row.says)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _yes_or_no(row: Row) -> str:
    done = "yes" if row.done else "no"
    return f"{done}, {row.makes} times" if row.done and row.makes > 1 else done


def _outcome(row: Row) -> str:
    if row.outcome == row.outcome_over_tls:
        return row.outcome_over_tls
    return f"{row.outcome}, over TLS {row.outcome_over_tls}" if row.outcome else row.outcome_over_tls


if __name__ == "__main__":
    print(fault_orders(), all_faults(), sep="\n\n")
