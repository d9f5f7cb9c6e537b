-- The e-mail addresses, in small letters, of a customer's accounts, people and sign-up, by these ids; but for those of people who
-- may act for others too.
WITH found (email) AS (
    SELECT a.email FROM hub.customer_accounts a WHERE a.id = ANY (%(accounts)s::uuid[])
    UNION SELECT u.email FROM auth.users u WHERE u.id = ANY (%(only_theirs)s::uuid[])
    UNION SELECT s.email FROM auth.sign_ups s WHERE s.id = ANY (%(customers)s::uuid[])
    UNION SELECT c.input ->> 'email' FROM command.commands c
           WHERE c.subject_kind = 'sign_ups' AND c.subject_id = ANY (%(customers)s::uuid[])
)
-- What was erased before has no @, and is the same for all.
SELECT lower(email) FROM found WHERE email LIKE '%%@%%'
EXCEPT
SELECT lower(u.email) FROM auth.users u WHERE u.id <> ALL (%(only_theirs)s::uuid[])
 ORDER BY 1
