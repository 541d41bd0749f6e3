"""What Prometheus may read: families (`families`), numbers from the latest looks (`present`) and from the journal
(`past`), and the page that shows them. Nothing here takes a turn from the loop, or raises into it."""
