"""Everything that must be there for an environment to work, looked at and told with what mends it. Reads only; what
drivers know of their own part they tell themselves (`drivers/examining.py`)."""
