"""Credentials files, and domains that challenge for themselves."""
import hashlib
import os
import re
import subprocess

from .daemon import ENVIRONMENT, binary
from .phone import DOMAIN

HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}


def ha1(user, password, algorithm="MD5", realm=DOMAIN):
    text = f"{user}:{realm}:{password}"
    return hashlib.new(HASHES[algorithm], text.encode()).hexdigest()


def line(user, password, algorithm="MD5", realm=DOMAIN):
    """As htdigest writes it, for MD5."""
    suffix = "" if algorithm == "MD5" else ":" + algorithm
    return f"{user}:{realm}:{ha1(user, password, algorithm, realm)}{suffix}\n"


def write(path, text):
    """In place of what was there, at once."""
    with open(path + ".tmp", "w", encoding="utf-8", opener=private) as f:
        f.write(text)
    os.replace(path + ".tmp", path)


def private(path, flags):
    return os.open(path, flags, 0o600)


def judge_here(site, users, hashes=("MD5",), **options):
    """The domain challenges: user -> password, with a line for each of the hashes. The path of its
    file."""
    path = site.path("credentials")
    write(path, "".join(line(u, p, a) for u, p in users.items() for a in hashes))
    site.config.set(f'domain "{DOMAIN}"', authentication="local", access_list=None,
                    credentials=path, **options)
    return path


def passwd(path, user, password, realm=DOMAIN):
    """breakwaterctl passwd: (exit code, standard output, standard error)."""
    done = subprocess.run([binary("breakwaterctl"), "passwd", path, user, realm],
                          input=password + "\n", capture_output=True, encoding="utf-8", timeout=20,
                          env={**os.environ, **ENVIRONMENT}, check=False)
    return done.returncode, done.stdout, done.stderr


def answer(challenge, user, password, request, **changes):
    """The value of an Authorization for a request (harness.sip.Message): what a phone would answer,
    but for the changes."""
    part = {k: v for k, v in re.findall(r'(\w+)="?([^",]+)"?', challenge)}
    how = {"realm": part["realm"], "nonce": part["nonce"], "uri": request.uri, "nc": "00000001",
           "cnonce": "abc", "algorithm": part.get("algorithm", "MD5"), **changes}
    kind = HASHES[how["algorithm"]]

    def digest(*parts):
        return hashlib.new(kind, ":".join(parts).encode()).hexdigest()

    response = digest(digest(user, how["realm"], password), how["nonce"], how["nc"], how["cnonce"],
                      "auth", digest(request.method, how["uri"]))
    return (f'Digest username="{user}", realm="{how["realm"]}", nonce="{how["nonce"]}", '
            f'uri="{how["uri"]}", response="{response}", algorithm={how["algorithm"]}, qop=auth, '
            f'nc={how["nc"]}, cnonce="{how["cnonce"]}"')
