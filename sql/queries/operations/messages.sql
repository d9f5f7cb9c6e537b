-- Messages that wait or are dead, or all of them, the newest first. What is secret of them is not among it.
SELECT m.id, m.state, m.template, m.email, m.language, m.attempts, m.reason, m.posted_at, m.due_at, m.ended_at
  FROM auth.messages m
 WHERE %(all)s OR m.state <> 'sent'
 ORDER BY m.posted_at DESC, m.id
 LIMIT %(limit)s
