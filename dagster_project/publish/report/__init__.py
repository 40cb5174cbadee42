"""The report without a server: one HTML file made of the published snapshot.

Belongs here: what the page asks of the published tables, and how it shows it. Does not belong here: what any number means, which
dbt holds; adding up rows to a total is all the arithmetic there is. Nothing is imported here.
"""
