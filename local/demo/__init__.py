"""The demo: `make demo` shows the whole loop improve a model, by nothing but what users do."""

import cli  # noqa: F401 - puts the rules, which lie in the functions' layer, on the path
