-- Tell whoever has that e-mail address that their account is tried too often: whether they are told, or were lately.
SELECT told FROM auth.tell_limited(%(email)s::text, %(limits)s::jsonb, %(address)s::text)
