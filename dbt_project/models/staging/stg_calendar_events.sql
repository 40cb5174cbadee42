{{ canonical("calendar_events") }}
