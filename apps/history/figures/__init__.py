"""Figures of submissions: number, time, person, reason of failure, time to answer, and open outcomes."""
