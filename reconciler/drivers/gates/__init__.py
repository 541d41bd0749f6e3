"""One file per kind of gate; the file's name is the kind."""
