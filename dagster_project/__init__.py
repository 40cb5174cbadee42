"""The orchestrator: reads files and tables, calls `ml` and dbt, writes tables, and talks to people.

Belongs here: assets, jobs, resources, the command line, the demo data. Does not belong here: how an estimate is computed
(`ml`) or how a decision is made (dbt).
"""
