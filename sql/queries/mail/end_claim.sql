-- Write down what became of a message (sent, refused, again, returned); false: another took it over meanwhile.
SELECT auth.end_claim(%(message)s, %(claim)s, %(outcome)s, %(reason)s)
