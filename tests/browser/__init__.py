"""The dashboard in a real Chromium, by role and label as a person finds things."""
