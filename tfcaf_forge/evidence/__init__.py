"""Evidence: what is known about a graph. Proofs first, then trials; one definition a property for both.

The way in is `examine.examine`. Importing this package loads neither torch nor hypothesis.
"""
