"""Processes of this machine as members: what the operator lets be started, how it is written down, found again, asked
for its health and ended. The host `drivers/hosts/process.py` puts these together; nothing here decides anything.
"""
