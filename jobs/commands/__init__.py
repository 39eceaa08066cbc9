"""One module for each command: options in, a job called, a result out."""
