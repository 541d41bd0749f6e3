"""`report.html`: the lines of the report without a language (`lines.py` and the sections), what they are called in
English and Korean, and the page. A line that was not measured says so; it never passes."""
