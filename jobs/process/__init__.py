"""Processes: children, signals, ports, files that belong to one user, settings of the interpreter."""
