"""The Integrity page: the result of the last verification, a new verification, and the proof."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Generator, Iterator

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.http import require_POST, require_safe

from apps.audit.integrity import checkpoints, past_verifications
from apps.audit.integrity.proof.bundle import bundle, record_download
from apps.audit.integrity.stored_rows import accepts_events
from apps.audit.integrity.valid_macs import acknowledged_rows
from apps.audit.integrity.verification import Progress, Result, record_result, verification
from apps.audit.permissions import VERIFY_LOG
from apps.audit.presenters import integrity as presenters
from apps.core import clock
from apps.core.actor import Actor
from apps.core.connections import DATABASE_ERRORS
from apps.core.export.responses import ZIP_CONTENT_TYPE, dated_name, download
from apps.core.web.lasting_access import while_access_lasts
from apps.core.web.permissions import requires
from apps.core.web.requests import actor_of

logger = logging.getLogger("apps.audit")


@requires(VERIFY_LOG)
@require_safe
def integrity(request: HttpRequest) -> HttpResponse:
    """Show the result of the last verification, and what can be done."""
    latest = past_verifications.latest_verification()
    page = presenters.integrity_page(
        latest=latest,
        result=past_verifications.result_of(latest) if latest else None,
        problem=past_verifications.standing_problem(),
        accepts_events=accepts_events(),
        acknowledged=acknowledged_rows(),
        key_id=checkpoints.key_id(checkpoints.signing_key(settings.AUDIT_SIGNING_KEY).public_key()),
    )
    return render(request, "audit/integrity.html", {"page": page})


@requires(VERIFY_LOG)
@require_POST
def verify_now(request: HttpRequest) -> StreamingHttpResponse:
    """Verify the whole log and stream a page that shows the progress, without a script.

    This runs in the request, not in the worker: a million events take seconds, and leaving the page stops it.
    """
    marker = secrets.token_hex(16)
    page = render_to_string("audit/integrity_running.html", {"marker": marker}, request)
    before, _, after = page.partition(marker)
    response = StreamingHttpResponse(_page_with_progress(before, actor_of(request), after))
    response["X-Accel-Buffering"] = "no"  # nginx would buffer the page until it is complete
    return response


@requires(VERIFY_LOG)
@require_POST
def download_proof(request: HttpRequest) -> StreamingHttpResponse:
    """Download the archive with all events, the checkpoints and the verifier. The download is recorded first.

    If the head row was altered, no event can be recorded, but the proof is needed most. The application log
    then contains who downloaded it, and the manifest states that no event was recorded.
    """
    recorded = record_download(actor_of(request))
    return download(
        while_access_lasts(request, bundle(recorded=recorded), VERIFY_LOG),
        file_name=dated_name("audit-proof", clock.now(), "zip"),
        content_type=ZIP_CONTENT_TYPE,
    )


def _page_with_progress(before: str, actor: Actor, after: str) -> Iterator[str]:
    yield before
    try:
        result = yield from _progress_lines()
    except (*DATABASE_ERRORS, OSError) as error:
        logger.exception("audit_verification_failed")
        failure = {"failed": True, "file_failed": isinstance(error, OSError)}
        yield render_to_string("audit/integrity_result.html", failure)
    else:
        recorded = True
        try:
            record_result(actor, result)
        except DATABASE_ERRORS:
            logger.exception("audit_verification_not_recorded")
            recorded = False
        context = {"result": presenters.result_panel(result), "recorded": recorded}
        yield render_to_string("audit/integrity_result.html", context)
    yield after


def _progress_lines() -> Generator[str, None, Result]:
    """Verify, yielding a line of HTML for each new percent; returns the result."""
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
