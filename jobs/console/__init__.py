"""The console and the log: text is safe for a terminal, times are readable, lines are for people or machines."""
