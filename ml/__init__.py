"""Estimates: pure functions from frame to frame.

Belongs here: forecasting, evaluation, the decision as a function, and the contracts of the tables they read and write.
Does not belong here: the orchestrator, dbt, SQLMesh, a database or a file path. `dagster_project` reads and writes;
`ml` only computes.
"""

from ml.processor import same_on_every_processor

# no later place is early enough: whoever imports a part of `ml` may have torch compute next
same_on_every_processor()
