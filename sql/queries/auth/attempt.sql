-- Count a try: the limit that is reached (null: none), its name, how many it allows and has left, in how many seconds one
-- more, and its window in seconds.
SELECT refused_by, name, most, remaining, resets_in, seconds FROM auth.attempt(%(kind)s::text, %(limits)s::jsonb)
