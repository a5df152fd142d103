"""Canaries: made-up secrets of every family in every form in which they are written, each with a core that is looked for in outputs."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import string
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import quote

LETTERS = string.ascii_letters + string.digits


class Canary(NamedTuple):
    """A text that holds a secret, and what may be found of it nowhere."""

    form: str
    text: str
    cores: tuple[str, ...]


def drawn(name: str, length: int, alphabet: str = LETTERS) -> str:
    """Return characters that depend on the name alone."""
    state, found = hashlib.sha512(name.encode()).digest(), []
    while len(found) < length:
        state = hashlib.sha512(state).digest()
        found += [alphabet[byte % len(alphabet)] for byte in state]
    return "".join(found[:length])


UPPER, LOWER, HEX = string.ascii_uppercase + "234567", string.ascii_lowercase + string.digits, "0123456789abcdef"
TOKENS: dict[str, Callable[[str], str]] = {
    "aws id": lambda n: "AKIA" + drawn(n, 16, UPPER), "aws session id": lambda n: "ASIA" + drawn(n, 16, UPPER), "alibaba": lambda n: "LTAI5t" + drawn(n, 18),
    "tencent": lambda n: "AKID" + drawn(n, 32), "google key": lambda n: "AIza" + drawn(n, 35), "google oauth": lambda n: "ya29." + drawn(n, 60),
    "google hmac": lambda n: "GOOG1E" + drawn(n, 55, UPPER), "github": lambda n: "ghp_" + drawn(n, 36), "github app": lambda n: "ghs_" + drawn(n, 36),
    "github fine": lambda n: "github_pat_" + drawn(n, 22) + "_" + drawn(n + "2", 59), "gitlab": lambda n: "glpat-" + drawn(n, 20),
    "gitlab deploy": lambda n: "gldt-" + drawn(n, 20), "gitlab ci": lambda n: "glcbt-64_" + drawn(n, 20), "gitlab runner": lambda n: "glrt-" + drawn(n, 20),
    "slack bot": lambda n: f"xoxb-123456789012-1234567890123-{drawn(n, 24)}", "slack user": lambda n: f"xoxp-1234567890-1234567890-1234567890-{drawn(n, 32, HEX)}",
    "slack hook": lambda n: f"https://hooks.slack.com/services/T0000000A/B0000000B/{drawn(n, 24)}", "npm": lambda n: "npm_" + drawn(n, 36),
    "pypi": lambda n: "pypi-AgEIcHlwaS5vcmc" + drawn(n, 60), "hugging face": lambda n: "hf_" + drawn(n, 34, string.ascii_letters),
    "docker hub": lambda n: "dckr_pat_" + drawn(n, 27), "vault": lambda n: "hvs." + drawn(n, 95), "stripe": lambda n: "sk_live_" + drawn(n, 24),
    "digital ocean": lambda n: "dop_v1_" + drawn(n, 64, HEX), "sendgrid": lambda n: f"SG.{drawn(n, 22)}.{drawn(n + '2', 43)}",
    "jwt": lambda n: ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in ('{"alg":"HS256","typ":"JWT"}', f'{{"sub":"{drawn(n, 24)}"}}', drawn(n, 32))),
}  # fmt: skip
"""Tokens that are known wherever they stand."""

NAMED = (
    "password: {}", "password={}", "passwd={}", "PASSWORD = {}", "MYSQL_PWD={}", "PGPASSWORD={}", "export REDIS_PASSWORD={}", "APP_ENCRYPTION_KEY={}",
    "SESSION_SALT={}", "JWT_SIGNING_KEY={}", "SECRET_KEY_BASE={}", "db.password={}", "-Dspring.datasource.password={}", "AWS_SECRET_ACCESS_KEY={}",
    "aws_secret_access_key = {}", "AZURE_STORAGE_KEY={}", "AccountName=acc;AccountKey={};EndpointSuffix=core.windows.net", "SharedAccessKeyName=root;SharedAccessKey={}",
    "OSS_ACCESS_KEY_SECRET={}", "accessKeySecret: {}", "OBS_SECRET_ACCESS_KEY: {}", "COS_SECRET_KEY={}", "secretKey: {}", "access_key_id={}", "access-key: {}",
    "requirepass {}", "masterauth {}", "IDENTIFIED BY '{}'", "ENV DB_PASSWORD {}", "machine reg.example login bob password {}", "password is {}",
    "_authToken={}", "//registry.npmjs.example/:_authToken={}", "private_token: {}", "X-Vault-Token: {}", "PRIVATE-TOKEN: {}", "x-api-key: {}",
    "Authorization: Bearer {}", "authorization: Basic {}", "Proxy-Authorization: Basic {}", "Authorization: token {}", "Authorization: OSS LTAI5tAAAAAAAAAAAAAA:{}",
    "Authorization: AWS4-HMAC-SHA256 Credential={0}/20260502/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature={0}",
    "Authorization: q-sign-algorithm=sha1&q-ak={0}&q-sign-time=1;2&q-signature={0}", "Cookie: a=1; sid={}; b=2", "Set-Cookie: sid={}; Path=/; HttpOnly",
    "bearer {}", "GET /v2/?access_token={}&x=1 HTTP/1.1", "https://b.s3.example/o?X-Amz-Credential={0}%2F2026&X-Amz-Signature={0}&X-Amz-Expires=600",
    "https://acc.blob.core.windows.net/c/o?sv=2024-01-01&se=2026-05-02&sr=b&sig={}", "https://b.oss-cn.example/o?OSSAccessKeyId={0}&Expires=1&Signature={0}",
    "https://b.cos.example/o?q-sign-algorithm=sha1&q-ak={0}&q-signature={0}", "https://storage.googleapis.example/b/o?GoogleAccessId={0}&Signature={0}",
    "https://b.obs.example/o?AccessKeyId={0}&Signature={0}&x-obs-security-token={0}", "BlobEndpoint=https://a.example;SharedAccessSignature=sv=2024&sig={}&se=1",
    "curl -u bob:{} https://reg.example/v2/", "curl --user 'bob:{}' https://reg.example/", "curl -ubob:{} https://reg.example/", "curl -H 'Authorization: Basic {}' https://reg.example",
    "curl -b 'sid={}' https://reg.example", "docker login -u bob -p {} reg.example", "docker login --username bob --password {} reg.example", "mysql -uroot -p{} -h db",
    "crictl pull --creds bob:{} reg.example/a:1", "skopeo copy --src-creds bob:{} docker://a docker://b", "redis-cli -a {} ping", "helm repo add x https://c.example --password {}",
    "exec ['mysql', '-u', 'root', '-p', '{}']", 'args: ["--requirepass", "{}"]', '["redis-server","--requirepass","{}"]', "sshpass -p {} ssh host", "PGPASSWORD={} psql -h db",
    '{{"name":"MYSQL_PWD","value":"{}"}}', "{{Name:PGPASSWORD Value:{} ValueFrom:nil}}", 'EnvVar{{Name:"API_KEY", Value:"{}"}}', '{{"value":"{}","name":"DB_PASSWORD"}}',
    "{{'Authorization': 'Bearer {}'}}", '{{"Authorization"=>"Bearer {}"}}', "{{Authorization=[Bearer {}], Accept=[a]}}", "metadata: MD{{authorization:[Bearer {}]}}",
    "git -c http.extraHeader='Authorization: Basic {}' clone x", "kubectl create secret generic x --from-literal=value={}", "docker run -e MYSQL_ROOT_PASSWORD={} mysql",
    "helm install d c --set mysql.auth.rootPassword={},x=1", "echo {} | docker login -u bob --password-stdin", "Secret Access Key: {}", "password for 'bob': {}",
    "DefaultEndpointsProtocol=https;AccountName=a;AccountKey={}==;EndpointSuffix=core.windows.net", "basicAuth: {{ username: bob, password: {} }}", "$env:API_KEY = '{}'",
    "https://oauth2:{}@gitlab.example/x.git", 'dragonfly_x{{token="{}"}} 1', "'auth': '{}'", "SMTP_PASS={}", "REDIS_PASS='{}'", "ak: 1, sk={}", "密码: {}",
    'Header {{ name: "authorization", value: "{}" }}', "map[Authorization:[Bearer {}] Accept:[*/*]]", "map[Cookie:[a=1; sid={}]]", '[("authorization", "Bearer {}")]',
    "('Authorization', 'Basic {}')", "[b'x-auth-token', b'{}']", '["X-Api-Key", "{}"]', 'http.Header{{"Authorization":[]string{{"Bearer a1b2c3d4", "{}"}}}}',
    "{{Key:Authorization Values:[Bearer {}]}}", 'headers: {{"set-cookie": ["a=1", "sid={}"]}}', 'token: Some("{}")', 'auth: {{"auth": "{}"}}',
    '{{"auths":{{"https://index.docker.io/v1/":{{"auth":"{}"}}}}}}', '{{"identitytoken":"{}"}}', '{{"username":"bob","password":"{}","email":"b@x.example"}}',
    "<password>{}</password>", '<add key="ClearTextPassword" value="{}" />', "client-key-data: {}", "    token: {}", "jwt:\\n    key: {}",
    "https://bob:{}@reg.example/v2/", "https://{}@reg.example/v2/", "https://https://bob:{}@reg/", "//bob:{}@reg.example/v2/", "redis://:{}@redis:6379/0",
    "postgres://u:{}@db:5432/d?sslmode=disable", "mysql://root:{}@tcp(db:3306)/manager", "root:{}@tcp(db:3306)/manager?parseTime=true", "amqp://guest:{}@mq:5672//",
    "http_proxy=http://bob:{}@proxy:3128", "DATABASE_URL=postgres://u:{}@db/d", "mongodb+srv://u:{}@c.mongodb.example/test", "proxy bob:{}@proxy.example:3128",
)  # fmt: skip
"""What stands around a secret that has no form of its own."""
MORE = (
    "curl -sSu 'bob:{}' https://x",
    "curl --oauth2-bearer {} https://x",
    "curl -d 'password={}&user=bob' https://x",
    "wget --http-password={} --user=bob https://x",
    "ldapsearch -w {} -D cn",
    "rabbitmqctl add_user bob {}",
    "password for bob is {}",
    "password: &anchor {}",
    "password: !!str {}",
    "name: MYSQL_PWD, value: {}",
    "Name:MYSQL_PWD,Value:{},ValueFrom:nil",
    "session_id={}",
    "http://bob:{}@[::1]:5000/v2",
    "https://maps.example/api?key={}&x=1",
    "jdbc:mysql://db/x?user=bob&password={}",
    "mongodb://bob:{}@a:1,b:2/x?authSource=admin",
    "Server=db;User Id=bob;Password={};Database=x",
    "CONFIG SET requirepass {}",
    "HUAWEICLOUD_SDK_SK={}",
    "TENCENTCLOUD_SECRET_KEY={}",
    '//registry.npmjs.example/:_password="{}"',
    "openssl rsa -passin pass:{} -in k",
    "passphrase for key: {}",
    "Authorization: NTLM {}",
    "podman login --creds=bob:{} reg",
    "curl -E cert.pem:{} https://r",
    "http -a admin:{} https://r",
    "ACL SETUSER bob on >{} ~* +@all",
    "sshpass -p{} ssh root@h",
    "ossutil config -e e -i LTAIabc -k {}",
    "obsutil config -i=AKX -k={} -e=e",
    "coscli config add -i AKIDx -s {}",
    "mc alias set m https://m admin {}",
    "gcloud auth activate-refresh-token a {}",
    "vault login {}",
    "htpasswd -nb bob {}",
    "openssl enc -k {} -in a",
    "npm config set _auth {}",
    "printf '%s' '{}' | docker login --password-stdin r",
    "postgres://u:{}@/d?host=/tmp",
    "X-JFrog-Art-Api: {}",
    "Authorization: SharedKey acc:{}",
    "&AuthConfig{{Username:bob,Password:***,Auth:{},ServerAddress:r}}",
    "password was: {}",
    "invalid api key {}",
    "ak/sk: AKx/{}",
    "CREATE USER bob IDENTIFIED WITH mysql_native_password BY '{}'",
    "SET PASSWORD FOR 'bob'@'%' = PASSWORD('{}')",
    '<password type="plain">{}</password>',
    "<property><name>fs.s3a.secret.key</name><value>{}</value></property>",
    '<setting name="password" serializeAs="String"><value>{}</value></setting>',
    '<input type="password" value="{}">',
    "password -> {}",
    "password .= '{}'",
    'password ||= "{}"',
    'if password != "{}" {{',
    'let token: &str = "{}";',
    'var secretKey string = "{}"',
    "os.environ['PASSWORD'] = '{}'",
    'setenv("PASSWORD", "{}", 1)',
    'config["password"] = "{}"',
    '.password("{}")',
    '.withCredentials("AKx", "{}")',
    'new BasicAWSCredentials("AKx", "{}")',
    "HTTPBasicAuth('bob', '{}')",
    "registryAuth={}",
    '(*config.Redis)(0xc000)({{ Password: (string) (len=22) "{}" }})',
    "%22password%22%3A+%22{}%22",
    "\\x22password\\x22:\\x22{}\\x22",
    "пароль: {}",
    "https://open.feishu.cn/open-apis/bot/v2/hook/{}",
    "https://discord.com/api/webhooks/1/{}",
    "https://api.telegram.org/bot123456789:AA{}/send",
    "sign={}",
    "X-Hub-Signature-256: sha256={}",
    "connect.sid=s%3A{}",
    "unseal key 1: {}",
    "A temporary password is generated for root@localhost: {}",
    "password changed from old to {}",
    'password mismatch: got "{}", want "x"',
    "creds=bob:{}",
    "basic auth bob:{}",
)  # fmt: skip
"""Forms that are tried as they are and in JSON."""
TRICKY = ("{}@y", "{}/y", "x[{}", 'x"{}', "x\\{}", "{}@y/z", "{}:y", "x#{}", "x?{}", "{}%40y")
"""Passwords with characters that end other values, in addresses."""
SEVERAL_LINES = (
    "password: two words {}", 'MYSQL_PWD=a "b {}', "password: a,{}", "auth:\n  jwt:\n    realm: Dragonfly\n    key: a.b-{}", 'password: "a\n  {}"', "password:\n- {}",
    "password:\n  {}", "password: |\n  {0}\n  {0}b", "password: >-\n    {}", "  - name: MYSQL_PWD\n    value: {}", '  - name: "PGPASSWORD"\n    value: "{}"',
    "args:\n  - --requirepass\n  - {}", "command: curl \\\n  -u bob:{} \\\n  https://reg.example", '{{\n  "password":\n    "{}"\n}}',
    '"env": [\n  {{\n   "name": "API_KEY",\n   "value": "{}"\n  }}\n]', "stringData:\n  password: >\n    {0}\n    {0}c\n  user: bob",
)  # fmt: skip


def pem(name: str, *, kind: str = "RSA PRIVATE KEY") -> tuple[str, tuple[str, ...]]:
    """Return a key in PEM, and its lines."""
    body = [drawn(f"{name}{at}", 64, LETTERS + "+/") for at in range(3)] + [drawn(f"{name}last", 22) + "=="]
    return "\n".join([f"-----BEGIN {kind}-----", *body, f"-----END {kind}-----"]), tuple(
        line.rstrip("=") for line in body
    )


def secret(name: str) -> str:
    """Return a password: letters and digits."""
    return "c" + drawn(name, 19) + "7q"


def one_line() -> Iterator[Canary]:
    """Yield canaries of one line."""
    for family, make in TOKENS.items():
        for form in ("got {} here", "x={},y", '["{}"]', "<{}>", "({})", '\\"{}\\"', "a&b={}&c"):
            value = make(f"{family} {form}")
            core = value.rsplit("/", 1)[-1].rsplit(".", 1)[-1]
            yield Canary(f"{family} in {form}", form.format(value), (core[:40],))
    for form in NAMED:
        value = secret(form)
        yield Canary(form, form.format(value), (value,))
        text = form.format(value)
        yield Canary(f"{form}, in JSON", json.dumps({"msg": text}), (value,))
        yield Canary(f"{form}, in JSON twice", json.dumps({"log": json.dumps({"msg": text})}), (value,))
        yield Canary(f"{form}, as HTML", f"<td>{html.escape(text)}</td>", (value,))
        yield Canary(f"{form}, percent-escaped", f"GET /log?q={quote(text, safe='')} HTTP/1.1", (value,))
        yield Canary(f"{form}, in CSV", f'"2026-05-02T01:02:03Z","{text.replace(chr(34), chr(34) * 2)}"', (value,))
    for form in MORE:
        value = secret(form)
        yield Canary(form, form.format(value), (value,))
        yield Canary(f"{form}, in JSON", json.dumps({"msg": form.format(value)}), (value,))
    for form in TRICKY:
        for scheme in ("https", "redis", "mysql"):
            value = secret(f"{form}{scheme}")
            yield Canary(
                f"{form} in {scheme}", f"pull {scheme}://bob:{form.format(value)}@reg.example/v2/a failed", (value,)
            )
    text, cores = pem("one line")
    for form in (
        text.replace("\n", "\\n"),
        json.dumps({"key": text}),
        json.dumps({"log": json.dumps({"key": text})}),
        text.replace("\n", " "),
    ):
        yield Canary("PEM in one line", form, cores)
    encoded = base64.b64encode(text.encode()).decode()
    yield Canary("PEM in base64", f"tls.key: {encoded}", (encoded[60:100],))


NAMES = [
    "MYSQL_PWD",
    "PGPASSWORD",
    "REDISCLI_AUTH",
    "RABBITMQ_DEFAULT_PASS",
    "AWS_SECRET_ACCESS_KEY",
    "AZURE_STORAGE_CONNECTION_STRING",
    "HF_TOKEN",
    "DOCKER_AUTH_CONFIG",
    "OBS_SK",
    "JWT_KEY",
    "APP_KEY",
    "SECRET_KEY_BASE",
    "HASH_SALT",
    "SENTRY_DSN",
    "bindPW",
    "rootpw",
    "dbPass",
    "userpass",
    "privateKey",
    "clientSecret",
    "x-api-key",
    "X-Registry-Auth",
    "identitytoken",
    "client-key-data",
    "storepass",
    "psk",
    "sessionid",
    "csrf_token",
    "accessKeyId",
    "encryptionKey",
    "password2",
    "apiKey1",
    "authkey",
    "spring.datasource.password",
]
FORMS = (
    "{n}: {v}", "{n}={v}", "{n} = {v}", '{n}: "{v}"', "{n}='{v}'", '"{n}":"{v}"', '"{n}": "{v}"', "'{n}': '{v}'", '{n}:"{v}"', "{n}={v} next=1", "({n}={v}, a=1)",
    "{{{n}:{v} a:1}}", "{n} => '{v}'", "--{n}={v}", "--{n} {v}", "-{n} {v}", "export {n}={v}", "- {n}={v}", "x={n}={v}", '"{n}={v}"', '["{n}={v}"]', '{n}: Some("{v}")',
    "{n}:[{v}]", '{n}:["{v}"]', "<{n}>{v}</{n}>", "&{n}={v}&b=1", "?{n}={v}", '{n}\\":\\"{v}\\"', "name: {n}, value: {v}", '{{"name":"{n}","value":"{v}"}}',
    '{{"key":"{n}","value":"{v}"}}', "{{Name:{n} Value:{v} ValueFrom:nil}}", '("{n}", "{v}")', '("{n}","{v}")', '[("{n}", "{v}")]', '{n}:= "{v}"', "{n}|{v}",
    "| {n} | {v} |", "{n}\t{v}", "{n};{v}", 'os.environ["{n}"] = "{v}"', '$env:{n}="{v}"', "ENV {n}={v}", "ARG {n}={v}", "-e {n}={v} img", "--set {n}={v}",
    "--env={n}={v}", "{n}: &x {v}", "{n}: !!str {v}", "{n}: '{v}' # comment", "  {n}:    {v}   ", '"{n}" : "{v}"', "{n}={v};", "{n}:{v}", "{n}: b'{v}'",
    "b'{n}': b'{v}'", "{n}=%22{v}%22",
)  # fmt: skip
"""How a name and its value are written; each name is tried in each."""


def pairs() -> Iterator[Canary]:
    """Yield each name of a secret in each form, alone, and in a line of JSON."""
    for name in NAMES:
        for form in FORMS:
            value = secret(f"{name} {form}")
            text = form.format(n=name, v=value)
            yield Canary(f"{name} in {form}", text, (value,))
            yield Canary(f"{name} in {form}, in JSON", json.dumps({"level": "error", "msg": text}), (value,))


def several_lines() -> Iterator[Canary]:
    """Yield canaries of several lines."""
    for form in SEVERAL_LINES:
        value = secret(form)
        yield Canary(form, form.format(value), (value,))
    for kind in ("RSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY", "CERTIFICATE"):
        text, cores = pem(kind, kind=kind)
        yield Canary(f"PEM {kind}", text, cores)
        yield Canary(
            f"PEM {kind} indented", "tls.key: |\n" + "\n".join(f"  {line}" for line in text.split("\n")), cores
        )
        yield Canary(
            f"PEM {kind} with prefixes",
            "\n".join(f"2026-05-02T01:02:03.{at:06}Z stderr F {line}" for at, line in enumerate(text.split("\n"))),
            cores,
        )
    text, cores = pem("encrypted")
    head, rest = text.split("\n", 1)
    yield Canary("PEM encrypted", f"{head}\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0011\n\n{rest}", cores)


BENIGN = (
    "download task started: 0f2b6bb1a3dd9c7bfa5e25db60f8d1ee9bbd5c1d6fc2c4f01f3a9a2b8b4a5b6c", "docker.io/library/nginx@sha256:0f2b6bb1a3dd9c7bfa5e25db60f8d1ee9bbd5c1d6fc2c4f01f3a9a2b8b4a5b6c",
    'finished piece 0f2b6bb1a3dd9c7bfa5e25db60f8d1ee9bbd5c1d6fc2c4f01f3a9a2b8b4a5b6c-12 from parent Some("10.0.0.1-seed-client-0-3f2504e0-4f89-41d3-9a0c-0305e82c3301-seed") using protocol grpc',
    "registry.example:5000/team/model-server:v1.2.3-rc.1 pulled in 12.5s", 'host_id="10.77.0.10-seed-client-0-seed" peer_id="10.77.0.10-seed-client-0-3f2504e0-4f89-41d3-9a0c-0305e82c3301"',
    "task-id 0f2b6bb1 took 1m30.25s, 20GiB at 512MiB/s", "backend error: 401 Unauthorized", "invalid credentials", "the token expired", "basic checks passed",
    "Basic authentication required", "manager:applications cache miss because of cache: key is missing", "load proxy ca cert and key success", "cache_key=abcdef",
    'Www-Authenticate: Bearer realm="https://auth.example/token",service="registry"', "topologyKey: kubernetes.io/hostname", "mkdir -p /var/lib/dragonfly", "docker run -p 8080:80 -u 1000:1000 nginx",
    "PWD=/root", "google.golang.org/grpc@v1.60.1/server.go:1024", 'request_header: {"Authorization": "", "Accept": "x"}', "2026-05-02T10:00:00.123456Z  INFO", "https://reg.example/v2/a/blobs/sha256:00?ns=docker.io",
    'secrets "regcred" not found', 'RoutingKey\\":\\"scheduler_1_scheduler-1\\"', "X-Amz-Algorithm&X-Amz-Credential&X-Amz-Date&X-Amz-Signature", "error decoding response body: operation timed out", "mail me at a@b.example",
    "tls key: missing in the folder", "failed to open /etc/ssl/tls.key: permission denied", "token: null", 'password: ""',
)  # fmt: skip
"""What may never go."""


def files(canaries: list[Canary]) -> dict[str, bytes]:
    """Return files of every kind that hold all of some canaries, by path."""
    from reading_cases import job, line, zap

    single = [canary for canary in canaries if "\n" not in canary.text and canary.form not in SEVERAL_LINES]
    texts = [canary.text for canary in canaries]
    lines = [text for text in texts for text in text.split("\n")]
    client = "\n".join(
        line(at, f"download failed: error decoding response body: {canary.text}", level="ERROR")
        for at, canary in enumerate(single)
    )
    client += (
        "\n"
        + "\n".join("\n".join([line(at, "download failed:", level="ERROR"), text]) for at, text in enumerate(texts))
        + "\n"
    )
    console = "\n".join(
        f"2026-05-02T10:00:00.000Z\tERROR\tjob/job.go:10\tpreheat failed: {canary.text}" for canary in single
    )
    pod = {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "dragonfly-client-x", "namespace": "d", "annotations": {"note": "\n".join(texts)}},
        "spec": {"containers": [{"name": "client", "args": lines, "env": [{"name": "MYSQL_PWD", "value": text} for text in texts]}]},
        "status": {"containerStatuses": [{"name": "client", "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled", "message": "\n".join(texts)}}}]},
    }  # fmt: skip
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c"},
        "data": {"dfdaemon.yaml": "\n".join(texts), "password": texts[0]},
    }
    secrets = {
        "apiVersion": "v1",
        "kind": "Secret",
        "data": {f"k{at}": base64.b64encode(text.encode()).decode() for at, text in enumerate(texts)},
        "stringData": {"a": texts[0]},
    }
    jobs = [job(error=canary.text) for canary in single]
    jobs[0]["args"] |= {"headers": {"Authorization": single[0].text}, "url": "https://r.example/v2/a/manifests/1"}
    cells = "\n".join(
        f'"2026-05-02T10:00:0{at % 10}Z","{text.replace(chr(34), chr(34) * 2)}"' for at, text in enumerate(texts)
    )
    config = "host:\n  hostname: h\ndownload:\n  pieceTimeout: 7s\nproxy:\n  registryMirror:\n    addr: https://bob:{}@r.example\nserver:\n  token: {}\nnotes: |\n"
    return {
        "seed-client-0/dfdaemon/dfdaemon.log": client.encode(), "scheduler-0/scheduler/core.log": "\n".join(zap(at, json.dumps(text)[1:-1], level="error") for at, text in enumerate(texts)).encode(),
        "manager-0/manager/console.log": console.encode(), "seed-client-0/dfdaemon.yaml": (config.format(secret("one"), secret("two")) + "\n".join(f"  {text}" for text in lines)).encode(),
        "jobs.json": json.dumps(jobs, indent=1).encode(), "pods.json": json.dumps({"apiVersion": "v1", "kind": "List", "items": [pod]}, indent=1).encode(),
        "configmap.yaml": json.dumps(manifest, indent=1).encode(), "secret.yaml": json.dumps(secrets, indent=1).encode(), "export.csv": f"time,line\n{cells}\n".encode(),
        "metrics.txt": ("# HELP x y\n" + "\n".join(f"dragonfly_client_x{{note={json.dumps(canary.text)}}} 1" for canary in single)).encode(), "env.txt": "\n".join(lines).encode(),
        "shell.txt": "\n".join(f"$ {text}" for text in texts).encode(), "access.log": "\n".join(f'10.0.0.1 - bob [02/May/2026:10:00:00 +0000] "GET /v2/ HTTP/1.1" 401 0 "-" "{text}"' for text in lines).encode(),
        "cri/0.log": "\n".join(f"2026-05-02T10:00:00.000000000Z stderr F {text}" for text in (client + console).split("\n")).encode(),
    }  # fmt: skip


def leaks(canaries: Iterable[Canary], said: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return which output holds what is left of a canary; each word of an output is looked at once."""
    cores = {core for canary in canaries for core in canary.cores}
    words = {name: " ".join(set(text.split())) for name, text in said.items()}
    return [(name, core) for name, text in words.items() for core in cores if core in text]
