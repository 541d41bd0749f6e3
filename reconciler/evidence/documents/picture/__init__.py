"""`dashboard.png`, drawn by matplotlib, which is loaded only when something is drawn."""
