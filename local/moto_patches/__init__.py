"""What is changed inside moto."""
