"""Sites and application pools of IIS as members: what the operator lets be run where, the scripts that look, start and
stop there, and what a member's answer means. The host `drivers/hosts/iis.py` puts these together; nothing here decides
anything.
"""
