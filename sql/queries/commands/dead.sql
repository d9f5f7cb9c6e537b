-- How many commands wait for an operator: one row.
SELECT count(*) FROM command.commands WHERE status = 'dead'
