"""Golden files: what the commands answer on fixed inputs, recorded, and compared after each change.

``results/`` holds numbers, ids, verdicts and evidence; ``texts/`` holds the sentences of the same answers, so that a
change of wording and a change of behaviour are two different diffs. `python -m tests.golden --help` says how to use it.
"""
