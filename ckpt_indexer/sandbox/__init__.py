"""Limited child processes for work on hostile bytes. Refuses to know what the work is."""
