"""The status of the portal, for the status page and for ``manage.py status``."""

from __future__ import annotations

from collections.abc import Sequence

from consumerportal.status import audit_log, keys, machine, submissions, vendor, worker
from consumerportal.status.line import Level, Line

__all__ = ["Level", "Line", "level", "lines", "open_counts", "problems"]


def lines() -> tuple[Line, ...]:
    """Every line, in the order of the page. Raises ``DatabaseError`` and ``InterfaceError``."""
    return (
        vendor.credentials_line(),
        submissions.unknown_line(),
        submissions.stuck_line(),
        submissions.contradicted_line(),
        submissions.doubtful_line(),
        vendor.reconciliation_line(),
        worker.worker_line(),
        worker.spool_line(),
        worker.lists_line(),
        *worker.notice_lines(),
        machine.clock_line(),
        machine.machine_clocks_line(),
        *machine.disk_lines(),
        machine.database_line(),
        audit_log.audit_log_line(),
        *audit_log.signing_lines(),
        *audit_log.verification_lines(),
        *audit_log.checkpoint_disk_lines(),
        keys.keys_line(),
        *keys.key_rewriting_lines(),
        *submissions.altered_values_lines(),
        machine.versions_line(),
    )


def problems(all_lines: Sequence[Line]) -> tuple[Line, ...]:
    """The critical lines that require an administrator to act."""
    return tuple(line for line in all_lines if line.level is Level.CRITICAL and not line.for_supervisors)


def open_counts(all_lines: Sequence[Line]) -> tuple[Line, ...]:
    """The lines that count what supervisors resolve, without lines that count nothing."""
    return tuple(line for line in all_lines if line.level is not Level.OK and line.for_supervisors)


def level(of: tuple[Line, ...]) -> Level:
    """The highest level of these lines."""
    return max(line.level for line in of)
