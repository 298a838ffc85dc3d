"""What needs several gateways and a rule: one use case a module.

Nothing here calls AWS itself.
"""
