"""Pages of HTML that need nothing else: no network, no other file."""
