"""What undoes a protection: transforms, purifiers, attackers who adapt."""
