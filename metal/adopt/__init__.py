"""Taking over what runs already: a swarm seen from one of its managers, turned into an inventory and a stack file."""

from metal.adopt.document import Adopted, AdoptWish, adopted
from metal.adopt.observe import observe_swarm
from metal.adopt.render import inventory_text, stack_text
from metal.adopt.report import told

__all__ = ["AdoptWish", "Adopted", "adopted", "inventory_text", "observe_swarm", "stack_text", "told"]
