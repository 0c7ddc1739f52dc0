"""Change the case of the names in a JSON answer: the vendor's pages write both `First` and `first`."""

import json
from collections.abc import Callable
from dataclasses import replace

from sandbox.api.answers import Answer

_CASES: dict[str, Callable[[str], str]] = {
    "documented": lambda name: name,
    "capitalised": lambda name: name[:1].upper() + name[1:],
    "lower": str.lower,
    "upper": str.upper,
}


def name_in_case(name: str, case: str) -> str:
    """A name in the given case (`options.KEY_CASES`)."""
    return _CASES[case](name)


def in_key_case(answer: Answer, case: str) -> Answer:
    """The answer with all names in the given case (`options.KEY_CASES`); `documented` changes nothing."""
    if case == "documented" or not answer.body:
        return answer
    renamed = _renamed(json.loads(answer.body), _CASES[case])
    # As in `as_json`: a lone surrogate is written as its escape.
    body = json.dumps(renamed, ensure_ascii=False).encode("utf-8", "backslashreplace")
    return replace(answer, body=body)


def _renamed(value: object, rename: Callable[[str], str]) -> object:
    if isinstance(value, dict):
        return {rename(name): _renamed(inner, rename) for name, inner in value.items()}
    return [_renamed(entry, rename) for entry in value] if isinstance(value, list) else value
