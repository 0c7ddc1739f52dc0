"""The forms of the submission list, the figures and the export."""
