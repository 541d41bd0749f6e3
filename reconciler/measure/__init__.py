"""What is measured over time: long-lived samplers, counters' differences, and the rounds in which gates are asked."""
