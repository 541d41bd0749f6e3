"""One file per kind of gateway; the file's name is the kind."""
