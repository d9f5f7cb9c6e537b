-- Nothing needs to be known for a new case; the command that the key already stands for.
SELECT json_build_object('is_closed', false), {commands/earlier}
