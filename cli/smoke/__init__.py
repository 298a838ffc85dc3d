"""`labelloop smoke`: the run of it, its steps in order, its report and what it leaves behind."""
