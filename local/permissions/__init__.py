"""Who calls, what each call needs permission for, and the decision."""
