"""A result that another load generator wrote, held against the plan."""
