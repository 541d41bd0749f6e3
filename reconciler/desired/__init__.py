"""What git asks for: the only room that knows git, YAML and the manifest.

Everything is read from git objects at a revision, never from the work tree. Nothing here acts: bad input of any kind
becomes a `Problem` with its place, and an environment with problems keeps its last good desired state.
"""
