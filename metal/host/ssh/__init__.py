"""SSH: verified, pooled, bounded connections for threads; asyncio lives in here and nowhere else."""

from metal.host.ssh.keys import fingerprint, same_key
from metal.host.ssh.pool import SshPool
from metal.host.ssh.process import Completed
from metal.host.ssh.session import READ_ONLY_CURE, Ssh

__all__ = ["READ_ONLY_CURE", "Completed", "Ssh", "SshPool", "fingerprint", "same_key"]
