"""What a door says and hears: requests as the exchange reads them, what its clients lease, who may come in."""
