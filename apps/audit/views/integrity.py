"""The Integrity page: what the last verification found, a new one while the person watches, and the proof."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Generator, Iterator

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.http import require_POST, require_safe

from apps.audit.integrity import checkpoints, past_verifications
from apps.audit.integrity.proof.bundle import bundle, record_download
from apps.audit.integrity.stored_rows import takes_events
from apps.audit.integrity.verification import GOOD, Progress, Result, record_result, verification
from apps.audit.permissions import VERIFY_LOG
from apps.audit.presenters import integrity as presenters
from apps.core import clock
from apps.core.actor import Actor
from apps.core.permissions import requires
from apps.core.requests import actor_of

logger = logging.getLogger("apps.audit")


@requires(VERIFY_LOG)
@require_safe
def integrity(request: HttpRequest) -> HttpResponse:
    """The last verification in words, and what can be done."""
    latest = past_verifications.latest_verification()
    found = past_verifications.result_of(latest) if latest else None
    context = {
        "latest": latest,
        "found": _found(found) if found else None,
        "problem": past_verifications.standing_problem(),
        "takes_events": takes_events(),
        "key_id": checkpoints.key_id(checkpoints.signing_key(settings.AUDIT_SIGNING_KEY).public_key()),
    }
    return render(request, "audit/integrity.html", context)


@requires(VERIFY_LOG)
@require_POST
def verify_now(request: HttpRequest) -> StreamingHttpResponse:
    """Verify the whole log, and show the progress: the page grows while it runs, also without a script.

    In the request, not by the worker: a million events take seconds, and a page that is left ends the work.
    """
    marker = secrets.token_hex(16)
    page = render_to_string("audit/integrity_running.html", {"marker": marker}, request)
    before, _, after = page.partition(marker)
    response = StreamingHttpResponse(_growing(before, actor_of(request), after))
    response["X-Accel-Buffering"] = "no"  # nginx would hold the page back until it is whole
    return response


@requires(VERIFY_LOG)
@require_POST
def download_proof(request: HttpRequest) -> StreamingHttpResponse:
    """The archive with every event, the checkpoints and the verifier. That it was taken is an event first.

    Where the head row was altered, no event can be recorded, and the proof is needed most: then the portal's
    own log says who downloaded it, and the manifest says that no event was recorded.
    """
    recorded = record_download(actor_of(request))
    response = StreamingHttpResponse(bundle(recorded=recorded), content_type="application/zip")
    now = clock.now()
    response["Content-Disposition"] = f'attachment; filename="audit-proof_{now:%Y%m%dT%H%M%SZ}.zip"'
    return response


def _growing(before: str, actor: Actor, after: str) -> Iterator[str]:
    yield before
    try:
        result = yield from _steps()
    except (DatabaseError, InterfaceError, OSError) as error:
        logger.exception("audit_verification_failed")
        context = {"failed": True, "file_failed": isinstance(error, OSError)}
        yield render_to_string("audit/integrity_result.html", context)
    else:
        recorded = True
        try:
            record_result(actor, result)
        except (DatabaseError, InterfaceError):
            logger.exception("audit_verification_not_recorded")
            recorded = False
        yield render_to_string("audit/integrity_result.html", {**_found(result), "recorded": recorded})
    yield after


def _steps() -> Generator[str, None, Result]:
    """A line of progress for each new percent; returns the result."""
    shown = -1
    steps = verification()
    while True:
        try:
            progress: Progress = next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result
        if progress.percent > shown:
            shown = progress.percent
            yield render_to_string("audit/integrity_step.html", {"progress": progress})


def _found(result: Result) -> dict[str, object]:
    return {
        "good": result.verdict in GOOD,
        "unsigned": result.verdict.value == "unsigned",
        "verdict": presenters.verdict_sentence(result),
        "range": presenters.range_sentence(result),
        "whole": result.whole,
    }
