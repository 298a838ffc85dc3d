"""What needs several gateways and a rule: one use case a module, each used by several functions.

Nothing here calls AWS itself.
"""
