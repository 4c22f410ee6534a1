"""For UI processes: questions to a catalog file, in the standard library only."""
