"""Pure arithmetic: weights, caches, memory, step time, load, cost. Starts nothing and reads nothing; data arrives as arguments."""
