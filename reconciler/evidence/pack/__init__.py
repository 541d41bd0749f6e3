"""The evidence pack of one transition: what is written while it runs, and what follows from that.

Raw are the plan, the streams and the transition's slice of the journal; everything else is derived from those alone, so
that whoever has nothing but the pack can derive it again. `manifest.json` comes last: a pack without it is unfinished.
"""
