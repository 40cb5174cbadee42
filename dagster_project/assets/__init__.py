"""Assets, one module per step of the house: raw files, the SQL of dbt, forecasts.

Belongs here: read, call, replace, return metadata. Does not belong here: computation.
"""
