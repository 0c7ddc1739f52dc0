"""What a check found in a row: errors, which have to be corrected, and warnings, which may be confirmed."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Final

from apps.batches.models import BatchRow
from apps.core import personal_data


@dataclass(frozen=True, slots=True, repr=False)
class RowError:
    """``field``: a control of the form, such as ``emails-1-value``; ``text``: as the form says it."""

    field: str
    text: str


@dataclass(frozen=True, slots=True, repr=False)
class RowWarning:
    """A warning that may be confirmed. ``key``: what confirms it, without personal data.

    ``code``: that of ``EntryWarning``, or one of ``row_warnings.ROW_CODES``.
    ``row``: the row of the batch that it is about; its key has the row's number, because the row may have no
    submission yet.
    ``submission``: the id of the submission that it is about. ``needs_reason``: whether a ``SimilarReason``
    is needed. ``also``: the keys of further warnings of this kind, which the text counts and which are
    confirmed with it.
    """

    key: str
    code: str
    field: str
    text: str
    row: int | None = None
    submission: str = ""
    needs_reason: bool = False
    also: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that confirm it, all of them together."""
        return (self.key, *self.also)


_OF_A_WARNING: Final = tuple(one.name for one in fields(RowWarning))


@dataclass(frozen=True, slots=True, repr=False)
class Findings:
    """Everything that was found in one row. The texts may quote its values: they are stored encrypted."""

    errors: tuple[RowError, ...] = ()
    warnings: tuple[RowWarning, ...] = ()

    def to_json(self) -> str:
        """As text, to be encrypted; empty without any."""
        if not self.errors and not self.warnings:
            return ""
        # Not asdict: it copies each key of a warning about hundreds of rows.
        stored = {
            "errors": [{"field": one.field, "text": one.text} for one in self.errors],
            "warnings": [{name: getattr(one, name) for name in _OF_A_WARNING} for one in self.warnings],
        }
        return json.dumps(stored, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Findings:
        """The findings of a text from :meth:`to_json`."""
        if not text:
            return cls()
        stored = json.loads(text)
        return cls(
            tuple(RowError(**one) for one in stored["errors"]),
            tuple(RowWarning(**{**one, "also": tuple(one["also"])}) for one in stored["warnings"]),
        )

    def unconfirmed(self, accepted: frozenset[str]) -> tuple[RowWarning, ...]:
        """The warnings that these keys do not confirm."""
        return tuple(warning for warning in self.warnings if not accepted.issuperset(warning.keys))


def findings_of(row: BatchRow) -> Findings:
    """What was found in the row; nothing if it cannot be read, or was erased."""
    return Findings.from_json(personal_data.readable_text(row, "encrypted_findings"))
