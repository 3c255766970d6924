"""Certificates for tests, made by openssl."""
import os
import subprocess


class Pki:
    """An authority in a directory."""
    def __init__(self, directory):
        os.makedirs(directory, exist_ok=True)
        self.directory = directory
        self.ca = self.path("ca.pem")
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-days", "2", "-subj", "/CN=authority", "-keyout", self.path("ca.key"),
                     "-out", self.ca)

    def path(self, name):
        return os.path.join(self.directory, name)

    @staticmethod
    def openssl(*args):
        subprocess.run(["openssl", *args], check=True, capture_output=True)

    @staticmethod
    def kind(host):
        if ":" in host:
            return ""
        return "IP:" if host[-1].isdigit() else "DNS:"

    def issue(self, name, *hosts):
        """(certificate, key): files that are called so, for these host names and IPv4 addresses, or
        for what has its kind in front, like URI:sip:example.test."""
        certificate, key, request = (self.path(name + end) for end in (".pem", ".key", ".csr"))
        names = ",".join(self.kind(h) + h for h in hosts or [name])
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-subj", f"/CN={name}", "-addext", f"subjectAltName={names}", "-keyout", key,
                     "-out", request)
        self.openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.path("ca.key"),
                     "-CAcreateserial", "-days", "2", "-copy_extensions", "copy", "-out",
                     certificate)
        os.chmod(key, 0o600)
        return certificate, key
