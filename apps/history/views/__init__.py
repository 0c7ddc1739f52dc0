"""The list of submissions, the figures and the export."""
