"""Where models are kept: a folder, or any URL that fsspec knows."""
