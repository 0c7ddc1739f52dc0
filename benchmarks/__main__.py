"""``make bench``: run the named benchmarks, or all of them."""

from __future__ import annotations

import sys
from collections.abc import Callable

from benchmarks import (
    access_report,
    audit_events,
    audit_pages,
    audit_verify,
    batch_check,
    create,
    create_together,
    export,
    hostile_clients,
    in_flight,
    key_rotation,
    key_rotation_at_work,
    order_panel,
    outage,
    page_scores,
    slow_reader,
    submissions_list,
)

BENCHMARKS: dict[str, Callable[[], None]] = {
    "access_report": access_report.main,
    "audit_events": audit_events.main,
    "audit_pages": audit_pages.main,
    "audit_verify": audit_verify.main,
    "batch_check": batch_check.main,
    "create": create.main,
    "create_together": create_together.main,
    "export": export.main,
    "hostile_clients": hostile_clients.main,
    "in_flight": in_flight.main,
    "key_rotation": key_rotation.main,
    "key_rotation_at_work": key_rotation_at_work.main,
    "order_panel": order_panel.main,
    "outage": outage.main,
    "page_scores": page_scores.main,
    "slow_reader": slow_reader.main,
    "submissions_list": submissions_list.main,
}


def main(names: list[str]) -> int:
    """Run the named benchmarks one after the other; returns 2 for an unknown name."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"No such benchmark: {', '.join(unknown)}. There are: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    for name in names or BENCHMARKS:
        BENCHMARKS[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
