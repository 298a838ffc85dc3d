"""What every function of Label Loop shares: rules in ``domain``, services in ``aws``."""
