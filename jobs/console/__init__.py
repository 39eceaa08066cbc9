"""What commands share: how they speak to a person."""
