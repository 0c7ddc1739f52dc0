"""The list of submissions, their figures and their exports."""
