"""Training: the step, what it minimises, its first state, and populations of steps."""
