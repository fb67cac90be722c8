"""What people read in their own language; English is what is translated."""
