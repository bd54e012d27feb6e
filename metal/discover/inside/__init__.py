"""BMCs asked for from inside their hosts, over the system interface, which takes no password."""

from metal.discover.inside.look import Inside, look_inside

__all__ = ["Inside", "look_inside"]
