"""What AWS's services do beyond what moto does for them: what works by itself in a stack."""
