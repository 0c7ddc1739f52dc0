"""The table of OWASP ASVS 5.0 in ``docs/security.md`` is complete and adds up, and its evidence exists."""

from __future__ import annotations

import ast
import re
from collections import Counter

from tests.support.source import ROOT, tree_of

TEXT = (ROOT / "docs/security.md").read_text(encoding="utf-8")
# How many requirements of levels 1 and 2 each group of version 5.0.0 has, by chapter. Groups that have only
# requirements of level 3 have 0.
STANDARD = {
    1: [2, 9, 11, 3, 2],
    2: [3, 3, 4, 1],
    3: [0, 2, 4, 6, 5, 0, 2],
    4: [3, 1, 2, 4],
    5: [1, 3, 2, 3],
    6: [3, 12, 4, 4, 5, 3, 0, 4],
    7: [3, 4, 2, 5, 2, 2],
    8: [2, 3, 1, 1],
    9: [3, 4],
    10: [2, 2, 4, 11, 5, 2, 3],
    11: [2, 3, 3, 4, 1, 1, 0],
    12: [3, 2, 4],
    13: [1, 5, 2, 5],
    14: [2, 4, 3],
    15: [3, 3, 7, 0],
    16: [1, 5, 4, 3, 3],
    17: [1, 4, 2],
}
ROW = re.compile(
    r"(?m)^\| ([\d.]+|all) \| ([^|]*) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| ([^|]*) \|$"
)
GAP = re.compile(r"(?m)^\| ([\d., ]+) \| (partly|not) \| ([^|]+) \|$")
EVIDENCE = re.compile(r"`([\w./-]+\.\w+|\.env\.example)(?:::(\w+))?`")

GROUPS = {row[0]: ([int(number) for number in row[2:7]], row[7]) for row in ROW.findall(TEXT)}


def test_table_has_every_group_of_the_standard_in_order() -> None:
    expected = {
        f"{chapter}.{section}": count
        for chapter, counts in STANDARD.items()
        for section, count in enumerate(counts, start=1)
        if count
    }
    assert sum(expected.values()) == 253  # 70 of level 1, 183 of level 2
    found = {group: numbers[0] for group, (numbers, _) in GROUPS.items() if group != "all"}
    assert list(found.items()) == list(expected.items())


def test_numbers_add_up() -> None:
    wrong = [group for group, ([of, *parts], _) in GROUPS.items() if of != sum(parts)]
    assert wrong == []
    columns = zip(*(numbers for group, (numbers, _) in GROUPS.items() if group != "all"), strict=True)
    assert [sum(column) for column in columns] == GROUPS["all"][0]


def test_each_requirement_that_is_partly_or_not_met_is_explained_once() -> None:
    explained = [(number, gap[1]) for gap in GAP.findall(TEXT) for number in gap[0].split(", ")]
    assert len({number for number, _ in explained}) == len(explained)
    counted = Counter((number.rpartition(".")[0], verdict) for number, verdict in explained)
    table = Counter[tuple[str, str]]()
    for group, ([_of, _met, partly, not_met, _absent], _) in GROUPS.items():
        if group != "all":
            table += Counter({(group, "partly"): partly, (group, "not"): not_met})
    assert counted == table


def test_evidence_exists() -> None:
    missing = []
    for group, ([_of, met, *_], text) in GROUPS.items():
        evidence = EVIDENCE.findall(text)
        if (met and not evidence and group != "all") or not text.strip():
            missing.append((group, "no evidence"))
        for path, test in evidence:
            if not (ROOT / path).is_file() or (test and test not in _functions(path)):
                missing.append((group, f"{path} {test}"))
    assert missing == []


def _functions(path: str) -> set[str]:
    return {node.name for node in ast.walk(tree_of(ROOT / path)) if isinstance(node, ast.FunctionDef)}
