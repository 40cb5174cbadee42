"""Publishing: what BI may read, as files and in PostgreSQL, and what people write back.

Belongs here: the contract with BI, the snapshot, PostgreSQL. Does not belong here: what any number means, which dbt holds, and
Dagster. Nothing is imported here: each part loads what it needs when it is called.
"""
