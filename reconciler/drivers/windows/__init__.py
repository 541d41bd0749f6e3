"""What the Windows drivers share: the operator's machines, our scripts as values, and how one is run through
`drivers/winrm.py`. It knows no driver, and no policy."""
