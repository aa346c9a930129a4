"""Experiments: a technique, a workload, a run, and what came of it."""
