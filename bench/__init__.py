"""What this project costs beside what a user could write instead, measured on one machine in one run."""
