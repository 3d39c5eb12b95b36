"""The lifecycle of workflows: rules, stores, what events say, and what people ask."""
