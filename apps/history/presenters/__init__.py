"""Texts and page data of the submission list, the figures and the export."""
