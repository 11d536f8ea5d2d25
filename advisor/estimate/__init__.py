"""Pure arithmetic: weights, KV cache, memory, step time, load and cost of a candidate. Data arrives as arguments; nothing is read."""
