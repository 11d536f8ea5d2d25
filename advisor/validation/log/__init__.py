"""A start-up log held against the plan: what either engine wrote, as numbers by claim name."""
