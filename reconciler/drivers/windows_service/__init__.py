"""Services of a Windows machine as members: what the operator lets be made of them, how they are looked at, started and
stopped there, and how it is known what runs. The host `drivers/hosts/windows_service.py` puts these together."""
