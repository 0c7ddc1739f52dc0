"""Figures of submissions: number, time, person, reason of failure, time to answer, and open outcomes."""

from apps.history.figures.counting import MAX_BARS, figures_of
from apps.history.figures.results import (
    AGE_EDGES,
    ANSWER_EDGES,
    Age,
    Answered,
    Answers,
    Bar,
    Before,
    Compared,
    Figures,
    Headline,
    Open,
    Person,
    Reason,
    Unit,
)
from apps.history.totals.steps import MAX_DURATION

__all__ = [
    "AGE_EDGES",
    "ANSWER_EDGES",
    "MAX_BARS",
    "MAX_DURATION",
    "Age",
    "Answered",
    "Answers",
    "Bar",
    "Before",
    "Compared",
    "Figures",
    "Headline",
    "Open",
    "Person",
    "Reason",
    "Unit",
    "figures_of",
]
