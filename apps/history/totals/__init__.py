"""Totals of whole days, weeks and months, from which the figures of long periods are added up."""
