"""What the pods of a policy serve: seen from the outside, compared with what was issued, and put right by restarts."""
