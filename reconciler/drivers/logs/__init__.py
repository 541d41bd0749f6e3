"""Where the log goes: what the operator's file says of a destination, and one sender for each kind of them."""
