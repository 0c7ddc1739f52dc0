"""Submissions summed up: how many, when, by whom, why they failed, how long they took, what is still open."""

from apps.history.figures.counting import MAX_BARS, MAX_PEOPLE, figures_of
from apps.history.figures.results import (
    AGE_EDGES,
    ANSWER_EDGES,
    LONGEST_TOLD,
    Answered,
    Answers,
    Bar,
    Figures,
    Open,
    Person,
    Reason,
    Unit,
)

__all__ = [
    "AGE_EDGES",
    "ANSWER_EDGES",
    "LONGEST_TOLD",
    "MAX_BARS",
    "MAX_PEOPLE",
    "Answered",
    "Answers",
    "Bar",
    "Figures",
    "Open",
    "Person",
    "Reason",
    "Unit",
    "figures_of",
]
