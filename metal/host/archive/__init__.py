"""Release archives: one program out of a .zip or .tar.gz that the host downloads itself."""

from metal.host.archive.install import ArchiveKind, archive_kind, install_member, lacking_tools

__all__ = ["ArchiveKind", "archive_kind", "install_member", "lacking_tools"]
