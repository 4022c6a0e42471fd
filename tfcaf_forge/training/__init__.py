"""Training: environments in batches, rollouts, collection, and the learner. Importing this loads no torch."""
