"""Child processes: started in order, restarted when they die, stopped in order, found again when all else was lost."""
