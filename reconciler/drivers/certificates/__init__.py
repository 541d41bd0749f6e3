"""Certificates of gateways: what the operator defines, whether it is a pair, what users are shown, whom we believe.
Nothing here knows a product."""
