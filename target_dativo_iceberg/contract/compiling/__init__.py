"""The canonical document → the frozen structs of `contract.model`: types, rules, checks, settings."""
