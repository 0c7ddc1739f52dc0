"""A checkpoint that was stored elsewhere shows that the end of the log and of its file are missing."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.core.management import call_command

from apps.audit.integrity import checkpoints
from apps.audit.integrity.checkpoints import Beginning, Checkpoint
from apps.audit.integrity.signing import sign_checkpoint
from apps.audit.models import AuditEvent
from tests.support.audit_logs import SIGNER, found, move_head, put, rechained, stored, write

pytestmark = pytest.mark.django_db(transaction=True)

CONTAINED = "The expected checkpoint is at event 4: the log contains it."
DIFFERENT = "The expected checkpoint is at event 4: the log does not contain it with this hash."


@pytest.fixture
def expected() -> Checkpoint:
    """The second of two checkpoints, over the events 1 and 4; the log has five events."""
    write(1)
    sign_checkpoint(SIGNER)
    write(2)
    checkpoint = sign_checkpoint(SIGNER)
    assert checkpoint is not None
    assert (checkpoint.seq, AuditEvent.objects.count()) == (4, 5)
    return checkpoint


def run(expect: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of ``audit_verify --expect``."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    try:
        call_command("audit_verify", f"--expect={expect}", stdout=out, stderr=err)
    except SystemExit as ended:
        code = int(str(ended.code))
    return code, out.getvalue(), err.getvalue()


def cut_off_after(seq: int) -> None:
    """Remove all later rows, and the checkpoints over them, as somebody with the whole machine could."""
    put([row for row in stored().values() if row["seq"] <= seq])
    move_head()
    file: Path = settings.AUDIT_CHECKPOINT_FILE
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if json.loads(line)["seq"] <= seq))


def test_log_that_contains_the_checkpoint_is_unchanged(expected: Checkpoint, tmp_path: Path) -> None:
    write(2)
    assert run(expected.line())[:2] == (
        0,
        "unchanged: The audit log is unchanged.\n"
        "Events 1 to 7 are consistent. The last checkpoint is at event 4.\n"
        f"{CONTAINED}\n",
    )
    copy = tmp_path / "shipped.log"
    copy.write_text("".join(f"{line}\n" for line in ("started", settings.AUDIT_CHECKPOINT_FILE.read_text())))
    code, out, err = run(f"@{copy}")
    assert (code, err) == (0, "")
    assert CONTAINED in out


def test_end_that_was_cut_off_with_its_checkpoints_is_missed(expected: Checkpoint) -> None:
    cut_off_after(2)
    assert found() == ("unchanged", None)
    code, out, _ = run(expected.line())
    assert code == 2
    assert out.startswith(
        "tail_cut: The end of the log is missing. The last checkpoint that still has its event is at event 1;"
        " some or all events after it are missing. The log ended at event 2 when it was verified.\n"
    )
    assert DIFFERENT in out
    recorded = AuditEvent.objects.order_by("-seq")[0]
    assert (recorded.action, recorded.details["verdict"]) == ("audit.found_altered", "tail_cut")


def test_log_that_was_continued_after_the_cut_is_rewritten(expected: Checkpoint) -> None:
    cut_off_after(2)
    write(5)
    assert found() == ("unchanged", None)
    code, out, _ = run(expected.line())
    assert code == 2
    assert out.startswith("rewritten: The log was rewritten before the checkpoint at event 4.")
    assert DIFFERENT in out


def test_every_line_of_a_file_is_compared(expected: Checkpoint, tmp_path: Path) -> None:
    """A person with the keys can rewrite the log and sign it again; only an earlier line shows it."""
    copy = tmp_path / "shipped.log"
    shipped = settings.AUDIT_CHECKPOINT_FILE.read_text()
    cut_off_after(2)
    write(5)
    sign_checkpoint(SIGNER)
    assert found() == ("unchanged", None)
    own = settings.AUDIT_CHECKPOINT_FILE.read_text().splitlines()
    copy.write_text(f"{own[-1]}\n{shipped}")
    code, out, _ = run(f"@{copy}")
    assert (code, DIFFERENT in out) == (2, True)
    assert run(own[-1])[0] == 0


def test_expected_checkpoint_counts_if_the_file_was_lost(expected: Checkpoint) -> None:
    settings.AUDIT_CHECKPOINT_FILE.unlink()
    assert found() == ("unsigned", None)
    code, out, _ = run(expected.line())
    assert code == 0
    assert out.startswith("unchanged: ")
    rows = [*stored().values()]
    put(rechained([{**row, "actor_name": "Eve"} if row["seq"] == 2 else row for row in rows]))
    move_head()
    assert found() == ("unsigned", None)
    assert run(expected.line())[0] == 2


def test_file_that_lost_the_expected_line_is_still_damaged(expected: Checkpoint) -> None:
    file: Path = settings.AUDIT_CHECKPOINT_FILE
    file.write_text(file.read_text().splitlines(keepends=True)[0])
    assert found() == ("checkpoints_damaged", 4)
    code, out, _ = run(expected.line())
    assert code == 2
    assert out.startswith("checkpoints_damaged: ")
    assert CONTAINED in out


def test_alteration_before_the_expected_event_is_reported_instead(expected: Checkpoint) -> None:
    rows = stored()
    rows[2]["actor_name"] = "Eve"
    put([*rows.values()])
    code, out, _ = run(expected.line())
    assert code == 2
    assert out.startswith("changed: Event 2 was changed.")
    assert "at event 4: not compared, because the log was altered before." in out


def test_event_that_retention_removed_cannot_be_compared(expected: Checkpoint) -> None:
    first = next(checkpoints.read(settings.AUDIT_CHECKPOINT_FILE))[1]
    sign_checkpoint(SIGNER, beginning=Beginning(5, expected.hash))
    put([row for row in stored().values() if row["seq"] >= 5])
    code, out, _ = run(first.line())
    assert code == 1
    assert out.startswith("unchanged: ")
    assert "it was removed with the oldest events. Use a later checkpoint." in out


def test_expected_checkpoint_states_where_the_log_begins(expected: Checkpoint) -> None:
    later = sign_checkpoint(SIGNER, beginning=Beginning(5, expected.hash))
    assert later is not None
    put([row for row in stored().values() if row["seq"] >= 5])
    settings.AUDIT_CHECKPOINT_FILE.unlink()
    assert run(later.line())[:2] == (
        0,
        "unchanged: The audit log is unchanged.\n"
        "Events 5 to 6 are consistent. The last checkpoint is at event 5.\n"
        "The expected checkpoint is at event 5: the log contains it.\n",
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda one: "", "it is not a line of a file of checkpoints"),
        (lambda one: one.line()[:-1], "it is not a line of a file of checkpoints"),
        (lambda one: one._replace(seq=3).line(), "is not valid"),
        (lambda one: one._replace(signature="").line(), "is not valid"),
        (lambda one: one._replace(key="0" * 16).line(), "the key with the id 0000000000000000 is not one of"),
        (
            lambda one: (
                one._replace(key=checkpoints.key_id((key := Ed25519PrivateKey.generate()).public_key()))
                .signed_with(key)
                .line()
            ),
            "is not one of this portal",
        ),
        (lambda one: "@no-such-file", "The file of the expected checkpoint could not be read"),
    ],
)
def test_unusable_checkpoint_proves_nothing(
    expected: Checkpoint, change: Callable[[Checkpoint], str], why: str
) -> None:
    events = AuditEvent.objects.count()
    code, out, err = run(change(expected))
    assert (code, out) == (3, "")
    assert why in err
    assert err.endswith("Nothing was found out about the log.\n")
    assert AuditEvent.objects.count() == events


def test_only_the_last_checkpoint_of_a_file_counts(expected: Checkpoint, tmp_path: Path) -> None:
    copy = tmp_path / "copy.jsonl"
    copy.write_text(f"{expected.line()}{os.linesep}{expected._replace(seq=9).line()}")
    assert run(f"@{copy}")[0] == 3
