"""Sets of labelled pictures that nobody here made, on which benchmarks replay whole loops.

``sets`` draws them from what ``packages`` brings, ``composing`` puts things on photographs, and
``versions`` trains and asks models on them. Nothing of it is in the repository: the first call
builds, and keeps what it built in the user's cache folder.
"""
