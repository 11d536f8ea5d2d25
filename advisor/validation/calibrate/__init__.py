"""This machine measured: memory, arithmetic, and short runs of the engines that are here."""
