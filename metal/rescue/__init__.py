"""Copies of what a cluster's control plane holds, and the way back from them or from what is left of it."""

from metal.rescue.backup import BackupReport, back_up, back_up_at_risk, backup_folder
from metal.rescue.recover import RecoveryReport, observe_recovery, recover
from metal.rescue.restore import restore_consul, restore_swarm

__all__ = [
    "BackupReport",
    "RecoveryReport",
    "back_up",
    "back_up_at_risk",
    "backup_folder",
    "observe_recovery",
    "recover",
    "restore_consul",
    "restore_swarm",
]
