-- Let in whoever signed up, as the owner of an account: `in`, or why not.
SELECT outcome FROM auth.let_in(%(command)s, %(account)s)
