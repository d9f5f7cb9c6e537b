-- Why a command fails.
SELECT failure_code, failure_reason FROM command.commands WHERE id = %(id)s
