"""One file per way of running a member; the file's name is the kind."""
