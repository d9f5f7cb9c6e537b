"""A connection pool that pipelines: each connection carries the questions of many requests at a time.

A question is sent when it is asked, behind those that are still being answered: the server finds the next one when it
has done with this one, and either side is woken less often.

The protocol, for each request:

1. Its statements that the connection does not know yet are prepared; then all are executed, and one sync ends them. So
   they share a transaction of their own.
2. The first statement says whom the transaction speaks for: its first column is that customer, or empty for nobody.
3. Each statement takes one parameter more than its question has: the request's nonce (a random name of the connection,
   and the request's number on it), and the statement's number. Each row comes back with it as the last column.
4. The server answers in the order of asking: a result for each statement, then the sync. libpq names neither the
   statement nor the request of a result, so order alone would decide whose it is.
5. Therefore, before any answer is handed over: there must be as many results as statements, the first must have a row
   that names the customer, and every result that has rows must carry the nonce. An answer without rows carries no
   nonce, so the first result vouches for it; a refusal carries no data at all. If any of this does not hold, nobody is
   answered: the connection is closed, the request fails with MisplacedAnswerError, which is counted and logged, and
   those behind it are asked again on another one.
"""
