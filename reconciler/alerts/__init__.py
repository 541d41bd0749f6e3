"""What is told to people who do not look: which news there is (`events`, pure; `news`, `stalls`), and how every recipient
gets each of them once (`outbox`, `position`, `bell`). Nothing here can hold up, or fail, the loop."""
