-- Sign-ups of a customer: id of the sign-up, and of its command if there is one; a row each. Those of its people, those of its
-- mailboxes, and those that made or found one of its accounts in the source systems, let in or not.
SELECT c.subject_id, c.id
  FROM command.commands c
 WHERE c.subject_kind = 'sign_ups'
   AND (c.account_id = ANY (%(accounts)s::uuid[]) OR c.subject_id = ANY (%(customers)s::uuid[] || %(only_theirs)s::uuid[])
        OR lower(c.input ->> 'email') = ANY (%(addresses)s::text[])
        OR EXISTS (SELECT FROM command.steps s
                    WHERE s.command_id = c.id AND (s.result ->> 'client' = ANY (%(whmcs_ids)s::text[])
                                                   OR s.result ->> 'account' = ANY (%(salesforce_ids)s::text[]))))
UNION
SELECT s.id, s.command_id
  FROM auth.sign_ups s
 WHERE s.id = ANY (%(customers)s::uuid[] || %(only_theirs)s::uuid[]) OR lower(s.email) = ANY (%(addresses)s::text[])
 ORDER BY 1, 2
