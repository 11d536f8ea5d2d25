"""Engines from outside: find one, install one, run it as a process, read what it says. No engine enters the advisor's own process."""
