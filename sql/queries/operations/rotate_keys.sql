-- The next key signs from now on, the one before verifies for so long, and another is published: the name of the current
-- one; null: there was no next one.
SELECT auth.rotate_keys(%(kid)s, %(public)s, %(private)s, %(verifies)s)
