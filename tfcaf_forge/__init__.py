"""tfcaf-forge: vetted credit assignment functions for cooperative reinforcement learning."""
