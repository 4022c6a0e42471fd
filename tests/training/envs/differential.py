"""Foraging on arrays against lbforaging itself: same layouts, same actions, everything compared exactly.

    python -m tests.training.envs.differential --steps 200000

The suite runs it with fewer steps. A step is one copy's; copies that have ended are not counted.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import dataclass, field

import gymnasium
import lbforaging  # noqa: F401 - importing it registers the ids
import msgspec
import numpy as np

from tfcaf_forge.records.task_spec import load_task
from tfcaf_forge.resources import bundled_tasks
from tfcaf_forge.training.envs.behaviour import ForagingBehaviour
from tfcaf_forge.training.envs.foraging import LOAD, ForagingBatch
from tfcaf_forge.training.envs.foraging_rules import draw_layouts

BUNDLED = ["Foraging-2s-8x8-2p-2f-coop-v3", "Foraging-2s-10x10-3p-3f-v3", "Foraging-2s-15x15-4p-3f-v3"]
VARIANTS = [
    *[(env_id, {}) for env_id in BUNDLED],
    ("Foraging-5x5-3p-2f-v3", {}),
    ("Foraging-8x8-4p-4f-coop-v3", {"penalty": 0.1}),
    ("Foraging-2s-5x5-2p-1f-coop-v3", {"mask_invalid": True}),
    ("Foraging-2s-6x6-5p-3f-v3", {"normalize_reward": False, "penalty": 0.25}),
    ("Foraging-2s-7x7-3p-4f-v3", {"max_food_level": 2, "max_player_level": 4, "mask_invalid": True}),
    ("Foraging-2s-8x8-3p-3f-v3", {"observe_agent_levels": False, "sight": 3}),
    ("Foraging-2s-9x9-4p-3f-v3", {"grid_observation": True, "max_episode_steps": 25}),
    ("Foraging-6x6-9p-2f-v3", {}),
]


@dataclass
class Found:
    """What was compared."""

    steps: int = 0
    episodes: int = 0
    seen: Counter = field(default_factory=Counter)


class Anything:
    """Stands for the observation space where lbforaging's own is faulty (its grids)."""

    shape = None

    def contains(self, _):
        return True


def original(env_id, options):
    """One lbforaging environment with these options."""
    rest = {name: value for name, value in options.items() if name not in ("mask_invalid", "grid_observation")}
    spec = gymnasium.spec(env_id)
    env = gymnasium.envs.registration.load_env_creator(spec.entry_point)(**{**spec.kwargs, **rest})
    if options.get("grid_observation"):  # its constructor refuses the grid's shape; the observations themselves work
        env._grid_observation = True
        env.observation_space = [Anything()] * env.n_agents
    return env


def put(env, layout, b, width):
    """Start an episode from a layout."""
    env.field = np.zeros(env.field_size, np.int32)
    for player, cell, level in zip(env.players, layout.agents[b], layout.agent_levels[b], strict=True):
        player.reward = 0
        player.setup((cell // width - 1, cell % width - 1), level, env.field_size)
    for cell, level in zip(layout.foods[b], layout.food_levels[b], strict=True):
        if level:
            env.field[cell // width - 1, cell % width - 1] = level
    env._food_spawned = env.field.sum()
    env.current_step, env._game_over = 0, False
    env._gen_valid_moves()
    return env._make_gym_obs()


def forager(rules, epsilon):
    """The scripted forager for any variant."""
    task = load_task(bundled_tasks()["lbf-8x8-2p-2f-coop"])
    replace = msgspec.structs.replace
    agents, foods, last = task.state
    x = replace(agents.fields[0], high=rules.size - 1)
    return ForagingBehaviour(
        replace(
            task,
            agents=replace(task.agents, count=rules.n_agents),
            state=(
                replace(agents, count=rules.n_agents, fields=(x, replace(x, name="y"), agents.fields[2])),
                replace(foods, count=rules.n_foods),
                replace(last, count=rules.n_agents),
            ),
        ),
        epsilon,
    )


def compare(env_id, options, *, n_envs, seed, found):
    """One episode in every copy, compared at every step."""
    rng = np.random.default_rng(seed)
    batch = ForagingBatch(env_id, n_envs, options)
    layout = draw_layouts(batch.rules, n_envs, rng)
    envs = [original(env_id, options) for _ in range(n_envs)]
    shown = [put(env, layout, b, batch.rules.width) for b, env in enumerate(envs)]
    step = batch.place(layout)
    policy = forager(batch.rules, float(rng.choice([0.05, 0.3, 0.6, 1.0])))
    policy.begin(n_envs, rng)
    eager = float(rng.choice([0.0, 0.1, 0.4]))  # share of actions that are loads, so that many fail
    for b in range(n_envs):
        _same_view(batch, step, b, envs[b], shown[b])
    for _ in range(batch.episode_limit):
        actions = policy.act(step)
        actions = np.where(rng.random(actions.shape) < eager, LOAD, actions)
        before, step = step, batch.step(actions)
        for b in np.flatnonzero(before.ended):
            for name in ("obs", "state", "available", "terminated", "truncated"):
                assert np.array_equal(getattr(step, name)[b], getattr(before, name)[b]), name
            assert not step.agent_reward[b].any()
        for b in np.flatnonzero(~before.ended):
            crowded = _same_step(batch, before, step, b, envs[b], actions[b])
            found.steps += 1
            found.seen["two agents in one cell"] += crowded
        _count(found, batch, before, step, actions)
        if step.ended.all():
            break
    found.episodes += n_envs
    assert step.ended.all()


def _same_step(batch, before, step, b, env, actions):
    shown, rewards, done, *_ = env.step(actions.tolist())
    assert np.array_equal(step.agent_reward[b], np.array(rewards, np.float32)), (step.agent_reward[b], rewards)
    assert step.reward[b] == np.array(rewards, np.float32).sum()
    assert done == step.ended[b]
    assert step.terminated[b] == (done and not env.field.any())
    assert step.truncated[b] == (done and bool(env.field.any()))
    last = step.state[b, -batch.n_agents :]
    assert np.array_equal(last, actions)
    _same_view(batch, step, b, env, shown)
    return len({player.position for player in env.players}) < env.n_agents


def _same_view(batch, step, b, env, shown):
    assert np.array_equal(step.obs[b], np.array(shown).reshape(batch.n_agents, -1)), "observations"
    n, f = batch.n_agents, batch.n_foods
    agents = step.state[b, : 3 * n].reshape(n, 3).tolist()
    assert agents == [[*player.position, player.level] for player in env.players]
    foods = step.state[b, 3 * n : 3 * (n + f)].reshape(f, 3)
    there = [[row, column, env.field[row, column]] for row, column in np.argwhere(env.field)]
    assert foods[foods[:, 2] > 0].tolist() == there
    assert (foods[foods[:, 2] == 0] == [-1, -1, 0]).all()
    if batch.rules.mask_invalid:
        valid = [[any(a.value == k for a in env._valid_actions[player]) for k in range(6)] for player in env.players]
        assert np.array_equal(step.available[b], valid)
    else:
        assert step.available[b].all()


def _count(found, batch, before, step, actions):
    live = ~before.ended
    moved = (step.state[live, : 3 * batch.n_agents] != before.state[live, : 3 * batch.n_agents]).reshape(
        -1, batch.n_agents, 3
    )
    wanted = (actions[live] >= 1) & (actions[live] <= 4)
    found.seen["moves"] += int(moved.any(axis=2).sum())
    found.seen["moves that failed"] += int((wanted & ~moved.any(axis=2)).sum())
    found.seen["loads that were paid"] += int((step.agent_reward[live] > 0).sum())
    found.seen["loads that were fined"] += int((step.agent_reward[live] < 0).sum())
    found.seen["episodes without food left"] += int((step.terminated & live).sum())
    found.seen["episodes cut by the limit"] += int((step.truncated & live).sum())


def run(steps, *, n_envs=16, seed=0, variants=None):
    """Compare every variant in turn until each has had its share of the steps."""
    found = Found()
    variants = variants or VARIANTS
    for index, (env_id, options) in enumerate(variants):
        wanted = steps * (index + 1) // len(variants)
        turn = 0
        while found.steps < wanted:
            compare(env_id, options, n_envs=n_envs, seed=[seed, index, turn], found=found)
            turn += 1
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    found = run(options.steps, seed=options.seed)
    print(f"equal    {found.steps:,} steps, {found.episodes:,} episodes, {len(VARIANTS)} variants, seed {options.seed}")
    for what, count in found.seen.items():
        print(f"         {count:,} {what}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
