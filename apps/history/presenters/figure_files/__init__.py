"""The figures as a file: their tables as Excel or CSV with the same numbers, their chart as SVG."""
