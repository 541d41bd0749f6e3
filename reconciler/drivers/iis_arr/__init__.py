"""The parts of the gateway driver for IIS with Application Request Routing (`gateways/iis_arr.py`), one noun a file;
nothing here knows policy."""
