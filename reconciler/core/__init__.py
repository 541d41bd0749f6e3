"""The decision core: what is, what should be, what comes next. Pure values and functions only.

No clock (`now` is an argument), no I/O, no logging, no exceptions for what the world may do: unknown is a value here.
Everything is frozen and hashable, so that a state can be replayed, compared and model-checked.
"""
