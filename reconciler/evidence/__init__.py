"""What a run leaves behind, and what can be proved from it: the judge of journal and access log."""
