"""Settings of the Superset that `make dashboard` starts: for one machine, closed to others, without a word to anybody.

Belongs here: what Superset must be told. Does not belong here: dashboards. It is read by Superset, in its own environment.
"""

import logging
import os
from pathlib import Path

from flask import request, session

HOME = Path(os.environ["STOCKROOM_SUPERSET_HOME"])
PUBLISHED = Path(os.environ["STOCKROOM_SNAPSHOT"])

SECRET_KEY = (HOME / "secret_key").read_text()  # made at the first start (serve.py), never in the repository
SQLALCHEMY_DATABASE_URI = f"sqlite:///{HOME / 'superset.db'}?timeout=30"
LOG_LEVEL = logging.ERROR
APP_NAME = "Stockroom"
FAVICONS = []
WTF_CSRF_ENABLED = True
SESSION_COOKIE_NAME = "stockroom_dashboards"  # cookies do not know ports: not the one of another Superset
SESSION_COOKIE_SAMESITE = "Strict"
ROW_LIMIT = 5000

# What people see is what is published now: nothing is kept from an older snapshot. DuckDB answers faster than a cache is worth.
CACHE_CONFIG = DATA_CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}

FEATURE_FLAGS = {"ALERT_REPORTS": False, "THUMBNAILS": False, "DASHBOARD_VIRTUALIZATION": True}

# A page may speak to this server only. Superset's own list has map tiles, fonts and a counter of visits.
TALISMAN_ENABLED = True
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'", "data:"],
        "script-src": ["'self'", "'strict-dynamic'"],
        "frame-ancestors": ["'none'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,
    "session_cookie_secure": False,  # plain HTTP on this machine
    "session_cookie_samesite": SESSION_COOKIE_SAMESITE,
}


def FLASK_APP_MUTATOR(app):
    """Nobody's clicks are not recorded: the log-in page sends its own, and Superset's answer carries a session without a user.

    It may come after the answer to the log-in, and would then undo it.
    """

    @app.before_request
    def ignore_events_of_nobody():
        if request.path == "/superset/log/" and "_user_id" not in session:
            return "", 204


def DB_CONNECTION_MUTATOR(uri, params, username, security_manager, source):
    """Each query opens the file that is published now, read only; no other file, no extension, no network from SQL."""
    if uri.drivername.startswith("duckdb"):
        uri = uri.set(database=str(PUBLISHED.resolve()))
        params = dict(params)
        params["connect_args"] = {
            "read_only": True,
            "config": {
                "enable_external_access": False,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "memory_limit": "2GB",
                "threads": 2,
                "lock_configuration": True,
            },
        }
    return uri, params
