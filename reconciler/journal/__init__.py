"""The only memory: entries (`entry`, `codec`), the contract of a store (`store`), and the stores, one file each."""
