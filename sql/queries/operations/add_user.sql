-- Adds a person: their id.
INSERT INTO auth.users (id, email, password_hash, password_set_at) VALUES (gen_random_uuid(), %(email)s, %(hashed)s, now())
RETURNING id
