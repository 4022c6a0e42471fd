import pytest

from tfcaf_forge.errors import ConfigError
from tfcaf_forge.training.presets import PRESETS, find_preset


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_valid_configuration(name):
    assert find_preset(name).config


def test_epymarls_presets_reproduce_what_it_does_and_say_so():
    for name in ("epymarl-vdn", "epymarl-qmix"):
        preset = find_preset(name)
        assert preset.config.time_limit == "terminates"
        assert preset.config.reward_moments == "replayed"
        assert "stores a time limit as an end" in preset.about
        assert "padding" in preset.about


def test_an_unknown_preset_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean epymarl-qmix"):
        find_preset("epymarl-qmx")
