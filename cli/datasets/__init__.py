"""Data sets as people have them: one module a format, all of which give the same value.

Without a library. globox and datumaro know most of these formats, but bring numpy, and pandas or
OpenCV, to what is a few fields of JSON, XML and text; and none of them says in which file and line
that stands which it does not take. ``data.yaml`` is read as far as it is documented, since the
command comes without a reader of YAML.
"""
