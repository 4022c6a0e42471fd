"""The pipeline: the only place where the stages meet. One module a verb; `tfcaf_forge` offers them by name."""
