"""The engines side by side on given events: what each makes of them, and whether any bit differs."""
