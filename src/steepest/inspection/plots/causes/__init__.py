"""Pictures of why a run went as it did: its steps beside what the derivatives of the function promise."""
