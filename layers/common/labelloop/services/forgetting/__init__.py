"""Images and people are forgotten: found wherever they are named, and erased there.

``find_images`` and ``find_person`` say what there is to do, ``erase`` does it.
"""
