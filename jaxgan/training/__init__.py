"""Training: the step, the players' objectives, the initial state, and populations."""
