"""``make_secrets.py`` run for real, and what it makes used by a real Redis and a real gateway."""

from __future__ import annotations

import re
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import redis
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from redis.exceptions import NoPermissionError

from ensemble.photo import UInt8
from gateway.access.keys import KeyRing
from limner.settings import PROJECT_ROOT, Settings
from tests.deploy.compose_file import COMPOSE, load
from tests.gateway.redis_server import StartRedis
from tests.gateway.replica import Replica
from tests.model_repository.photos import encode

pytest_plugins = ["tests.gateway.redis_server"]

PROGRAM = COMPOSE / "make_secrets.py"
MADE = {
    *("limner_api_keys", "metrics_key", "limner_redis_url", "redis_user.conf"),
    *("grafana_admin_password", "tls_cert", "tls_key"),
}


def make(folder: Path, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROGRAM), "--folder", str(folder), *arguments]
    return subprocess.run(command, input=given, capture_output=True, text=True, timeout=60, check=False)


class Secrets:
    """What was made, and the client's key, which was only shown."""

    def __init__(self, folder: Path, said: str) -> None:
        self.folder, self.said = folder, said
        self.key = re.findall(r"limner_[\w-]{43}", said)[0]

    def text(self, name: str) -> str:
        return (self.folder / name).read_text("utf-8").strip()


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Secrets:
    folder = tmp_path_factory.mktemp("compose") / "secrets"
    run = make(folder, "--name", "alice", "--host", "photos.example")
    assert run.returncode == 0, run.stderr
    return Secrets(folder, run.stdout)


def test_all_is_made_that_compose_names(secrets: Secrets) -> None:
    assert {path.name for path in secrets.folder.iterdir()} == MADE
    assert set(load("compose.yaml")["secrets"]) == MADE | {"elasticsearch_key.yml"}


def test_containers_may_read_the_files_and_other_users_of_the_machine_do_not_reach_them(secrets: Secrets) -> None:
    assert secrets.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in secrets.folder.iterdir()} == {0o444}


def test_nothing_is_shown_but_the_key_which_is_stored_nowhere(secrets: Secrets) -> None:
    assert secrets.said.count(secrets.key) == 1
    assert not any(secrets.key in path.read_text("utf-8") for path in secrets.folder.iterdir())
    for name in ("metrics_key", "limner_redis_url", "grafana_admin_password"):
        assert secrets.text(name) not in secrets.said


def test_a_second_run_keeps_everything(secrets: Secrets) -> None:
    before = {path.name: path.read_bytes() for path in secrets.folder.iterdir()}
    run = make(secrets.folder)
    assert run.returncode == 0
    assert "shown this once" not in run.stdout
    assert {path.name: path.read_bytes() for path in secrets.folder.iterdir()} == before


def test_no_two_runs_make_the_same(secrets: Secrets, tmp_path: Path) -> None:
    assert make(tmp_path).returncode == 0
    assert all((tmp_path / name).read_text("utf-8").strip() != secrets.text(name) for name in MADE)


def test_half_of_what_belongs_together_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tls_cert").write_text("mine")
    run = make(tmp_path)
    assert run.returncode == 1
    assert "tls_cert but not all of tls_cert, tls_key" in run.stderr
    assert (tmp_path / "tls_cert").read_text("utf-8") == "mine"


def test_a_certificate_of_ones_own_is_taken(secrets: Secrets, tmp_path: Path) -> None:
    given = [f"--tls-{name}={secrets.folder / f'tls_{name}'}" for name in ("cert", "key")]
    assert make(tmp_path / "a", *given).returncode == 0
    assert (tmp_path / "a" / "tls_key").read_text("utf-8").strip() == secrets.text("tls_key")
    assert make(tmp_path / "b", given[0]).returncode == 2


def test_a_certificate_is_renewed_as_the_page_says_and_the_file_of_variables_stays(
    secrets: Secrets, tmp_path: Path
) -> None:
    page = (PROJECT_ROOT / "docs" / "containers.md").read_text("utf-8")
    (block,) = re.findall(r"^((?:    .+\n)+)\nand in `\.env`", page, re.MULTILINE)
    assert "the first two lines again" in page
    copied = tmp_path / "deploy" / "compose"
    copied.mkdir(parents=True)
    for name in ("make_secrets.py", ".env.example"):
        shutil.copy(COMPOSE / name, copied)

    def follow(lines: list[str], certificate: Path) -> None:
        shutil.copy(certificate / "tls_cert", tmp_path / "fullchain.pem")
        shutil.copy(certificate / "tls_key", tmp_path / "privkey.pem")
        subprocess.run(["/bin/sh", "-ec", "\n".join(lines)], cwd=tmp_path, check=True, timeout=60, capture_output=True)
        for name in ("fullchain.pem", "privkey.pem"):
            (tmp_path / name).unlink()

    first, second = secrets.folder, tmp_path / "second"
    assert make(second).returncode == 0
    follow(block.splitlines(), first)
    assert (copied / ".env").read_bytes() == (COMPOSE / ".env.example").read_bytes()
    (copied / ".env").write_text("BIND_ADDRESS=0.0.0.0\n")
    for lines in (block.splitlines()[:2], block.splitlines()):  # as told, and by who runs all of them
        follow(lines, second)
        assert (copied / ".env").read_text("utf-8") == "BIND_ADDRESS=0.0.0.0\n"
        assert (copied / "secrets" / "tls_cert").read_bytes() == (second / "tls_cert").read_bytes()


@pytest.mark.parametrize("arguments", [("--name", "a:b"), ("--name", "prometheus"), ("--host", "a b/CN=x")])
def test_names_that_would_mean_something_else_are_refused(arguments: tuple[str, str], tmp_path: Path) -> None:
    assert make(tmp_path, *arguments).returncode == 2


def test_the_certificate_is_for_the_host_and_fits_the_key(secrets: Secrets) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(secrets.folder / "tls_cert", secrets.folder / "tls_key")
    certificate = x509.load_pem_x509_certificate((secrets.folder / "tls_cert").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["photos.example"]
    uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(uses) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_a_key_of_elasticsearch_is_asked_for_and_never_shown(tmp_path: Path) -> None:
    run = make(tmp_path, "--elastic", given="aB3-x:s3cret_K\n")
    assert run.returncode == 0, run.stderr
    written = (tmp_path / "elasticsearch_key.yml").read_text("utf-8")
    assert written == 'output.elasticsearch.api_key: "aB3-x:s3cret_K"\n'
    assert "s3cret" not in run.stdout + run.stderr
    assert make(tmp_path / "b", "--elastic", given='x"\noutput.console: {}\n').returncode == 1


def test_limner_takes_what_lies_in_its_folder_of_secrets(secrets: Secrets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Settings.model_config, "secrets_dir", secrets.folder)
    settings = Settings()
    assert settings.redis_url is not None
    assert settings.redis_url.get_secret_value() == secrets.text("limner_redis_url")
    ring = KeyRing.from_settings(settings)
    client, metrics = ring.find(secrets.key.encode()), ring.find(secrets.text("metrics_key").encode())
    assert client is not None
    assert metrics is not None
    assert (client.name, client.roles) == ("alice", frozenset({"enhance"}))
    assert (metrics.name, metrics.roles) == ("prometheus", frozenset({"metrics"}))


def test_a_gateway_works_with_them_and_with_this_redis(
    secrets: Secrets, start_redis: StartRedis, triton_url: str, portrait: UInt8, tmp_path: Path
) -> None:
    text = (COMPOSE / "redis.conf").read_text("utf-8")
    own = [line for line in text.splitlines() if line.split(" ")[0] not in {"port", "bind"}]
    config = tmp_path / "redis.conf"
    config.write_text("\n".join(own).replace("/run/secrets/", f"{secrets.folder}/"))
    server = start_redis("--include", str(config))
    url = secrets.text("limner_redis_url").replace("redis:6379", f"127.0.0.1:{server.port}")

    with pytest.raises(redis.AuthenticationError), redis.Redis(port=server.port) as stranger:
        stranger.ping()
    with redis.Redis.from_url(url) as limner:
        assert limner.config_get("save")["save"] == ""
        assert limner.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
        for command in ("FLUSHALL", "SAVE", "CONFIG SET dir /tmp", "KEYS *", "SET other 1"):
            with pytest.raises(NoPermissionError):
                limner.execute_command(*command.split())

    replica = Replica(
        triton_url, tmp_path / "log", LIMNER_API_KEYS=secrets.text("limner_api_keys"), LIMNER_REDIS_URL=url
    )
    try:
        replica.wait()
        assert replica.client.get("/v1/models").status_code == 401
        scrape = {"Authorization": f"Bearer {secrets.text('metrics_key')}"}
        assert replica.client.get("/metrics", headers=scrape).status_code == 200
        assert replica.client.get("/v1/models", headers=scrape).status_code == 403
        replica.client.headers["Authorization"] = f"Bearer {secrets.key}"
        assert replica.client.get("/v1/models").status_code == 200
        task = replica.submit(encode(portrait, "PNG"), {"background": "lanczos", "restorer": "none"})
        replica.until(task, "completed")
        assert replica.client.get(f"/v1/photos/{task}/image").content.startswith(b"\x89PNG")
    finally:
        assert replica.stop() == 0, replica.log.read_text()


def test_without_openssl_it_says_so(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, str(PROGRAM), "--folder", str(tmp_path)],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 1
    assert "--tls-cert and --tls-key" in run.stderr


def test_it_needs_nothing_that_is_installed(tmp_path: Path) -> None:
    """The machine that runs Docker has a Python, and that is all."""
    run = subprocess.run(
        [sys.executable, "-I", "-S", str(PROGRAM), "--folder", str(tmp_path)],
        cwd=PROJECT_ROOT,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0
