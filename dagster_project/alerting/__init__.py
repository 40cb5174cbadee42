"""Telling people of alerts: who gets what, by which channel, once.

Belongs here: receivers, messages, channels and what was sent. Does not belong here: what an alert is, which dbt decides
(reports.rpt_alerts), and Dagster, which only says when (alert_sensor).
"""
