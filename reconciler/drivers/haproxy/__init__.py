"""The parts of the HAProxy gateway driver (`gateways/haproxy.py`), one noun a file; nothing here knows policy."""
