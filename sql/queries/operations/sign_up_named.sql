-- A sign-up by its id, or the newest of a mailbox: its id, and the account that its person was let in for; its own id, where
-- nobody was. No row: there is none.
SELECT sign_up, account
  FROM (SELECT c.subject_id AS sign_up, c.account_id AS account, c.input ->> 'email' AS email, c.accepted_at AS at
          FROM command.commands c
         WHERE c.subject_kind = 'sign_ups'
        UNION ALL
        SELECT s.id, s.id, s.email, s.created_at FROM auth.sign_ups s WHERE s.command_id IS NULL) known
 WHERE sign_up = %(id)s::uuid OR lower(email) = lower(%(email)s::text)
 ORDER BY at DESC, sign_up
 LIMIT 1
