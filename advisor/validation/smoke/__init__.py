"""The smoke benchmark's client: a bounded load of streamed completions, each request timed as its user would see it."""
