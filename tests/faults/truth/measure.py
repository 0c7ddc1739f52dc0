"""Compare the conclusions of reconciliation in random cases with the truth.

Each case is read at every check, and two rules are compared: to take a consumer at the first check that finds
it, or at the second consecutive check that agrees. Prints tables in Markdown.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from django.conf import settings as project
from django.db import connection
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

from apps.consumers import selectors
from apps.consumers.models import CheckResult, Submission
from apps.consumers.reconciliation import findings
from tests.faults.truth.cases import cases, ordinary_cases
from tests.faults.truth.world import CHECKS, OURS, Case, World
from tests.support.people import make_person
from tests.support.submitting import submit_anyway


@dataclass(frozen=True, slots=True)
class Read:
    """The conclusions of the checks of one case in order, and the truth."""

    results: tuple[tuple[CheckResult, str], ...]
    own_ref: str
    is_decidable: bool

    def taken(self, agreeing: int) -> tuple[str, float]:
        """The reference taken after so many consecutive checks agree, and the time; empty for none."""
        row: list[str] = []
        for (result, ref), seconds in zip(self.results, CHECKS, strict=True):
            row = [*row, ref] if result is CheckResult.ONE and (not row or row[-1] == ref) else [ref]
            row = row if result is CheckResult.ONE else []
            if len(row) >= agreeing:
                return ref, seconds
        return "", 0.0


def measure() -> None:
    """Read the arguments, run the cases, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    project.CDP_RECONCILIATION, project.CDP_TOTAL_TIMEOUT = True, 30.0
    connection.creation.create_test_db(verbosity=0)
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        for title, strategy in (("Adverse cases", cases()), ("Ordinary cases", ordinary_cases())):
            reads = _tried(world, strategy, options.cases, options.seed)
            print(f"## {title}: {len(reads)}", "", *_table(reads), "", *_reasons(reads), "", sep="\n")
        world.close()


def _tried(world: World, strategy: SearchStrategy[Case], count: int, number: int) -> list[Read]:
    person = make_person(f"measure-{uuid.uuid4().hex[:8]}", "staff")
    reads: list[Read] = []

    @seed(number)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def collect(case: Case) -> None:
        order = str(uuid.uuid4())
        world.begin(case, order)
        submission = submit_anyway(order, OURS, person, world.client)  # a twin may be on the order
        results = []
        for seconds in CHECKS:
            world.pass_to(seconds)
            results.append(_checked(submission, world))
        reads.append(Read(tuple(results), world.own_ref, world.is_decidable()))
        Submission.objects.filter(pk=submission.pk).update(content_digest=uuid.uuid4().bytes)

    collect()
    return reads


def _checked(submission: Submission, world: World) -> tuple[CheckResult, str]:
    """The conclusion of one check; nothing is stored."""
    known = findings.keys_of(submission.refs_before or []) | selectors.claimed_refs_on_order(submission)
    conclusion = findings.conclude(submission, findings.read_order(world.order, known, world.client))
    return conclusion.result, conclusion.matching[0].ref if len(conclusion.matching) == 1 else ""


def _table(reads: list[Read]) -> Iterable[str]:
    yield (
        "| agreeing checks | created, true | created, false, undecidable | created, false, decidable"
        " | unknown, exists | unknown, does not | seconds to created, median | mean |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for agreeing in (1, 2):
        taken = [(read, *read.taken(agreeing)) for read in reads]
        true = sum(bool(ref) and ref == read.own_ref for read, ref, _at in taken)
        wrong = [read for read, ref, _at in taken if ref and ref != read.own_ref]
        unknown = [read for read, ref, _at in taken if not ref]
        times = [at for read, ref, at in taken if ref and ref == read.own_ref]
        undecidable = sum(not read.is_decidable for read in wrong)
        exist = sum(bool(read.own_ref) for read in unknown)
        yield (
            f"| {agreeing} | {true} | {undecidable} | {len(wrong) - undecidable} | {exist}"
            f" | {len(unknown) - exist} | {median(times or [0]):g} | {sum(times) / max(len(times), 1):.1f} |"
        )


def _reasons(reads: list[Read]) -> Iterable[str]:
    yield "| still unknown, last check says | exists | does not |"
    yield "|---|---|---|"
    counted: Counter[tuple[str, bool]] = Counter(
        (read.results[-1][0].value, bool(read.own_ref)) for read in reads if not read.taken(1)[0]
    )
    for result in sorted({result for result, _exists in counted}):
        yield f"| {result} | {counted[result, True]} | {counted[result, False]} |"
