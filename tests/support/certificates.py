"""A certificate authority for tests, and certificates of a server: right, expired, of another."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True, kw_only=True)
class Authority:
    """An authority in a folder: ``ca.pem`` is what clients trust."""

    folder: Path

    @property
    def trusted(self) -> Path:
        """Return the authority's own certificate."""
        return self.folder / "ca.pem"

    def issue(self, name: str, *, names: str = "DNS:localhost,IP:127.0.0.1", days: int = 2) -> Path:
        """Issue a certificate ``<name>.pem`` with its key ``<name>.key``.

        Args:
            name: of the files.
            names: of the server, as a subject alternative name.
            days: until it expires; negative: it has expired.
        """
        certificate = self.folder / f"{name}.pem"
        request, key = certificate.with_suffix(".csr"), certificate.with_suffix(".key")
        extension = ("-addext", f"subjectAltName={names}")
        self._openssl("req", "-new", *KEY, "-subj", "/CN=node", *extension, "-keyout", key,
                      "-out", request)  # fmt: skip
        self._openssl("x509", "-req", "-in", request, "-CA", self.trusted, "-CAkey",
                      self.folder / "ca.key", "-CAcreateserial", "-copy_extensions", "copy",
                      "-days", days, "-out", certificate)  # fmt: skip
        key.chmod(0o644)
        return certificate

    def _openssl(self, *arguments: object) -> None:
        command = ["openssl", *map(str, arguments)]
        subprocess.run(command, check=True, capture_output=True)


def authority(folder: Path) -> Authority:
    """Make an authority; skip the test where openssl is not installed."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    made = Authority(folder=folder)
    made._openssl("req", "-x509", *KEY, "-subj", "/CN=authority of a test", "-days", 2,
                  "-keyout", folder / "ca.key", "-out", made.trusted)  # fmt: skip
    return made
