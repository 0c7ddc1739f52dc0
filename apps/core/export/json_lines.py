"""JSON Lines: one JSON value per line, and a last line that marks the file as complete."""

from __future__ import annotations

import json


def compact_json(value: object) -> str:
    """The value as JSON on one line, with sorted keys. Values of other types are written as their ``str``."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def end_marker(**facts: object) -> str:
    """The last line of a file. A file without it was cut off."""
    return compact_json({"export": "whole", **facts}) + "\n"
