"""SSH: verified, pooled, bounded connections for threads; asyncio lives in here and nowhere else."""

from metal.host.ssh.keys import fingerprint, same_key
from metal.host.ssh.pool import SshPool
from metal.host.ssh.process import Completed
from metal.host.ssh.session import Ssh

__all__ = ["Completed", "Ssh", "SshPool", "fingerprint", "same_key"]
