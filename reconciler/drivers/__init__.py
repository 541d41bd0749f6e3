"""Hands and eyes: gateways, hosts of members, gates. No policy, no memory, and no knowledge of each other."""
