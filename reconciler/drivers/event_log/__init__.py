"""Event logs of a Windows machine, record by record: where they stood before a switch (a mark on that machine), and
which errors and warnings came since. No text of an event leaves the machine."""
