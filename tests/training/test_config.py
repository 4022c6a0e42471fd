import pytest

from tfcaf_forge.errors import ConfigError
from tfcaf_forge.training.config import TrainConfig, epsilon_at, load_config, override


def test_a_file_changes_what_it_names_and_nothing_else(tmp_path):
    path = tmp_path / "train.toml"
    path.write_text('hidden = 32\nrecurrent = false\noptimiser = "rmsprop"\n')
    assert load_config(path) == TrainConfig(hidden=32, recurrent=False, optimiser="rmsprop")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("hiden = 3", "unknown key `hiden`.*did you mean `hidden`"),
        ("hidden = 0", r"Expected `int` >= 1.*hidden"),
        ('hidden = "64"', "Expected `int`, got `str`"),
        ("td_lambda = 1.5", "td_lambda"),
        ('optimiser = "sgd"', "optimiser"),
        ("n_step = 3\ntd_lambda = 0.5", "set only one of them"),
        ("batch_episodes = 64\nbuffer_episodes = 32", "enlarge the buffer"),
        ("hidden = ", "not valid TOML"),
        ("grad_clip = inf", "grad_clip = inf is not finite; write 1e9 to clip nothing"),
        ("updates_per_episode = inf", "updates_per_episode = inf is not finite; write a number"),
        ("learning_rate = 1e999", "learning_rate = inf is not finite"),
    ],
)
def test_faulty_files_are_refused_with_the_place(tmp_path, text, complaint):
    path = tmp_path / "train.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=complaint) as fault:
        load_config(path)
    assert str(path) in str(fault.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml"):
        load_config(tmp_path / "none.toml")


def test_overrides_are_checked_like_a_file():
    assert override(TrainConfig(), {"hidden": 8}).hidden == 8
    with pytest.raises(ConfigError, match="did you mean `gamma`"):
        override(TrainConfig(), {"gama": 0.9})
    with pytest.raises(ConfigError, match="grad_clip = inf is not finite"):
        override(TrainConfig(), {"grad_clip": float("inf")})


def test_epsilon_falls_linearly_and_stays():
    config = TrainConfig(epsilon_start=1.0, epsilon_end=0.2, epsilon_steps=100)
    assert [epsilon_at(config, steps) for steps in (0, 50, 100, 1000)] == pytest.approx([1.0, 0.6, 0.2, 0.2])
