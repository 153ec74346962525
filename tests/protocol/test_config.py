import copy
import inspect
import json
import pickle
import re
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.pretty import pretty_repr

from websocket_v6.protocol.config import VARIABLES, Config
from websocket_v6.protocol.errors import ConfigError
from websocket_v6.protocol.secret import Secret

ACCESS, SECRET = "ACCESS" + "a" * 34, "SECRET" + "s" * 34
TOKEN = "TOKEN" + "t" * 11
DOOR = "wss://host.example:8080/websocket/v1"
KEYED = {"UPBIT_ACCESS_KEY": ACCESS, "UPBIT_SECRET_KEY": SECRET}


def test_nothing_is_required() -> None:
    config = Config.from_env({})
    assert config == Config()
    assert (config.access_key, config.secret_key, config.token, config.runtime_dir) == (None, None, None, None)
    assert (config.region, config.format, config.compression, config.mode) == ("kr", "SIMPLE", True, "auto")
    assert (config.connect_timeout, config.ping_interval, config.ping_timeout) == (10.0, 20.0, 10.0)
    assert (config.backoff_initial, config.backoff_max, config.jwt_algorithm) == (0.5, 30.0, "HS512")
    assert config.silent_code_timeout < 10.0


def test_the_urls_follow_from_the_region() -> None:
    assert Config().url == "wss://api.upbit.com/websocket/v1"
    for region in ("sg", "id", "th"):
        config = Config.from_env({"WEBSOCKET_V6_REGION": region})
        assert config.url == f"wss://{region}-api.upbit.com/websocket/v1"
        assert config.private_url == f"{config.url}/private"
        assert config.info_url == f"{config.url}/info"


def test_a_url_goes_before_the_region_and_loses_its_last_slash() -> None:
    config = Config(region="sg", url="ws://127.0.0.1:9001/websocket/v1/")
    assert config.url == "ws://127.0.0.1:9001/websocket/v1"
    assert config.private_url == "ws://127.0.0.1:9001/websocket/v1/private"


def test_rest_calls_go_to_the_host_of_the_websocket_unless_told_otherwise() -> None:
    assert Config(region="sg").rest_base == "https://sg-api.upbit.com"
    config = Config(url="ws://127.0.0.1:9001/websocket/v1")
    assert config.rest_base == "http://127.0.0.1:9001"
    assert msgspec.structs.replace(config, url="wss://[::1]:9001/websocket/v1").rest_base == "https://[::1]:9001"
    assert msgspec.structs.replace(config, rest_url="http://127.0.0.1:9002/").rest_base == "http://127.0.0.1:9002"


def test_rest_calls_go_to_the_exchange_where_the_url_is_a_hosts() -> None:
    config = Config(region="sg", url=DOOR, token=TOKEN)
    assert config.rest_base == "https://sg-api.upbit.com"
    assert config.without_keys().rest_base == "https://sg-api.upbit.com", "whoever makes the calls has no token"
    config = msgspec.structs.replace(config, rest_url="http://127.0.0.1:9002/")
    assert config.rest_base == config.without_keys().rest_base == "http://127.0.0.1:9002"


def test_every_variable_is_read() -> None:
    environ = {
        **KEYED,
        "WEBSOCKET_V6_URL": "ws://localhost:1/v1",
        "WEBSOCKET_V6_TOKEN": TOKEN,
        "WEBSOCKET_V6_REGION": "TH",
        "WEBSOCKET_V6_FORMAT": "json_list",
        "WEBSOCKET_V6_COMPRESSION": "off",
        "WEBSOCKET_V6_MODE": "Embedded",
        "WEBSOCKET_V6_RUNTIME_DIR": "/run/user/1000/websocket_v6",
        "WEBSOCKET_V6_BACKFILL": "on",
        "WEBSOCKET_V6_ALLOW_PLAINTEXT": "on",
        "WEBSOCKET_V6_CA_FILE": "/etc/company.pem",
        "WEBSOCKET_V6_PROXY": "http://proxy:3128",
        "WEBSOCKET_V6_FLEET": "valkey://server",
        "WEBSOCKET_V6_FLEET_RESUME": "recorder",
    }
    assert set(environ) == set(VARIABLES.values())
    assert Config.from_env(environ) == Config(
        access_key=ACCESS,
        secret_key=SECRET,
        url="ws://localhost:1/v1",
        token=TOKEN,
        region="th",
        format="JSON_LIST",
        compression=False,
        mode="embedded",
        runtime_dir=Path("/run/user/1000/websocket_v6"),
        backfill=True,
        allow_plaintext=True,
        ca_file="/etc/company.pem",
        proxy="http://proxy:3128",
        fleet="valkey://server",
        fleet_resume="recorder",
    )


def test_the_environment_of_the_process_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBSOCKET_V6_REGION", "id")
    assert Config.from_env().region == "id"


def test_empty_variables_count_as_unset() -> None:
    assert Config.from_env(dict.fromkeys(VARIABLES.values(), "")) == Config()
    assert Config(access_key="", secret_key="") == Config()


@pytest.mark.parametrize(
    ("text", "expected"), [("on", True), ("TRUE", True), ("1", True), ("Off", False), ("false", False), ("0", False)]
)
def test_compression_is_switched(text: str, expected: bool) -> None:
    assert Config.from_env({"WEBSOCKET_V6_COMPRESSION": text}).compression is expected


@pytest.mark.parametrize(
    ("variable", "text", "accepted"),
    [
        ("WEBSOCKET_V6_REGION", "mars", "kr, sg, id, th"),
        ("WEBSOCKET_V6_FORMAT", "XML", "SIMPLE, DEFAULT, JSON_LIST, SIMPLE_LIST"),
        ("WEBSOCKET_V6_COMPRESSION", "perhaps", "on or off"),
        ("WEBSOCKET_V6_BACKFILL", "perhaps", "on or off"),
        ("WEBSOCKET_V6_MODE", "server", "auto, embedded, attach"),
        ("WEBSOCKET_V6_RUNTIME_DIR", "some/where", "absolute path"),
        ("WEBSOCKET_V6_URL", "https://api.upbit.com", "wss://api.upbit.com/websocket/v1"),
        ("WEBSOCKET_V6_TOKEN", "two words of some length", "16 printable characters or more"),
        ("WEBSOCKET_V6_TOKEN", TOKEN[:15], "16 printable characters or more"),
        ("UPBIT_ACCESS_KEY", "two words", "as the exchange shows it"),
        ("UPBIT_SECRET_KEY", "newline\n", "as the exchange shows it"),
    ],
)
def test_nonsense_in_a_variable_is_refused_with_its_name(variable: str, text: str, accepted: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_env({**KEYED, variable: text})
    assert variable in str(caught.value)
    assert accepted in str(caught.value)


@pytest.mark.parametrize(
    ("field", "least", "most"),
    [
        ("token_lifetime", 60, 86_400),
        ("connect_timeout", 0.1, 300),
        ("ping_interval", 0.05, 55),
        ("ping_timeout", 0.05, 300),
        ("backoff_initial", 0, 60),
        ("backoff_max", 0, 3600),
        ("silent_code_timeout", 0.1, 600),
        ("markets_interval", 0.1, 3600),
        ("gather", 0, 1),
        ("backfill_max_gap", 1, 518_400),
        ("backfill_timeout", 0.1, 300),
        ("max_age", 1, 604_800),
    ],
)
def test_durations_are_taken_up_to_their_bounds(field: str, least: float, most: float) -> None:
    pairs = {"backoff_initial": {"backoff_max": 3600}, "backoff_max": {"backoff_initial": 0}}
    others: dict[str, Any] = pairs.get(field, {})
    for value in (least, most):
        assert getattr(Config(**{**others, field: value}), field) == value
    for value in (least - 0.01, most + 0.01):
        with pytest.raises(ConfigError, match=f"{field}=.* is not accepted"):
            Config(**{**others, field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("region", "mars"),
        ("region", None),
        ("format", "simple"),
        ("format", []),
        ("compression", "on"),
        ("compression", 1),
        ("mode", ""),
        ("runtime_dir", "run/user/1000"),
        ("jwt_algorithm", "none"),
        ("token_lifetime", 59.9),
        ("token_lifetime", 86_401),
        ("connect_timeout", 0),
        ("ping_interval", 60),
        ("ping_interval", float("nan")),
        ("ping_timeout", float("inf")),
        ("ping_timeout", "10"),
        ("ping_timeout", True),
        ("backoff_initial", -1),
        ("backoff_initial", 31),
        ("backoff_max", 0.4),
        ("silent_code_timeout", None),
        ("gather", 2),
        ("backfill", "on"),
        ("backfill_max_gap", 700_000),
        ("backfill_timeout", 0),
        ("rest_url", "ws://127.0.0.1:9001"),
        ("rest_url", None),
        ("redundancy", 0),
        ("redundancy", 4),
        ("redundancy", True),
        ("redundancy", 2.0),
        ("max_age", 0.5),
        ("max_age", float("inf")),
        ("access_key", 7),
        ("secret_key", b"bytes"),
        ("token", TOKEN[:15]),
        ("token", TOKEN + "\n"),
        ("token", "토" * 20),
        ("token", TOKEN.encode()),
    ],
)
def test_nonsense_in_a_field_is_refused_with_its_name(field: str, value: Any) -> None:
    fields: dict[str, Any] = {"access_key": ACCESS, "secret_key": SECRET, field: value}
    with pytest.raises(ConfigError, match="is not accepted: give") as caught:
        Config(**fields)
    assert "backoff" in str(caught.value) if field.startswith("backoff") else str(caught.value).startswith(field)


@pytest.mark.parametrize(
    "url",
    [
        "api.upbit.com/websocket/v1",
        "http://api.upbit.com",
        "wss://",
        "wss:///websocket/v1",
        "wss://api.upbit.com:port/",
        "wss://api.upbit.com:99999/",
        "wss://api.upbit.com/websocket/v1 garbage",
        "wss://api.upbit.com/websocket/v1\n",
        "wss://api.upbit.com/?q=1",
        "wss://api.upbit.com/#part",
        "wss://api.upbit.com/websocket/v1/private",
        "wss://[::1/",
        "wss://업비트/",
        17,
    ],
)
def test_what_is_no_public_endpoint_is_refused(url: Any) -> None:
    with pytest.raises(ConfigError, match=r"url=.* is not accepted: give a public endpoint such as wss://"):
        Config(url=url)


@pytest.mark.parametrize("url", ["ws://127.0.0.1:1", "wss://[::1]:443/v1", "wss://host.example/a/b"])
def test_endpoints_of_ones_own_are_accepted(url: str) -> None:
    assert Config(url=url).url == url


def test_a_key_without_its_other_half_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^secret_key is missing: .*both or neither"):
        Config(access_key=ACCESS)
    with pytest.raises(ConfigError, match=r"^UPBIT_ACCESS_KEY is missing: .*both or neither"):
        Config.from_env({"UPBIT_SECRET_KEY": SECRET})


def test_a_token_is_for_doors_and_is_not_told_to_the_exchange() -> None:
    assert Config(url=DOOR, token=TOKEN).token == Secret(TOKEN)
    assert Config(token="").token is None
    for url in ("", "wss://api.upbit.com/websocket/v1", "wss://sg-api.upbit.com/websocket/v1/"):
        with pytest.raises(ConfigError, match=r"^token is that of a door: give url") as caught:
            Config(url=url, token=TOKEN)
        assert TOKEN not in str(caught.value)
    with pytest.raises(ConfigError, match=r"^WEBSOCKET_V6_TOKEN is that of a door: give WEBSOCKET_V6_URL"):
        Config.from_env({"WEBSOCKET_V6_TOKEN": TOKEN})


@pytest.mark.parametrize("secrets", [{"access_key": ACCESS, "secret_key": SECRET}, {"token": TOKEN}, {}])
@pytest.mark.parametrize("url", ["ws://10.0.0.7:9001/websocket/v1", "ws://exchange.example/websocket/v1"])
def test_no_token_crosses_a_network_in_clear_without_a_word(url: str, secrets: dict[str, Any]) -> None:
    if secrets:
        with pytest.raises(ConfigError, match=r"^url='ws://.* would carry tokens in clear: .* set allow_plaintext$"):
            Config(url=url, **secrets)
        with pytest.raises(ConfigError, match=r"^WEBSOCKET_V6_URL=.* set WEBSOCKET_V6_ALLOW_PLAINTEXT$"):
            Config.from_env({"WEBSOCKET_V6_URL": url, **{VARIABLES[name]: value for name, value in secrets.items()}})
    else:
        with pytest.raises(ConfigError, match="in clear"):
            Config(url=url).check_secrecy()
    Config(url=url, allow_plaintext=True, **secrets).check_secrecy()
    for good in ("wss://exchange.example/websocket/v1", "ws://localhost:9001", "ws://[::1]:9001", "ws://127.0.0.2"):
        Config(url=good, **secrets).check_secrecy()


@pytest.mark.parametrize(
    "leave", [json.dumps, msgspec.json.encode, msgspec.msgpack.encode, msgspec.to_builtins, msgpack.packb, pickle.dumps]
)
def test_no_encoder_takes_a_key(leave: Callable[[object], object]) -> None:
    config = Config(access_key=ACCESS, secret_key=SECRET, url=DOOR, token=TOKEN)
    for value in (config, msgspec.structs.asdict(config), msgspec.structs.astuple(config)[:2]):
        with pytest.raises(TypeError):
            leave(value)
        for text in (repr(value), str(value), repr(copy.copy(value))):
            assert not any(secret in text for secret in (ACCESS, SECRET, TOKEN))


def test_it_is_an_immutable_value() -> None:
    config = Config(ping_interval=1, access_key=ACCESS, secret_key=SECRET)
    same = Config(ping_interval=1.0, access_key=ACCESS, secret_key=SECRET)
    assert config == same
    assert hash(config) == hash(same)
    assert config != config.without_keys() == Config(ping_interval=1)
    with pytest.raises(AttributeError):
        config.region = "sg"  # type: ignore[misc]


@pytest.mark.parametrize("show", [repr, str, "{}".format, pretty_repr])
def test_keys_never_show(show: Any) -> None:
    config = Config(access_key=ACCESS, secret_key=SECRET, url=DOOR, token=TOKEN)
    text = show(config)
    assert ACCESS not in text
    assert SECRET not in text
    assert TOKEN not in text
    assert "'set'" in text
    assert "'set'" not in show(config.without_keys())


@pytest.mark.parametrize("secrets", [{"access_key": ACCESS, "secret_key": SECRET}, {"url": DOOR, "token": TOKEN}])
def test_keys_and_tokens_do_not_leave_the_process(secrets: dict[str, Any]) -> None:
    config = Config(**secrets)
    with pytest.raises(TypeError, match="without_keys"):
        pickle.dumps(config)
    public = config.without_keys()
    assert pickle.loads(pickle.dumps(public)) == copy.deepcopy(public) == public  # noqa: S301


@pytest.mark.parametrize(
    "wrong",
    [
        {"WEBSOCKET_V6_REGION": "mars"},
        {"UPBIT_SECRET_KEY": SECRET + " "},
        {"UPBIT_ACCESS_KEY": ACCESS + "\n"},
        {"UPBIT_ACCESS_KEY": ""},
        {"WEBSOCKET_V6_URL": f"wss://user:{SECRET}@api.upbit.com"},
        {"WEBSOCKET_V6_URL": "wss://api.upbit.com/websocket/v1/private/"},
        {"WEBSOCKET_V6_URL": "ws://10.0.0.7/websocket/v1"},
        {"WEBSOCKET_V6_TOKEN": SECRET[:15]},
        {"WEBSOCKET_V6_TOKEN": SECRET + "\n"},
        {"WEBSOCKET_V6_TOKEN": SECRET},
    ],
)
def test_no_error_holds_a_secret_nor_does_its_traceback(wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_env({**KEYED, **wrong})
    # The first frame is this one, where the keys are.
    within = caught.value.with_traceback(caught.tb.tb_next)
    told = "".join(traceback.TracebackException.from_exception(within, capture_locals=True).format())
    assert "from_env" in told
    assert SECRET[:15] not in told
    assert ACCESS not in told


def test_no_error_of_a_configuration_shows_its_token() -> None:
    wrongs: list[dict[str, Any]] = [
        {"token": TOKEN + " "},
        {"token": TOKEN[:15]},
        {"token": TOKEN, "url": DOOR, "region": "mars"},
    ]
    wrongs.append({"url": f"wss://user:{TOKEN}@host.example"})
    for wrong in wrongs:
        with pytest.raises(ConfigError) as caught:
            Config(**wrong)
        within = caught.value.with_traceback(caught.tb.tb_next)
        told = "".join(traceback.TracebackException.from_exception(within, capture_locals=True).format())
        assert "__post_init__" in told
        assert TOKEN[:15] not in told


@given(st.dictionaries(st.sampled_from(sorted(VARIABLES.values())), st.text(max_size=30)))
def test_any_environment_is_accepted_or_refused_by_name(environ: dict[str, str]) -> None:
    try:
        config = Config.from_env(environ)
    except ConfigError as exc:
        told = str(exc)
    else:
        told = ""
        assert msgspec.structs.replace(config) == config
        assert config.url.startswith(("ws://", "wss://"))
    assert not told or any(variable in told for variable in VARIABLES.values())


# --- proxies and certificates


@pytest.mark.parametrize(
    "proxy", [None, "", "direct", "http://proxy:3128", "proxy:3128", "socks5://me:hunter2@proxy", "socks5h://[::1]:9"]
)
def test_proxies_that_are_accepted(proxy: str | None) -> None:
    assert Config(proxy=proxy).proxy == (proxy or None)


@pytest.mark.parametrize("proxy", ["https://me:hunter2@proxy", "socks4://me:hunter2@proxy", "http://me:hunter2@", 5])
def test_proxies_that_are_not_are_refused_without_their_password(proxy: Any) -> None:
    accepted = r"socks5h://\[user:password@\]host:port"
    with pytest.raises(ConfigError, match=accepted) as caught:
        Config(proxy=proxy)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ConfigError, match=f"WEBSOCKET_V6_PROXY.*{accepted}") as caught:
        Config.from_env({"WEBSOCKET_V6_PROXY": f"{proxy}://"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("show", [repr, str, "{}".format, pretty_repr])
def test_the_password_of_a_proxy_never_shows(show: Any) -> None:
    config = Config(proxy="http://somebody:hunter2@proxy:3128")
    for one in (config, config.without_keys()):
        text = show(one)
        assert "hunter2" not in text
        assert "somebody" not in text
        assert "http://***@proxy:3128" in text
        assert one.proxy == "http://somebody:hunter2@proxy:3128", "whoever connects needs it"


# --- many machines


@pytest.mark.parametrize("fleet", [None, "", "valkey://host:6379/0", "rediss://host", "valkey+unix:///run/valkey.sock"])
def test_servers_that_are_accepted(fleet: str | None) -> None:
    config = Config(fleet=fleet)
    assert config.fleet == (fleet or None)
    assert (config.fleet_servers is None) == (not fleet)
    assert Config.from_env({"WEBSOCKET_V6_FLEET": fleet or ""}) == config


@pytest.mark.parametrize("fleet", ["http://me:hunter2@host", "host", "valkey://me:hunter2@", 5])
def test_servers_that_are_not_are_refused_without_their_password(fleet: Any) -> None:
    with pytest.raises(ConfigError, match="give a server such as valkey://") as caught:
        Config(fleet=fleet)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ConfigError, match="WEBSOCKET_V6_FLEET") as caught:
        Config.from_env({"WEBSOCKET_V6_FLEET": f"{fleet}://"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("show", [repr, str, "{}".format, pretty_repr])
def test_the_password_of_a_server_never_shows(show: Any) -> None:
    config = Config(fleet="valkey://somebody:hunter2@host:6379/1")
    for one in (config, config.without_keys()):
        assert "hunter2" not in show(one)
        assert "somebody" not in show(one)
        assert "valkey://***@host:6379/1" in show(one)
        assert one.fleet_servers is not None
        assert one.fleet_servers.password == "hunter2", "whoever connects needs it"
    with pytest.raises(TypeError, match="do not leave their process"):
        pickle.dumps(config)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("fleet_private", 1),
        ("fleet_compression", "zstd"),
        ("fleet_retention", 0),
        ("fleet_delay", 2),
        ("fleet_read", 1),
    ],
)
def test_what_makes_no_sense_in_a_fleet_is_refused(field: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=field):
        Config(**{field: value})


@pytest.mark.parametrize("ca_file", [None, "company.pem", Path("/etc/ssl/company.pem")])
def test_a_file_of_certificates(ca_file: Path | str | None) -> None:
    assert Config(ca_file=ca_file).ca_file == ca_file


def test_what_is_no_file_of_certificates_is_refused() -> None:
    with pytest.raises(ConfigError, match="ca_file=5 is not accepted"):
        Config(ca_file=5)  # type: ignore[arg-type]


def test_a_folder_may_be_given_as_text() -> None:
    assert Config(runtime_dir="/run/mine") == Config(runtime_dir=Path("/run/mine"))
    assert Config(runtime_dir="/run/mine").runtime_dir == Path("/run/mine")


def test_its_help_explains_every_field() -> None:
    text = inspect.getdoc(Config) or ""  # which has the same margin in every version of Python
    for field in Config.__struct_fields__:
        assert re.search(rf"^    ([\w, ]+, )?{field}(, [\w, ]+)?: ", text, re.MULTILINE), field


@pytest.mark.parametrize(
    ("rest_url", "is_safe"),
    [("http://127.0.0.1:9", True), ("https://203.0.113.1", True), ("", True), ("http://203.0.113.1", False)],
)
def test_no_token_goes_with_a_rest_call_in_clear(rest_url: str, is_safe: bool) -> None:
    config = Config(rest_url=rest_url)
    if is_safe:
        config.check_rest_secrecy()
    else:
        with pytest.raises(ConfigError, match="in clear"):
            config.check_rest_secrecy()
        Config(rest_url=rest_url, allow_plaintext=True).check_rest_secrecy()
