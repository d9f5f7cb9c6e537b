-- Take the message that is to be sent next, for some seconds: what it needs; no row: none is due.
SELECT id, claim, template, language, email, facts, posted_at
  FROM auth.claim_message(make_interval(secs => %(seconds)s))
