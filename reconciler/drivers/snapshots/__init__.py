"""Recovery points: archives of folders and dumps, made, verified, kept and put back. No policy of transitions."""
