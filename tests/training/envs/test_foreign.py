import os
from functools import partial

import numpy as np
import pytest

from tests.options import with_options
from tfcaf_forge.errors import EnvironmentFailed, MissingExtra, TaskError
from tfcaf_forge.training.envs.base import copy_seeds
from tfcaf_forge.training.envs.behaviour import RandomBehaviour
from tfcaf_forge.training.envs.copies import CopiesBatch, Shown, Sizes
from tfcaf_forge.training.envs.foreign import GymnasiumEnv, PettingZooEnv
from tfcaf_forge.training.envs.make import make_env
from tfcaf_forge.training.envs.mpe import MpeEnv, flee, follow
from tfcaf_forge.training.envs.warehouse import WarehouseEnv
from tfcaf_forge.training.envs.workers import WorkerBatch
from tfcaf_forge.training.rollout import rollout


class Counting:
    """One agent that counts to three; it breaks as its name says when it has acted twice."""

    def __init__(self, breaks=""):
        if breaks == "at the start":
            raise RuntimeError("no such rocket")
        self.breaks = breaks
        self.sizes = Sizes(n_agents=1, n_actions=2, obs_size=1, state_size=1, episode_limit=3)

    def reset(self, seed):
        self.t = 0
        return self._shown()

    def step(self, actions):
        self.t += 1
        if self.t == 2:
            if self.breaks == "raise":
                raise ValueError("the rocket exploded")
            if self.breaks == "die":
                os._exit(7)
            while self.breaks == "hang":
                pass
        return self._shown()

    def _shown(self):
        seen = np.full((1, 1), self.t, np.float32)
        return Shown(obs=seen, state=seen[0], agent_reward=[float(self.t)], terminated=self.t == 3)


@pytest.mark.parametrize(
    ("breaks", "message", "patience"),
    [
        ("raise", "ValueError: the rocket exploded", 60.0),
        ("die", "a worker died with exit code 7", 60.0),
        ("hang", "no answer from 1 of its workers in 2 s", 2.0),
    ],
)
def test_a_worker_that_breaks_is_reported_and_nobody_waits_for_it(breaks, message, patience):
    env = WorkerBatch(Counting, 2, workers=2)
    env._patience = patience
    first = env._processes[0]
    env.close()
    assert not first.is_alive()
    env = WorkerBatch(partial(Counting, breaks), 1, workers=1)
    env._patience = patience
    env.reset(0)
    actions = np.zeros((1, 1), np.int64)
    assert env.step(actions).reward.tolist() == [1.0]
    with pytest.raises(EnvironmentFailed, match=message):
        env.step(actions)
    with pytest.raises(EnvironmentFailed, match="have ended"):
        env.step(actions)
    assert not any(process.is_alive() for process in env._processes)


def test_workers_show_exactly_what_copies_in_one_process_show():
    make = partial(MpeEnv, "simple_spread_v3", {"max_cycles": 10})
    inside, outside = CopiesBatch(make, 5), WorkerBatch(make, 5, workers=2)
    policy = RandomBehaviour()
    one, other = rollout(inside, policy, seed=3), rollout(outside, policy, seed=3)
    outside.close()
    assert one.n_transitions == 50
    assert all(np.array_equal(one.arrays()[name], other.arrays()[name]) for name in one.arrays())


def test_a_copy_that_has_ended_stays_as_it_is():
    env = CopiesBatch(Counting, 2)
    env.reset(0)
    rewards = [env.step(np.zeros((2, 1), np.int64)).reward[0] for _ in range(5)]
    assert rewards == [1, 2, 3, 0, 0]


def test_particles_are_mpe2s_own_and_the_prey_plays_its_script():
    from mpe2 import simple_tag_v3

    env = CopiesBatch(partial(MpeEnv, "simple_tag_v3", {}), 1)
    original = simple_tag_v3.parallel_env(max_cycles=25)
    step = env.reset(4)
    shown, _ = original.reset(seed=copy_seeds(4, 1)[0])
    rng = np.random.default_rng(0)
    for t in range(25):
        actions = rng.integers(0, 5, (1, 3))
        world = original.unwrapped.world
        prey = next(agent for agent in world.agents if not agent.adversary)
        team = {f"adversary_{i}": int(a) for i, a in enumerate(actions[0])}
        place = step.state[0, 12:16]
        assert np.allclose(place, [*prey.state.p_pos, *prey.state.p_vel])
        shown, rewards, _, cuts, _ = original.step({**team, "agent_0": flee(world, prey)})
        step = env.step(actions)
        assert np.array_equal(step.obs[0], np.array([shown[f"adversary_{i}"] for i in range(3)], np.float32))
        assert step.agent_reward[0].tolist() == [rewards[f"adversary_{i}"] for i in range(3)]
        assert bool(step.truncated[0]) == cuts["adversary_0"] == (t == 24)


def test_a_prey_flees_and_an_adversary_follows():
    world, prey, hunter = _World(), _Body([0.0, 0.0]), _Body([0.3, 0.0], adversary=True)
    world.agents = [prey, hunter]
    assert flee(world, prey) == 1, "away, to the left"
    prey.state.p_pos = np.array([-0.95, 0.0])
    hunter.state.p_pos = np.array([-0.5, 0.0])
    assert flee(world, prey) in (2, 3, 4), "not over the edge"
    world.landmarks = [_Body([0.9, 0.9]), _Body([-0.9, -0.5])]
    assert follow(world, hunter) == 3, "down, to the landmark that the other one stands at"


class _Body:
    def __init__(self, place, adversary=False):
        self.adversary = adversary
        self.state = type("State", (), {"p_pos": np.array(place), "p_vel": np.zeros(2)})()


class _World:
    agents, landmarks = (), ()


def test_a_warehouse_is_rwares_own():
    import gymnasium

    env = CopiesBatch(partial(WarehouseEnv, "rware-tiny-2ag-v2", {"max_steps": 60}), 1)
    original = gymnasium.make("rware-tiny-2ag-v2", max_steps=60, disable_env_checker=True).unwrapped
    step = env.reset(2)
    shown, _ = original.reset(seed=copy_seeds(2, 1)[0])
    rng = np.random.default_rng(0)
    carried = 0
    for t in range(60):
        actions = rng.choice(5, (1, 2), p=[0.05, 0.5, 0.1, 0.1, 0.25])
        assert np.array_equal(step.obs[0], np.array(shown))
        shown, rewards, _, _, _ = original.step(actions[0].tolist())
        step = env.step(actions)
        assert step.agent_reward[0].tolist() == rewards
        assert step.truncated[0] == (t == 59)
        assert not step.terminated[0]
        robots = step.state[0, :8].reshape(2, 4)
        assert robots[:, :3].tolist() == [[r.x, r.y, r.dir.value] for r in original.agents]
        assert (robots[:, 3] > 0).tolist() == [r.carrying_shelf is not None for r in original.agents]
        carried += int((robots[:, 3] > 0).sum())
    assert carried > 0


def test_any_gymnasium_environment_with_agents_can_be_played():
    options = {"episode_limit": 20, "ends_are_limits": False}
    env = CopiesBatch(partial(GymnasiumEnv, "lbforaging:Foraging-5x5-2p-1f-v3", options), 2)
    episodes = rollout(env, RandomBehaviour(), seed=0).check()
    assert episodes.state_size == 2 * episodes.obs_size + 2
    assert episodes.n_transitions > 0
    with pytest.raises(TaskError, match="multi-agent"):
        GymnasiumEnv("CartPole-v1", {})
    with pytest.raises(TaskError, match="no_such_package"):
        GymnasiumEnv("no_such_package:X-v0", {})


class Scripted:
    """Two agents whose ends are given, as (terminated, truncated) of each step; as a Gymnasium or as a PettingZoo environment."""

    possible_agents = (0, 1)

    def __init__(self, *ends, **attributes):
        self.ends = ends
        self.action_space = _PerAgent(type("Discrete", (), {"n": 2})())
        self.observation_space = _PerAgent(type("Box", (), {"shape": (1,)})())
        self.__dict__.update(attributes)

    def reset(self, seed):
        self.t, self.agents = 0, [0, 1]
        return {0: [0.0], 1: [0.0]}, {}

    def step(self, actions):
        flags = [dict(enumerate(flag)) for flag in self.ends[self.t]]
        self.t += 1
        self.agents = [agent for agent in self.agents if not (flags[0][agent] or flags[1][agent])]
        return {0: [0.0], 1: [0.0]}, {0: 0.0, 1: 0.0}, *flags, {}


class AsGymnasium(Scripted):
    def reset(self, seed):
        return [[0.0], [0.0]], super().reset(seed)[1]

    def step(self, actions):
        _, _, *flags, infos = super().step(actions)
        return [[0.0], [0.0]], [0.0, 0.0], *[list(flag.values()) for flag in flags], infos


class _PerAgent(list):
    def __init__(self, space):
        super().__init__([space, space])

    def __call__(self, agent):
        return self[agent]


def play(monkeypatch, adapter, scripted, **options):
    """(terminated, truncated) of each step until one of them is said."""
    from tfcaf_forge.training.envs import foreign

    monkeypatch.setattr(foreign, "make_gymnasium", lambda *_: scripted)
    monkeypatch.setattr(foreign, "make_pettingzoo", lambda *_: scripted)
    env = adapter("scripted", options)
    env.reset(0)
    said = []
    while not said or said[-1] == (False, False):
        shown = env.step([0, 0])
        said.append((shown.terminated, shown.truncated))
    return said


NO, YES, ONE, OTHER = (False, False), (True, True), (True, False), (False, True)
GOES_ON, TERMINATED, TRUNCATED = (False, False), (True, False), (False, True)


@pytest.mark.parametrize(("adapter", "kind"), [(GymnasiumEnv, AsGymnasium), (PettingZooEnv, Scripted)])
@pytest.mark.parametrize(
    ("end", "said"),
    [
        ((YES, NO), TERMINATED),
        ((YES, YES), TERMINATED),
        ((NO, YES), TRUNCATED),
        ((ONE, OTHER), TRUNCATED),
        ((YES, OTHER), TERMINATED),
        ((NO, NO), TRUNCATED),
    ],
)
def test_an_episode_that_ends_by_itself_at_the_last_step_is_not_cut(monkeypatch, adapter, kind, end, said):
    assert play(monkeypatch, adapter, kind((NO, NO), end), episode_limit=2) == [GOES_ON, said]


@pytest.mark.parametrize(("adapter", "kind"), [(GymnasiumEnv, AsGymnasium), (PettingZooEnv, Scripted)])
def test_an_episode_is_over_once_every_agent_is_and_a_truncation_unless_all_terminated(monkeypatch, adapter, kind):
    assert play(monkeypatch, adapter, kind((NO, NO), (ONE, OTHER)), episode_limit=9) == [GOES_ON, TRUNCATED]
    assert play(monkeypatch, adapter, kind((NO, NO), (YES, NO)), episode_limit=9) == [GOES_ON, TERMINATED]
    assert play(monkeypatch, adapter, kind((NO, NO), (YES, YES)), episode_limit=9) == [GOES_ON, TERMINATED]


def test_an_end_at_a_limit_of_the_environments_own_is_a_cut_unless_it_tells_them_apart(monkeypatch):
    def last(end, **options):
        return play(monkeypatch, GymnasiumEnv, AsGymnasium((NO, NO), end, max_steps=2), **options)[-1]

    assert last((YES, NO)) == TRUNCATED, "one end only is reported: it may be the limit"
    assert last((YES, NO), ends_are_limits=False) == TERMINATED
    assert last((YES, YES)) == TERMINATED
    early = AsGymnasium((YES, NO), max_steps=2)
    assert play(monkeypatch, GymnasiumEnv, early) == [TERMINATED]
    assert play(monkeypatch, GymnasiumEnv, early, ends_are_limits=True) == [TRUNCATED]


@pytest.mark.parametrize(
    ("env_id", "options"),
    [
        ("lbforaging:Foraging-8x8-2p-2f-coop-v3", {"max_episode_steps": 6}),
        ("rware:rware-tiny-2ag-v2", {"max_steps": 6}),
        ("lbforaging:Foraging-8x8-2p-2f-coop-v3", {"episode_limit": 6}),
        ("rware:rware-tiny-2ag-v2", {"episode_limit": 6}),
    ],
)
def test_environments_that_report_their_limit_as_an_end_are_cut_there(env_id, options):
    episodes = rollout(CopiesBatch(partial(GymnasiumEnv, env_id, options), 8), RandomBehaviour(), seed=0).check()
    assert episodes.horizon == 6
    assert episodes.truncated[:, -1].all()
    assert not episodes.terminated.any()


def test_any_pettingzoo_environment_can_be_played():
    env = CopiesBatch(partial(PettingZooEnv, "mpe2.simple_speaker_listener_v4", {"max_cycles": 8}), 2)
    episodes = rollout(env, RandomBehaviour(), seed=0).check()
    assert (episodes.n_agents, episodes.horizon) == (2, 8)
    assert episodes.truncated[:, -1].all()
    assert not episodes.available[:, :-1, 0].all(), "speaker and listener have different numbers of actions"
    with pytest.raises(TaskError, match="has no parallel_env"):
        PettingZooEnv("json", {"episode_limit": 1})
    with pytest.raises(TaskError, match="episode_limit"):
        PettingZooEnv("mpe2.simple_spread_v3", {})
    with pytest.raises(TaskError, match="no_such"):
        PettingZooEnv("mpe2.simple_spread_v3", {"episode_limit": 3, "no_such": 1})


@pytest.mark.parametrize(
    ("kind", "module", "extra"), [("mpe-tag-3", "mpe2", "mpe"), ("rware-tiny-2ag", "rware", "rware")]
)
def test_a_missing_package_is_named_with_its_extra(tasks, monkeypatch, kind, module, extra):
    for name in [name for name in __import__("sys").modules if name.partition(".")[0] == module]:
        monkeypatch.delitem(__import__("sys").modules, name)
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(MissingExtra, match=rf"tfcaf-forge\[{extra}\]"):
        make_env(tasks[kind], 1)


def test_a_task_file_may_ask_for_workers(tasks):
    task = tasks["mpe-spread-3"]
    env = make_env(with_options(task, workers=2), 3)
    assert isinstance(env, WorkerBatch)
    env.close()
    with pytest.raises(TaskError, match="workers = 'many'"):
        make_env(with_options(task, workers="many"), 3)
