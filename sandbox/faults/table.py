"""The table of all faults, for tests and for people.

`python -m sandbox.faults.table` prints the tables of `docs/sandbox.md`.
"""

from dataclasses import dataclass
from typing import Literal

from sandbox.data.seed import FAULT_ORDERS, fault_reference_id
from sandbox.faults.armed import REFUSE
from sandbox.faults.catalogue import CONNECTION_FAULTS, REQUEST_FAULTS
from sandbox.faults.kinds import Outcome

When = Literal["listening", "connecting", "before", "after"]


@dataclass(frozen=True, slots=True)
class Row:
    """One fault.

    `when`: the port is closed, the connection was just accepted, before or after the work of a request.
    `done`: whether the consumer exists afterwards. `description`: what the caller sees.
    `outcome`: what the caller of a create may conclude over plain HTTP, None if the fault needs TLS.
    `outcome_over_tls`: the same over TLS.
    `order`: the order on which every create has the fault, or empty.
    `makes`: the number of consumers that one request creates if the work is done.
    """

    fault: str
    when: When
    done: bool
    description: str
    outcome: Outcome | None
    outcome_over_tls: Outcome
    order: str
    makes: int = 1

    @property
    def made(self) -> int:
        """The number of consumers that exist afterwards."""
        return self.makes if self.done else 0


ROWS: tuple[Row, ...] = (
    *(
        Row(
            name,
            "listening" if name == REFUSE else "connecting",
            False,
            fault.description,
            fault.over_http,
            "not_sent",
            order="",
        )
        for name, fault in CONNECTION_FAULTS.items()
    ),
    *(
        Row(
            name,
            "after" if fault.done and not fault.late else "before",
            fault.done,
            fault.description,
            fault.outcome,
            fault.outcome,
            order=FAULT_ORDERS.get(name, ""),
            makes=fault.makes,
        )
        for name, fault in REQUEST_FAULTS.items()
    ),
)


def all_faults() -> str:
    """A Markdown table of all faults."""
    lines = ["| fault | when | done | what the caller sees | outcome |", "|---|---|---|---|---|"]
    for row in ROWS:
        cells = (f"`{row.fault}`", row.when, _yes_or_no(row), row.description, _outcome(row))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def fault_orders() -> str:
    """A Markdown table of the fault orders."""
    rows = {row.fault: row for row in ROWS}
    lines = [
        "| order reference | reference id | fault | done | what the caller sees |",
        "|---|---|---|---|---|",
    ]
    for fault, ref in FAULT_ORDERS.items():
        row = rows[fault]
        cells = (f"`{ref}`", f"`{fault_reference_id(fault)}`", f"`{fault}`", _yes_or_no(row), row.description)
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
