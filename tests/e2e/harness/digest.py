"""Digest as a phone answers it, by hand."""
import hashlib
import re


def authorization(challenge, user, password, method, uri):
    """RFC 2617, MD5, without qop or with qop=auth."""
    part = {k: v for k, v in re.findall(r'(\w+)="?([^",]+)"?', challenge)}

    def md5(*parts):
        return hashlib.md5(":".join(parts).encode()).hexdigest()

    ha1, ha2 = md5(user, part["realm"], password), md5(method, uri)
    text = f'Digest username="{user}", realm="{part["realm"]}", nonce="{part["nonce"]}", uri="{uri}"'
    if "qop" not in part:
        return f'{text}, response="{md5(ha1, part["nonce"], ha2)}"'
    response = md5(ha1, part["nonce"], "00000001", "abc", "auth", ha2)
    return f'{text}, qop=auth, nc=00000001, cnonce="abc", response="{response}"'


def register(phone, password, expires=60):
    """The final answer to a REGISTER with digest."""
    first = phone.request("REGISTER", fields=[("Expires", str(expires))])
    answer = phone.ask(first)
    if answer.status != 401:
        return answer
    proof = authorization(answer.header("WWW-Authenticate"), phone.name, password, "REGISTER",
                          first.uri)
    return phone.ask(phone.request("REGISTER", call_id=first.call_id, cseq=2, fields=[
        ("Expires", str(expires)), ("Authorization", proof)]))
