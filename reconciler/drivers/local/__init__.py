"""What gateways on this machine share: files, a lock, a supervised process. None of them is known here."""
