"""What is told to people who do not look: which news there is (`events`, pure; `news`, `stalls`), and how each gets to
everybody once (`outbox`, `position`, `bell`). Nothing here can hold up, or fail, the loop."""
