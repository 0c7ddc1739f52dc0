from __future__ import annotations

from apps.core.tracebacks import CAUSE, CONTEXT, MOST_EXCEPTIONS, without_text


def _read(text: str) -> int:
    return int(text)


def _traceback(way: str) -> str:
    """The traceback of an exception that was raised while handling another one."""
    try:
        try:
            _read("marker-of-the-first")
        except ValueError as first:
            if way == "hidden":
                raise KeyError("marker-of-the-second") from None
            if way == "cause":
                raise KeyError("marker-of-the-second") from first
            _raise_anew()
    except KeyError as second:
        second.add_note("marker-of-the-note")
        return without_text((KeyError, second, second.__traceback__))
    raise AssertionError


def _raise_anew() -> None:
    raise KeyError("marker".upper())


def test_traceback_has_places_and_classes_and_no_messages() -> None:
    traceback_text = _traceback("meanwhile")
    lines = traceback_text.splitlines()
    assert lines[-1] == "builtins.KeyError"
    assert "builtins.ValueError" in lines
    assert lines.index("builtins.ValueError") < lines.index(CONTEXT) < lines.index("builtins.KeyError")
    assert "in _traceback" in traceback_text
    assert "MARKER" not in traceback_text
    assert "marker-of-the-note" not in traceback_text


def test_cause_differs_from_context_and_a_suppressed_one_is_omitted() -> None:
    assert CAUSE in _traceback("cause")
    assert "ValueError" not in _traceback("hidden").splitlines()


def test_cycle_of_exceptions_ends() -> None:
    first, second = ValueError("a"), TypeError("b")
    first.__cause__, second.__cause__ = second, first
    traceback_text = without_text((ValueError, first, None)).splitlines()
    assert [line for line in traceback_text if line.startswith("builtins.")] == [
        "builtins.TypeError",
        "builtins.ValueError",
    ]


def test_chain_of_an_endless_recursion_is_formatted_in_part() -> None:
    error = ValueError("first")
    for _ in range(5_000):
        later = KeyError("later")
        later.__context__ = error
        error = later  # type: ignore[assignment]
    lines = without_text((KeyError, error, None)).splitlines()
    assert lines[0] == f"({5_001 - MOST_EXCEPTIONS} earlier exceptions)"
    assert lines.count("builtins.KeyError") == MOST_EXCEPTIONS
    assert "builtins.ValueError" not in lines
