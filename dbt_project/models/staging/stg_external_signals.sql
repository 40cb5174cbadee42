{{ canonical("external_signals") }}
