-- Where the listener stands on each channel, one row per channel.
SELECT topic, state, event_at, updated_at, error FROM sync.streams ORDER BY topic
