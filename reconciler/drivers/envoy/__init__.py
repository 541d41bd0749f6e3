"""The parts of the Envoy gateway driver (`gateways/envoy.py`), one noun a file; nothing here knows policy."""
