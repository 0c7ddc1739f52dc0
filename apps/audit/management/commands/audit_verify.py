"""Verify the audit log."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final, NoReturn

from django.core.management.base import CommandError, CommandParser

from apps.audit.integrity.checkpoints import Checkpoint
from apps.audit.integrity.diagnosis import Verdict
from apps.audit.integrity.expectation import (
    Comparison,
    UnusableCheckpointError,
    read_expected,
    verify_expecting,
)
from apps.audit.integrity.verification import Progress, record_result, verify
from apps.audit.presenters.integrity import range_sentence, verdict_sentence
from apps.core.actor import Actor
from apps.core.commands import NO_RESULT, CommandWithResult
from apps.core.connections import DATABASE_ERRORS, database_failure
from apps.core.key_fingerprints import require_accepted_keys

WIDTH = 40  # characters of the progress bar
COMPARISONS: Final = {
    Comparison.CONTAINED: "the log contains it.",
    Comparison.DIFFERENT: "the log does not contain it with this hash.",
    Comparison.REMOVED: "it was removed with the oldest events. Use a later checkpoint.",
    Comparison.NOT_COMPARED: "not compared, because the log was altered before.",
}


class Command(CommandWithResult):
    help = (
        "Verifies the audit log against its chain, its MACs and its signed checkpoints."
        " Exit code: 0 unchanged, 1 no checkpoint to compare with, 2 altered, 3 no result."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        extent = parser.add_mutually_exclusive_group()
        extent.add_argument(
            "--from-checkpoint", action="store_true", help="only the events after the last checkpoint"
        )
        extent.add_argument(
            "--expect",
            metavar="CHECKPOINT",
            help=(
                "a checkpoint that was stored elsewhere, as the worker printed it, or @FILE for all of a"
                " file: the log must contain each of their events with its hash"
            ),
        )

    def handle(self, *args: Any, **options: Any) -> None:
        expected = self._read_expected(options["expect"]) if options["expect"] is not None else None
        comparison, compared = None, None
        bar = sys.stderr.isatty()
        report = _draw if bar else lambda _: None
        try:
            if expected is None:
                result = verify(from_checkpoint=options["from_checkpoint"], report=report)
            else:
                result, compared, comparison = verify_expecting(expected, report=report)
        except DATABASE_ERRORS as error:
            self._end(f"{database_failure(error)}.")
        except OSError as error:
            self._end(f"The file of checkpoints could not be read ({type(error).__name__}).")
        if bar:
            sys.stderr.write("\r" + " " * (WIDTH + 8) + "\r")
        self.stdout.write(f"{result.verdict.value}: {verdict_sentence(result)}")
        self.stdout.write(range_sentence(result))
        if compared is not None and comparison is not None:
            self.stdout.write(
                f"The expected checkpoint is at event {compared.seq}: {COMPARISONS[comparison]}"
            )
        try:
            require_accepted_keys()  # an event under a foreign MAC key would itself be an alteration
            record_result(Actor.system("audit_verify"), result)
        except CommandError as refused:
            self.stderr.write(f"The verification was not recorded. {refused}")
        except DATABASE_ERRORS:
            self.stderr.write("The verification could not be recorded: the log takes no events.")
        if result.verdict is not Verdict.UNCHANGED:
            sys.exit(1 if result.verdict is Verdict.UNSIGNED else 2)
        if comparison is Comparison.REMOVED:
            sys.exit(1)

    def _read_expected(self, given: str) -> list[Checkpoint]:
        try:
            is_file = given.startswith("@")
            text = Path(given[1:]).read_text(encoding="utf-8", errors="replace") if is_file else given
            return read_expected(text)
        except OSError as error:
            self._end(f"The file of the expected checkpoint could not be read ({type(error).__name__}).")
        except UnusableCheckpointError as error:
            self._end(f"The expected checkpoint cannot be used: {error}.")

    def _end(self, why: str) -> NoReturn:
        self.stderr.write(f"{why} Nothing was found out about the log.")
        sys.exit(NO_RESULT)  # as the proof's verifier


def _draw(progress: Progress) -> None:
    filled = WIDTH * progress.percent // 100
    sys.stderr.write(f"\r[{'#' * filled}{'.' * (WIDTH - filled)}] {progress.percent:3} %")
    sys.stderr.flush()
