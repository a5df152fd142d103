"""What happens to the commands when their machine, their files, their servers or their user fail them: `make faults`."""
