"""What every long training needs: averages of weights, checkpoints, schedules, progress, plots.

Knows no model. Random numbers follow from the seed and the number of the step alone, so that a
run which was interrupted goes on as if it had not been.
"""
