"""Estimates: pure functions from frame to frame.

Belongs here: forecasting, evaluation, the decision as a function, and the contracts of the tables they read and write.
Does not belong here: the orchestrator, dbt, SQLMesh, a database or a file path. `dagster_project` reads and writes;
`ml` only computes.
"""
