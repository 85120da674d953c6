"""What can be configured, and how is a configuration read and written?"""
