"""Shares that several machines work on, and how one is looked at: by this machine, or by a Windows machine."""
