"""Why a statement failed, why a gradient is missing: answered from the journal, each way out run before it is shown."""
