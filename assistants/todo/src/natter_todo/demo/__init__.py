"""How the todo assistant answers with no key for a model: rules that understand plain requests about tasks."""
