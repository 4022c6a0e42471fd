"""Parts of `ranking_validity.py`: worlds, functions, training, statistics."""
