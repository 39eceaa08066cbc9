"""One compiler for each engine; each reads the plan and nothing else."""
