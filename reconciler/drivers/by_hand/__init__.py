"""Going back by hand: scripts that need no reconciler, made of one frame and of what each product knows to do.

A product's part (`by_hand.sh`, `by_hand.ps1` beside its code) defines `look`, `warn`, `move` and `verify`. No secret
stands in a script: it may lie in an evidence pack.
"""
