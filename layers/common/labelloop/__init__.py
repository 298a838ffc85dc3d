"""What every function of Label Loop shares.

Rules are in ``domain``, gateways in ``aws``, what uses several of them in ``services``.
"""
