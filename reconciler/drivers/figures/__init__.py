"""Figures: one number each, from a JSON answer, a Prometheus or a database, and how a gate judges it."""
