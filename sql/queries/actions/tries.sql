-- How often a step was begun whose outcome is not known, this time included: one row while it is tried.
SELECT attempts AS tries FROM command.steps WHERE command_id = %(id)s AND name = %(step)s AND status = 'started'
