"""What ``feast apply`` reads: every object is generated from the definitions, none is written by hand."""

from pathlib import Path

from penstock.jobs.store.catalogue import project_objects

globals().update(project_objects(Path(__file__).parent))
