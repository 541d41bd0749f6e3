"""The documents of a pack: each follows from `Material` alone, so that a reader can make it again.

`derive.py` lists those that are text; they are compared when a pack is verified. The picture is drawn beside them.
"""
