"""What an import costs is measured in fresh processes, and of the whole."""

from bench.start import measure_imports, measure_parts


def test_an_import_is_a_part_of_a_first_subscription_and_has_what_it_stands_on() -> None:
    found = measure_parts(1)
    ground, imported, subscribed = (found[name] for name in ("what it stands on", "import", "subscribe"))
    assert ground["share"] == 1.0
    assert ground["modules"] < imported["modules"] <= subscribed["modules"]
    assert all(one["least"] > 0 for one in found.values())


def test_each_package_that_is_installed_is_imported() -> None:
    assert measure_imports(1)["websocket_v6"]["modules"] > 0
