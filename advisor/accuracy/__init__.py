"""Published measurements beside what the advisor predicts of the same runs: cases, what is left out and why, errors by group."""
