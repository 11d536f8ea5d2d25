"""A server that somebody else started, held against its plan."""
